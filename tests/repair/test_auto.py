import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.repair.auto import auto, auto_with
from aidd.repair.plan import choose


RATE = 8_000
janssen, linear, autoregressive = METHODS["janssen"], METHODS["linear"], METHODS["autoregressive"]


def mask_of(num_samples: int, *gaps: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    for start, end in gaps:
        mask[start:end] = True
    return mask


@pytest.mark.parametrize("shape", [(0,), (500,), (2, 300), (2, 3, 200)])
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_parts_are_disjoint_and_add_up_to_the_mask(shape, rate):
    mask = np.repeat(np.random.default_rng(0).random(shape) < 0.4, 20, axis=-1)
    for given in (mask, torch.from_numpy(mask)):
        parts = choose(given, sampling_rate=rate)
        assert list(parts) == ["janssen", "aidd"]
        assert np.array_equal(np.add(*(part.astype(int) for part in parts.values())), mask)


def test_short_gaps_are_those_up_to_5_ms_and_single_samples():
    parts = choose(mask_of(1000, (0, 120), (200, 321), (400, 401), (600, 800)), sampling_rate=24_000)
    assert np.array_equal(parts["janssen"], mask_of(1000, (0, 120), (400, 401)))
    parts = choose(mask_of(100, (10, 11), (20, 22)), sampling_rate=50)
    assert np.array_equal(parts["janssen"], mask_of(100, (10, 11)))


def test_what_is_no_mask_is_refused():
    with pytest.raises(ValueError, match="mask must be bool"):
        choose(np.zeros(10), sampling_rate=RATE)
    with pytest.raises(ValueError, match="samples as its last axis"):
        choose(np.array(True), sampling_rate=RATE)
    with pytest.raises(ValueError, match="positive integer"):
        choose(mask_of(10, (1, 2)), sampling_rate=0)


def test_short_gaps_alone_are_janssens(tones):
    audio = tones(RATE, RATE, channels=2)
    mask = np.random.default_rng(0).random(audio.shape) < 0.1
    assert np.array_equal(auto(audio, mask, sampling_rate=RATE), janssen(audio, mask, sampling_rate=RATE))


def test_long_gaps_alone_are_the_models(tones):
    audio, mask = tones(24_000, 24_000), mask_of(24_000, (9_000, 14_000))
    results = [
        METHODS[name](audio, mask, sampling_rate=24_000, generator=torch.Generator().manual_seed(0))
        for name in ("auto", "aidd")
    ]
    assert np.array_equal(*results)


def test_short_gaps_come_first_and_long_ones_are_filled_from_them(tones):
    audio = tones(RATE, RATE)[0]
    long, before, behind = (3_000, 3_400), (2_970, 2_990), (3_402, 3_410)
    mask = mask_of(RATE, long, before, behind)
    # Each side of the long gap is a signal of its own: nothing is known of the gap.
    filled = audio.copy()
    for side, gap in ((slice(0, 3_000), before), (slice(3_400, RATE), behind)):
        filled[side] = janssen(audio[side], mask_of(RATE, gap)[side], sampling_rate=RATE)
    expected = autoregressive(filled, mask_of(RATE, long), sampling_rate=RATE)
    for hidden in (np.nan, 1e3):
        restored = auto_with(autoregressive, np.where(mask, hidden, audio), mask, sampling_rate=RATE)
        assert np.array_equal(restored, expected)
    assert not np.array_equal(restored[slice(*long)], autoregressive(audio, mask, sampling_rate=RATE)[slice(*long)])


def test_form_and_intact_samples_are_kept(tones):
    audio = tones(RATE, RATE, channels=6).reshape(2, 3, RATE).astype(np.float32)
    mask = np.zeros((2, 3, RATE), bool)
    mask[0, 0, 100:110] = mask[0, 1, 105:600] = mask[1, 2, -1] = True
    restored = auto_with(linear, torch.from_numpy(audio), torch.from_numpy(mask), sampling_rate=RATE)
    assert restored.dtype == torch.float32 and restored.shape == audio.shape
    assert np.array_equal(restored.numpy()[~mask], audio[~mask])
    # A part of a gap that only one channel has is that channel's.
    for channel, method in (((0, 0), janssen), ((0, 1), linear), ((1, 2), janssen)):
        alone = method(audio[channel], mask[channel], sampling_rate=RATE)
        assert np.array_equal(restored.numpy()[channel], alone)


def test_variations_of_the_long_gaps_share_the_short_ones(tones):
    audio, mask = tones(RATE, RATE), mask_of(RATE, (100, 120), (3_000, 3_400))

    def two(audio, mask, *, sampling_rate, generator):
        return np.stack([method(audio, mask, sampling_rate=sampling_rate) for method in (linear, autoregressive)])

    restored = auto_with(two, audio, mask, sampling_rate=RATE)
    assert restored.shape == (2, 1, RATE)
    for variation, method in zip(restored, (linear, autoregressive), strict=True):
        assert np.array_equal(variation, auto_with(method, audio, mask, sampling_rate=RATE))


def test_it_warns_as_other_methods_do_and_once(tones):
    audio = tones(RATE, RATE)
    # No warning of a stretch of 30 samples of which 20 are missing.
    auto_with(linear, audio, mask_of(RATE, (1_000, 1_500), (1_505, 1_525), (1_530, 2_000)), sampling_rate=RATE)
    with pytest.warns(UserWarning, match="75% of a channel") as warned:
        auto_with(linear, audio, mask_of(RATE, (1_000, 7_000)), sampling_rate=RATE)
    assert len(warned) == 1
    with pytest.warns(UserWarning, match="mask is empty"):
        assert np.array_equal(auto(audio, mask_of(RATE), sampling_rate=RATE), audio)
    with pytest.raises(ValueError, match="everything is missing"):
        auto(audio, mask_of(RATE, (0, RATE)), sampling_rate=RATE)
