import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from aidd.pipelines.filling import fill_gaps, high_band


RATE = 16_000
CUTOFF = 4000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def recording(num_channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num_channels, 20_000))


def band_power(signal: np.ndarray, low: float, high: float) -> float:
    frequencies = np.fft.rfftfreq(len(signal), 1 / RATE)
    return float(np.mean(np.abs(np.fft.rfft(signal))[(frequencies >= low) & (frequencies < high)] ** 2) / len(signal))


def test_the_high_band_is_as_loud_as_beside_the_gap_and_empty_below():
    mask = np.zeros(20_000, bool)
    mask[6000:14_000] = True
    noise = high_band(recording()[0], mask, (6000, 14_000), CUTOFF, RATE, generator())
    assert band_power(noise[6000:14_000], 4500, 8000) == pytest.approx(1, abs=0.15)
    assert band_power(noise[6000:14_000], 0, 3500) < 1e-3
    assert not noise[:4000].any() and not noise[16_000:].any()


def test_the_band_that_no_model_generates_is_filled_and_the_other_is_the_generated_audio():
    audio, mask = recording(), np.zeros((1, 20_000), bool)
    mask[0, 6000:14_000] = True
    generated = sosfilt(butter(10, CUTOFF, output="sos", fs=RATE), recording(1, 1)[0])
    options = {"sampling_rate": RATE, "reach_seconds": 0.01}
    filled, empty = audio.copy(), audio.copy()
    fill_gaps(filled, mask, generated, [(6000, 14_000)], cutoff=CUTOFF, generator=generator(), **options)
    fill_gaps(empty, mask, generated, [(6000, 14_000)], cutoff=RATE / 2, generator=None, **options)
    inner = slice(7000, 13_000)
    assert band_power(filled[0, inner], 4800, 8000) == pytest.approx(1, abs=0.25)
    assert band_power(empty[0, inner], 4800, 8000) < 0.1
    np.testing.assert_array_equal(filled[~mask], audio[~mask])
    low = slice(0, int(3200 * 6000 / RATE))
    spectra = [np.fft.rfft(x)[low] for x in (filled[0, inner], generated[inner])]
    assert abs(np.corrcoef(*spectra)[0, 1]) > 0.95


def test_gaps_of_single_channels_are_filled_in_these_alone():
    audio, mask = recording(2), np.zeros((2, 20_000), bool)
    mask[0, 6000:9000] = mask[1, 8000:12_000] = True
    filled = np.where(mask, np.nan, audio)
    fill_gaps(
        filled,
        mask,
        audio.mean(0),
        [(6000, 12_000)],
        sampling_rate=RATE,
        cutoff=RATE / 2,
        reach_seconds=0.01,
        generator=None,
    )
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[~mask], audio[~mask])
    assert np.std(filled[mask]) == pytest.approx(1, abs=0.15)
