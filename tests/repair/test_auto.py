import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.repair.auto import auto, auto_with


RATE = 8_000
janssen, u_phain, linear, autoregressive = (
    METHODS[name] for name in ("janssen", "u_phain", "linear", "autoregressive")
)


def mask_of(num_samples: int, *gaps: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    for start, end in gaps:
        mask[start:end] = True
    return mask


def test_short_gaps_alone_are_janssens(tones):
    audio = tones(RATE, RATE, channels=2)
    mask = np.random.default_rng(0).random(audio.shape) < 0.1
    assert np.array_equal(auto(audio, mask, sampling_rate=RATE), janssen(audio, mask, sampling_rate=RATE))


def test_gaps_of_20_to_70_ms_alone_are_u_phains_and_channels_share_the_frequencies(tones):
    audio, mask = tones(RATE, RATE, channels=2), np.zeros((2, RATE), bool)
    mask[0, 1000:1161] = mask[1, 4000:4560] = True
    restored = auto(audio, mask, sampling_rate=RATE)
    assert np.array_equal(restored, u_phain(audio, mask, sampling_rate=RATE))
    alone = np.stack([u_phain(*channel, sampling_rate=RATE) for channel in zip(audio, mask, strict=True)])
    assert np.all(np.any(restored != alone, axis=1))


def test_channels_are_read_together_where_nothing_that_is_yet_to_fill_lies_in_reach(tones):
    audio, mask = tones(3 * RATE, RATE, channels=2), np.zeros((2, 3 * RATE), bool)
    mask[0, 4000:4400] = True
    together = u_phain(audio, mask, sampling_rate=RATE)[0, 4000:4400]
    alone = u_phain(audio[0], mask[0], sampling_rate=RATE)[4000:4400]
    for start, expected in ((3_000, alone), (12_000, together)):
        with_long = mask.copy()
        with_long[1, start : start + 4_100] = True
        restored = auto_with(linear, audio, with_long, sampling_rate=RATE)
        assert np.array_equal(restored[0, 4000:4400], expected)


def test_long_gaps_alone_are_the_models(tones):
    audio, mask = tones(24_000, 24_000), mask_of(24_000, (9_000, 14_000))
    results = [
        METHODS[name](audio, mask, sampling_rate=24_000, generator=torch.Generator().manual_seed(0))
        for name in ("auto", "aidd")
    ]
    assert np.array_equal(*results)


def test_short_gaps_come_first_and_long_ones_are_filled_from_them(tones):
    audio = tones(RATE, RATE)[0]
    long, before, after = (3_000, 3_600), (2_970, 2_990), (3_602, 3_610)
    mask = mask_of(RATE, long, before, after)
    # Each side of the long gap is a signal of its own: nothing is known of the gap.
    filled = audio.copy()
    for side, gap in ((slice(0, 3_000), before), (slice(3_600, RATE), after)):
        filled[side] = janssen(audio[side], mask_of(RATE, gap)[side], sampling_rate=RATE)
    expected = autoregressive(filled, mask_of(RATE, long), sampling_rate=RATE)
    for hidden in (np.nan, 1e3):
        restored = auto_with(autoregressive, np.where(mask, hidden, audio), mask, sampling_rate=RATE)
        assert np.array_equal(restored, expected)
    assert not np.array_equal(restored[slice(*long)], autoregressive(audio, mask, sampling_rate=RATE)[slice(*long)])


def test_form_and_intact_samples_are_kept(tones):
    audio = tones(RATE, RATE, channels=6).reshape(2, 3, RATE).astype(np.float32)
    mask = np.zeros((2, 3, RATE), bool)
    mask[0, 0, 100:110] = mask[0, 1, 105:700] = mask[1, 2, -1] = True
    restored = auto_with(linear, torch.from_numpy(audio), torch.from_numpy(mask), sampling_rate=RATE)
    assert restored.dtype == torch.float32 and restored.shape == audio.shape
    assert np.array_equal(restored.numpy()[~mask], audio[~mask])
    # A part of a gap that only one channel has is that channel's.
    for channel, method in (((0, 0), janssen), ((0, 1), linear), ((1, 2), janssen)):
        alone = method(audio[channel], mask[channel], sampling_rate=RATE)
        assert np.array_equal(restored.numpy()[channel], alone)


def test_variations_of_the_long_gaps_share_the_short_ones(tones):
    audio, mask = tones(RATE, RATE), mask_of(RATE, (100, 120), (3_000, 3_600))

    def two(audio, mask, *, sampling_rate, generator):
        return np.stack([method(audio, mask, sampling_rate=sampling_rate) for method in (linear, autoregressive)])

    restored = auto_with(two, audio, mask, sampling_rate=RATE)
    assert restored.shape == (2, 1, RATE)
    for variation, method in zip(restored, (linear, autoregressive), strict=True):
        assert np.array_equal(variation, auto_with(method, audio, mask, sampling_rate=RATE))


def test_it_warns_as_other_methods_do_and_once(tones):
    audio = tones(RATE, RATE)
    # Between the long gaps, 20 of 30 samples are missing, which is not warned of.
    auto_with(linear, audio, mask_of(RATE, (900, 1_500), (1_505, 1_525), (1_530, 2_100)), sampling_rate=RATE)
    with pytest.warns(UserWarning, match="75% of a channel") as warned:
        auto_with(linear, audio, mask_of(RATE, (1_000, 7_000)), sampling_rate=RATE)
    assert len(warned) == 1
    with pytest.warns(UserWarning, match="mask is empty"):
        assert np.array_equal(auto(audio, mask_of(RATE), sampling_rate=RATE), audio)
    with pytest.raises(ValueError, match="everything is missing"):
        auto(audio, mask_of(RATE, (0, RATE)), sampling_rate=RATE)
