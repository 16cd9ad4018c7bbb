import warnings

import numpy as np
import pytest
import torch

from aidd.splice.contract import ContractError, MaskWarning, fill_channels, prepare, read, write_back


AUDIO = np.zeros((2, 100), np.float32)
MASK = np.arange(100) < 10
BROKEN = np.where(np.arange(100) == 50, np.nan, 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(50,), (2, 50), (3, 2, 50)])
@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_there_and_back_keeps_everything(framework, shape, dtype):
    audio = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    audio[..., 30] = -0.0
    mask = np.zeros(50, bool)
    mask[10:20] = True
    prepared = prepare(audio if framework == "numpy" else torch.from_numpy(audio), mask, 8_000)
    signals, missing = prepared.signals, prepared.missing
    assert signals.shape == missing.shape == (1,) * (3 - len(shape)) + shape
    assert np.isnan(signals[missing]).all()

    restored = write_back(prepared, np.where(missing, 0.5, np.stack([signals] * 4)))
    assert type(restored) is type(prepared.audio) and restored.dtype == prepared.audio.dtype
    assert restored.shape == (4, *shape)
    restored = np.asarray(restored)
    assert (restored[..., mask] == 0.5).all()
    bits = np.dtype(f"u{dtype().itemsize}")
    assert all(np.array_equal(one.view(bits)[..., ~mask], audio.view(bits)[..., ~mask]) for one in restored)


def test_what_was_read_cannot_be_written_to():
    prepared = prepare(AUDIO, MASK, 8_000)
    for array in (prepared.signals, prepared.missing):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("framework", ["numpy", "torch"])
@pytest.mark.parametrize("value", [0.25, np.nan, -0.0])
def test_audio_that_changes_during_a_call_is_refused(framework, value):
    audio = np.zeros((2, 100)) if framework == "numpy" else torch.zeros(2, 100)

    def fill(signal, missing):
        audio[1, 70] = value
        return np.where(missing, 0.5, signal)

    with pytest.raises(ContractError, match=rf"1 samples .* first at index \(1, 70\): 0.0 became {value}"):
        fill_channels(audio, MASK, 8_000, fill)


def test_audio_may_change_under_the_mask():
    audio = np.zeros(100)

    def fill(signal, missing):
        audio[5] = np.nan
        return np.where(missing, 0.5, signal)

    assert np.array_equal(fill_channels(audio, MASK, 8_000, fill), 0.5 * MASK)


@pytest.mark.parametrize("value", [0.25, np.nan])
def test_intact_samples_that_a_method_changes_are_refused(value):
    def fill(signal, missing):
        return np.where(np.arange(100) == 70, value, np.where(missing, 0.5, signal))

    with pytest.raises(ContractError, match=rf"got 2 that .* first at index \(0, 70\): 0.0 became {value}"):
        fill_channels(AUDIO, MASK, 8_000, fill)


def test_what_rounds_to_the_audios_own_samples_is_no_change():
    audio = np.linspace(-1, 1, 100, dtype=np.float32)
    prepared = prepare(audio, MASK, 8_000)
    restored = write_back(prepared, np.where(prepared.missing, 0, prepared.signals + 1e-12))
    assert np.array_equal(restored, np.where(MASK, 0, audio))


def test_missing_samples_that_were_not_filled_are_refused():
    with pytest.raises(ContractError, match=r"got 20 that are not finite, the first at index \(0, 0\)"):
        fill_channels(AUDIO, MASK, 8_000, lambda signal, missing: signal)


def test_signals_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"of shape \(..., \(1, 2, 100\)\), got \(2, 100\)"):
        write_back(prepare(AUDIO, MASK, 8_000), np.zeros((2, 100)))


def test_samples_under_the_mask_are_read_where_they_are_needed():
    audio = np.linspace(-1, 1, 100)
    assert np.array_equal(prepare(audio, MASK, 8_000, read_missing=True).signals[0, 0], audio)
    assert np.array_equal(read(BROKEN, MASK).signals[0, 0], BROKEN, equal_nan=True)
    with pytest.raises(ValueError, match=r"1 samples .* first at index \(5,\)"):
        prepare(np.where(np.arange(100) == 5, np.nan, audio), MASK, 8_000, read_missing=True)


def test_masks_of_channels_broadcast():
    audio = np.zeros((2, 3, 10), np.float32)
    mask = np.zeros((3, 10), bool)
    mask[1, 4:6] = True
    for given in (mask, torch.from_numpy(mask)):
        assert np.array_equal(prepare(audio, given, 8_000).missing, np.stack([mask, mask]))


def test_suspicious_masks_warn():
    audio = np.zeros((2, 10))
    with pytest.warns(MaskWarning, match="mask is empty"):
        prepare(audio, np.zeros(10, bool), 8_000)
    with pytest.warns(MaskWarning, match="60% of a channel"):
        prepare(audio, np.arange(10) < 6, 8_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(audio, np.arange(10) < 5, 8_000)


@pytest.mark.parametrize("num_missing", [0, 6])
def test_warnings_point_at_the_nearest_line_outside_the_package(num_missing):
    with pytest.warns(MaskWarning) as warned:
        fill_channels(np.zeros(10), np.arange(10) < num_missing, 8_000, lambda signal, _: np.zeros(10))
    expected = test_warnings_point_at_the_nearest_line_outside_the_package.__code__.co_firstlineno + 3
    assert [(warning.filename, warning.lineno) for warning in warned] == [(__file__, expected)]


# What is wrong, the call, and what the message must say.
BAD_INPUTS = [
    ("audio is a list", lambda: prepare([0.0, 1.0], MASK, 8_000), "numpy array or a torch tensor, got list"),
    ("audio is integer", lambda: prepare(AUDIO.astype(np.int16), MASK, 8_000), "float32 or float64.*got int16"),
    ("audio is an integer tensor", lambda: prepare(torch.zeros(100, dtype=torch.int16), MASK, 8_000), "got int16"),
    ("audio is half precision", lambda: prepare(AUDIO.astype(np.float16), MASK, 8_000), "got float16"),
    ("audio is bfloat16", lambda: prepare(torch.zeros(100).bfloat16(), MASK, 8_000), "got torch.bfloat16"),
    ("audio is complex", lambda: prepare(AUDIO.astype(np.complex64), MASK, 8_000), "got complex64"),
    ("audio has no axis", lambda: prepare(np.zeros(()), MASK, 8_000), r"got \(\)"),
    ("audio has four axes", lambda: prepare(AUDIO[None, None], MASK, 8_000), r"got \(1, 1, 2, 100\)"),
    ("audio is empty", lambda: prepare(AUDIO[:, :0], MASK[:0], 8_000), r"none of them 0, got \(2, 0\)"),
    ("audio is samples first", lambda: prepare(AUDIO.T, MASK, 8_000), r"is to be transposed\); got \(100,\)"),
    ("mask is integer", lambda: prepare(AUDIO, MASK.astype(int), 8_000), "mask must be bool.*got int64"),
    ("mask is a list", lambda: prepare(AUDIO, MASK.tolist(), 8_000), "mask must be a numpy array"),
    ("mask is too short", lambda: prepare(AUDIO, MASK[:99], 8_000), r"shape \(100,\).*got \(99,\)"),
    ("mask is of other channels", lambda: prepare(AUDIO, np.stack([MASK] * 3), 8_000), r"got \(3, 100\)"),
    ("mask has more axes than audio", lambda: prepare(AUDIO[0], MASK[None], 8_000), r"got \(1, 100\)"),
    ("everything is missing", lambda: prepare(AUDIO, np.ones(100, bool), 8_000), "everything is missing"),
    (
        "a channel is missing whole",
        lambda: prepare(AUDIO, np.stack([MASK, np.ones(100, bool)]), 8_000),
        "intact samples in every channel",
    ),
    ("NaN outside the mask", lambda: prepare(BROKEN, MASK, 8_000), r"1 samples that are not finite.*index \(50,\)"),
    ("infinity outside the mask", lambda: prepare(AUDIO + np.inf, MASK, 8_000), "180 samples that are not finite"),
    ("rate is zero", lambda: prepare(AUDIO, MASK, 0), "positive integer, in Hz, got 0"),
    ("rate is negative", lambda: prepare(AUDIO, MASK, -44_100), "positive integer, in Hz, got -44100"),
    ("rate is a fraction", lambda: prepare(AUDIO, MASK, 44_100.5), "positive integer, in Hz, got 44100.5"),
    ("rate is missing", lambda: prepare(AUDIO, MASK, None), "positive integer, in Hz, got None"),
]


@pytest.mark.parametrize(("call", "message"), [pytest.param(*case[1:], id=case[0]) for case in BAD_INPUTS])
def test_bad_input_is_refused_in_words(call, message, record_property):
    with pytest.raises(ValueError, match=message) as refusal:
        call()
    record_property("message", str(refusal.value))
