import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from aidd.splice.filling import SpliceSettings, fill_gaps


RATE = 16_000
# What generates hears a quarter of the recording's band.
GENERATED_RATE = 8000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def recording(num_channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num_channels, 20_000))


def settings(generated_rate: int, one: torch.Generator | None) -> dict:
    return {
        "settings": SpliceSettings(RATE, generated_rate, reach_seconds=0.01),
        "generators": [one],
        "select": None,
    }


def band_power(signal: np.ndarray, low: float, high: float) -> float:
    frequencies = np.fft.rfftfreq(len(signal), 1 / RATE)
    return float(np.mean(np.abs(np.fft.rfft(signal))[(frequencies >= low) & (frequencies < high)] ** 2) / len(signal))


def test_the_band_that_no_model_generates_is_filled_and_the_other_is_the_generated_audio():
    audio, mask = recording(), np.zeros((1, 20_000), bool)
    mask[0, 6000:14_000] = True
    generated = sosfilt(butter(10, GENERATED_RATE / 2, output="sos", fs=RATE), recording(1, 1)[0])
    filled, empty = audio.copy(), audio.copy()
    gaps = [(6000, 14_000)]
    fill_gaps(filled[None], mask, generated[None], gaps, **settings(GENERATED_RATE, generator()))
    fill_gaps(empty[None], mask, generated[None], gaps, **settings(RATE, None))
    inner = slice(7000, 13_000)
    assert band_power(filled[0, inner], 4800, 8000) == pytest.approx(1, abs=0.25)
    assert band_power(empty[0, inner], 4800, 8000) < 0.1
    np.testing.assert_array_equal(filled[~mask], audio[~mask])
    low = slice(0, int(3200 * 6000 / RATE))
    spectra = [np.fft.rfft(x)[low] for x in (filled[0, inner], generated[inner])]
    assert abs(np.corrcoef(*spectra)[0, 1]) > 0.95


@pytest.mark.parametrize("num_missing", [400, 800, 1600])
def test_the_band_that_no_model_generates_is_as_loud_as_around_in_gaps_that_continuations_fill(num_missing):
    """A tone below is continued almost surely, and the noise above is not."""
    tone = np.sin(0.3 * np.arange(20_000))
    levels = []
    for seed in range(8):
        audio, mask = tone + 0.01 * recording(1, seed), np.zeros((1, 20_000), bool)
        mask[0, 10_000 : 10_000 + num_missing] = True
        filled = audio.copy()
        options = {"settings": SpliceSettings(RATE, GENERATED_RATE), "generators": [generator()], "select": None}
        fill_gaps(filled[None], mask, tone[None], [(10_000, 10_000 + num_missing)], **options)
        high = sosfilt(butter(10, 4800, "highpass", output="sos", fs=RATE), filled - tone)
        middle = slice(10_000 + num_missing // 4, 10_000 + 3 * num_missing // 4)
        levels.append(np.mean(high[0, middle] ** 2) / np.mean(high[0, 2000:9000] ** 2))
    assert 10 * np.log10(np.mean(levels)) == pytest.approx(0, abs=1.5)


def test_what_is_generated_above_the_band_has_no_part_in_it():
    audio, mask = recording(), np.zeros((1, 20_000), bool)
    mask[0, 6000:14_000] = True
    tone, whistle = np.sin(0.3 * np.arange(20_000)), np.sin(2.5 * np.arange(20_000))
    results = []
    for generated in (tone, tone + whistle):
        filled = audio.copy()
        fill_gaps(filled[None], mask, generated[None], [(6000, 14_000)], **settings(GENERATED_RATE, generator()))
        results.append(filled)
    assert np.abs(results[0] - results[1]).max() < 0.05 * np.std(audio)


def test_gaps_of_single_channels_are_filled_in_these_alone():
    audio, mask = recording(2), np.zeros((2, 20_000), bool)
    mask[0, 6000:9000] = mask[1, 8000:12_000] = True
    filled = np.where(mask, np.nan, audio)
    fill_gaps(filled[None], mask, audio.mean(0)[None], [(6000, 12_000)], **settings(RATE, None))
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[~mask], audio[~mask])
    assert np.std(filled[mask]) == pytest.approx(1, abs=0.15)


def test_the_best_continuation_comes_first_in_each_gap():
    time = np.arange(20_000)
    tones = 0.1 * recording()[0] + np.sin(0.2 * time) + np.sin(0.5 * time)
    generated = np.stack(
        [np.sin(0.2 * time) + np.sin(0.9 * time), tones, np.random.default_rng(1).normal(size=20_000)]
    )
    # In the second gap, the first one is the better.
    generated[:, 12_000:] = np.roll(generated[:, 12_000:], -1, axis=0)
    mask = np.zeros((1, 20_000), bool)
    gaps = [(6000, 9000), (14_000, 17_000)]
    for start, end in gaps:
        mask[0, start:end] = True
    filled = np.repeat(np.where(mask, np.nan, tones)[None], 3, axis=0)
    options = {"settings": SpliceSettings(RATE, RATE, reach_seconds=0.05), "generators": [None] * 3}
    fill_gaps(filled, mask, generated, gaps, select="ranked", **options)
    in_order = filled.copy()
    fill_gaps(in_order, mask, generated, gaps, select=None, **options)
    for (start, end), best in zip(gaps, (1, 0), strict=True):
        inside = np.s_[start:end]
        assert np.array_equal(filled[0, 0, inside], in_order[best, 0, inside])
        assert np.array_equal(np.sort(filled[:, 0, inside], 0), np.sort(in_order[:, 0, inside], 0))
