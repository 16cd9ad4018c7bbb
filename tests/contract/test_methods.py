"""The contract of every method of `aidd.METHODS`. A new method is held to it by being in the table."""

import inspect

import numpy as np
import pytest
import torch

from aidd import METHODS, AIDDPipeline, CQTDiffPipeline, SpectrogramRePaintPipeline
from aidd.classical.cells import fading, log_magnitude, phain_tf, zeroing
from aidd.classical.phain import b_phain, r_phain, u_phain
from aidd.repair.auto import auto_with
from aidd.repair.best import best_with
from aidd.repair.methods import ROWS
from aidd.splice import contract
from aidd.splice.contract import ContractError, MaskWarning


RATE = 24_000


def bits(audio) -> np.ndarray:
    """As integers: zeros have a sign, and NaN is equal to itself."""
    values = np.ascontiguousarray(audio)
    return values.view(f"u{values.itemsize}")


def one_gap(num_samples: int, start: int, end: int) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    mask[start:end] = True
    return mask


def test_the_signature(method):
    parameters = inspect.signature(method).parameters
    assert list(parameters)[:2] == ["audio", "mask"]
    for name in ("sampling_rate", "generator"):
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["sampling_rate"].default is inspect.Parameter.empty and parameters["generator"].default is None


FILLING = [AIDDPipeline.__call__, AIDDPipeline.adapt, AIDDPipeline.reconstruct, CQTDiffPipeline.__call__]
FILLING += [SpectrogramRePaintPipeline.__call__, u_phain, b_phain, r_phain, auto_with, best_with]
FILLING += [fading, log_magnitude, phain_tf, zeroing]


def test_the_first_line_of_every_docstring_says_what_the_mask_means():
    for function in (*METHODS.values(), *FILLING):
        first, *_ = inspect.getdoc(function).splitlines()
        assert "mask`: True = missing" in first, (function.__qualname__, first)


# Rates, in Hz, channels and types.
FORMS = [(8_000, 2, np.float32), (22_050, 1, np.float64), (24_000, 2, np.float64), (44_100, 1, np.float32)]


def test_intact_samples_come_back_to_the_bit_and_all_others_are_filled(name, method, tones, gaps, seeded):
    for rate, channels, dtype in FORMS:
        # See the fixture `rate`.
        rate = rate if ROWS[name].has_model else rate // 4
        audio = tones(int(0.3 * rate) + 7, rate, channels).astype(dtype)
        audio[0, rate // 20] = -0.0
        mask = gaps(audio.shape[-1], rate)
        audio[:, mask] = np.nan
        before = audio.copy(), mask.copy()
        restored = method(audio, mask, sampling_rate=rate, generator=seeded())
        assert type(restored) is np.ndarray and restored.shape == audio.shape and restored.dtype == dtype
        assert np.array_equal(bits(restored)[:, ~mask], bits(audio)[:, ~mask])
        assert np.isfinite(restored).all() and (restored[:, mask] != 0).mean() > 0.99
        # What was given is as it was, NaN included.
        assert np.array_equal(bits(audio), bits(before[0])) and np.array_equal(mask, before[1])


def test_arrays_and_tensors_come_back_in_their_own_form_and_alike(method, rate, tones, seeded):
    length = rate // 5
    mask, options = one_gap(length, rate // 12, rate // 9), {"sampling_rate": rate}
    for shape, dtype in (((length,), np.float32), ((1, length), np.float64), ((2, 1, length), np.float32)):
        audio = np.broadcast_to(tones(length, rate)[0], shape).astype(dtype)
        from_array = method(audio, mask, generator=seeded(), **options)
        from_tensor = method(torch.tensor(audio), torch.tensor(mask), generator=seeded(), **options)
        assert type(from_array) is np.ndarray and type(from_tensor) is torch.Tensor
        assert from_array.shape == tuple(from_tensor.shape) == shape
        assert from_array.dtype == dtype and from_tensor.dtype == torch.tensor(audio).dtype
        assert np.array_equal(from_array, from_tensor.numpy())
        assert np.array_equal(bits(from_array)[..., ~mask], bits(audio)[..., ~mask])


def test_values_under_the_mask_are_never_read(method, rate, tones, gaps, seeded):
    audio, mask = tones(3 * rate // 10, rate), gaps(3 * rate // 10, rate)
    results = [
        method(np.where(mask, hidden, audio), mask, sampling_rate=rate, generator=seeded())
        for hidden in (0.0, np.nan, np.inf, 17.0)
    ]
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_the_same_seed_gives_the_same_audio_and_another_one_if_anything_is_drawn(name, method, rate, tones, seeded):
    length = 3 * rate // 10
    # A gap that the method's model fills.
    gap = rate // 12 if name in ("auto", "best") else rate // 30
    audio, mask = tones(length, rate), one_gap(length, rate // 8, rate // 8 + gap)
    first, again, other = (method(audio, mask, sampling_rate=rate, generator=seeded(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    draws = ROWS[name].has_model or name in ("envelope_noise", "lines", "sinusoidal")
    assert np.array_equal(first, other) != draws


def test_channels_have_gaps_of_their_own_and_items_without_any_come_back_as_they_came(method, rate, tones, seeded):
    length = 3 * rate // 10
    audio = np.stack([tones(length, rate, 2), 0.5 * tones(length, rate, 2)])
    mask = np.zeros(audio.shape, bool)
    mask[1, 0, rate // 12 : rate // 9] = mask[1, 1, rate // 5 : 23 * rate // 100] = True
    restored = method(audio, mask, sampling_rate=rate, generator=seeded())
    assert np.array_equal(restored[~mask], audio[~mask]) and np.array_equal(restored[0], audio[0])
    assert (restored[mask] != audio[mask]).mean() > 0.99


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_masks_that_look_wrong_warn_at_the_line_of_the_call(name, method, tones, seeded, share):
    mask = np.arange(12_000) % 1000 < 1000 * share
    if share and ROWS[name].pipeline_class == "AIDDPipeline":
        # Not enough is left for tokens between gaps so near each other, but one gap may be as long.
        mask = one_gap(12_000, 2_000, 9_200)
    audio = tones(12_000, RATE).astype(np.float32)
    with pytest.warns(MaskWarning, match="inverted" if share else "mask is empty") as warned:
        restored = method(audio, mask, sampling_rate=RATE, generator=seeded())
        line = inspect.currentframe().f_lineno - 1
    assert [(one.filename, one.lineno) for one in warned] == [(__file__, line)]
    assert np.array_equal(bits(restored)[:, ~mask], bits(audio)[:, ~mask]) and restored is not audio


def test_audio_that_changes_during_the_call_is_refused(method, tones, seeded, monkeypatch):
    """Every method writes through the contract, which looks at the caller's audio at the moment of writing."""
    audio, mask = tones(7200, RATE), one_gap(7200, 3000, 3700)
    as_numpy = contract.as_numpy

    def changing(array, name):
        # Asked for by this name again when all is filled.
        if name == "audio":
            audio[0, 100] = 0.75
        return as_numpy(array, name)

    monkeypatch.setattr(contract, "as_numpy", changing)
    with pytest.raises(ContractError, match=r"changed since, the first at index \(0, 100\)"):
        method(audio, mask, sampling_rate=RATE, generator=seeded())


SINE = 0.1 * np.sin(np.arange(6000) / 10)
GAP = one_gap(6000, 2000, 2500)
BAD_INPUTS = {
    "a list": ({"audio": SINE.tolist()}, "audio must be a numpy array or a torch tensor, got list"),
    "integer audio": ({"audio": np.zeros(6000, np.int16)}, "float32 or float64.*got int16"),
    "audio of half precision": ({"audio": SINE.astype(np.float16)}, "float32 or float64.*got float16"),
    "four axes": ({"audio": SINE[None, None, None]}, r"audio must have shape .*got \(1, 1, 1, 6000\)"),
    "no samples": ({"audio": np.zeros((1, 0)), "mask": np.zeros(0, bool)}, r"none of them 0, got \(1, 0\)"),
    "NaN outside the gap": ({"audio": np.where(np.arange(6000) == 5, np.nan, SINE)}, r"not finite.*index \(5,\)"),
    "infinity in a tensor": ({"audio": torch.full((6000,), torch.inf)}, "5500 samples that are not finite"),
    "mask of numbers": ({"mask": GAP.astype(float)}, "mask must be bool.*got float64"),
    "mask that is too short": ({"mask": GAP[:-1]}, r"mask must have shape \(6000,\).*got \(5999,\)"),
    "samples first": ({"audio": SINE[:, None]}, r"is to be transposed\); got \(6000,\)"),
    "everything missing": ({"mask": np.ones(6000, bool)}, "everything is missing"),
    "a channel missing": (
        {"audio": np.stack([SINE, SINE]), "mask": np.stack([GAP, np.ones(6000, bool)])},
        "intact samples in every channel",
    ),
    "rate of zero": ({"sampling_rate": 0}, "positive integer, in Hz, got 0"),
    "negative rate": ({"sampling_rate": -44_100}, "positive integer, in Hz, got -44100"),
    "rate of a half": ({"sampling_rate": 22_050.5}, "positive integer, in Hz, got 22050.5"),
}


def test_bad_input_is_refused_with_what_was_expected_and_what_came(method, record_property):
    for case, (arguments, message) in BAD_INPUTS.items():
        with pytest.raises(ValueError, match=message) as refusal:
            method(**{"audio": SINE, "mask": GAP, "sampling_rate": RATE, **arguments})
        record_property(case, str(refusal.value))


def test_a_gap_longer_than_the_method_fills_is_refused_and_no_other(name, method, tones, seeded):
    rate = RATE if ROWS[name].has_model else 8_000
    audio, mask = tones(rate, rate), one_gap(rate, rate // 3, int(0.8 * rate))
    # To `best`, methods without a model are candidates too.
    if ROWS[name].has_model and name != "best":
        with pytest.raises(ValueError, match=r"fills gaps of up to 0\.\d+ s, got one of 0\.47 s: 'envelope_noise'"):
            method(audio, mask, sampling_rate=rate, generator=seeded())
    else:
        assert np.isfinite(method(audio, mask, sampling_rate=rate, generator=seeded())).all()
