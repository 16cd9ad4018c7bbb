import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from aidd.classical.envelope_noise import envelope_noise
from aidd.splice.surroundings import power_spectrum, shaped_noise, surrounding_noise, surroundings_of


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_has_the_spectrum_it_is_given():
    coloured = lfilter([1, 0.5], [1, -0.8], np.random.default_rng(0).normal(size=200_000))
    spectrum = power_spectrum(coloured, 256)
    measured = power_spectrum(shaped_noise(spectrum, spectrum, 200_000, generator()), 256)
    np.testing.assert_allclose(np.log10(measured[3:-3]), np.log10(spectrum[3:-3]), atol=0.1)


def test_level_runs_from_one_edge_to_the_other_in_db():
    spectrum = np.ones(129)
    levels = np.zeros(20)
    for seed in range(40):
        noise = shaped_noise(spectrum, 100 * spectrum, 20_000, generator(seed))
        levels += np.square(noise.reshape(20, -1)).mean(1) / 40
    slope = np.diff(10 * np.log10(levels))
    np.testing.assert_allclose(slope, 1.0, atol=0.35)


def test_the_same_seed_gives_the_same_noise_and_gaps_are_filled_at_their_surroundings_level():
    audio = np.random.default_rng(1).normal(size=48_000)
    mask = np.zeros(48_000, bool)
    mask[20_000:27_000] = True
    first, again, other = (
        envelope_noise(audio, mask, sampling_rate=24_000, generator=generator(s)) for s in (0, 0, 1)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(first[~mask], audio[~mask])
    assert np.std(first[21_500:25_500]) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("gap", [(0, 3000), (45_000, 48_000)])
def test_gaps_at_the_edges_are_filled(gap):
    audio, mask = np.random.default_rng(1).normal(size=48_000), np.zeros(48_000, bool)
    mask[slice(*gap)] = True
    restored = envelope_noise(np.where(mask, np.nan, audio), mask, sampling_rate=24_000, generator=generator())
    assert 0.5 < np.std(restored[mask]) < 1.5


def test_silence_stays_silent():
    mask = np.arange(5000) // 500 == 4
    assert np.array_equal(envelope_noise(np.zeros(5000), mask, sampling_rate=8000), np.zeros(5000))


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="multiple of 4, got 30"):
        envelope_noise(np.ones(10), np.arange(10) == 5, sampling_rate=8000, n_fft=30)


def test_gaps_near_each_other_are_all_filled():
    signal, mask = np.random.default_rng(0).normal(size=8000), np.zeros(8000, bool)
    for start in (2000, 2600, 3300):
        mask[start : start + 240] = True
    restored = envelope_noise(np.where(mask, np.nan, signal), mask, sampling_rate=8000, generator=generator())
    assert np.isfinite(restored).all()
    for start in (2000, 2600, 3300):
        assert 0.5 < np.std(restored[start : start + 240]) < 2


def test_noise_above_a_bin_is_as_loud_as_beside_the_gap_and_silent_below():
    signal, mask = np.random.default_rng(0).normal(size=20_000), np.zeros(20_000, bool)
    mask[6000:14_000] = True
    options = {"n_fft": 2048, "num_context": 1600, "generator": generator(), "first_bin": 512}
    noise = surrounding_noise(
        surroundings_of(np.where(mask, np.nan, signal), mask, (6000, 14_000)), num_samples=20_000, **options
    )
    power = np.abs(np.fft.rfft(noise[6000:14_000])) ** 2 / 8000
    assert power[2250:].mean() == pytest.approx(1, abs=0.15)
    assert power[:1750].mean() < 1e-3
    assert not noise[:4400].any() and not noise[15_600:].any()
    nothing = surroundings_of(np.full(100, np.nan), np.ones(100, bool), (0, 100))
    assert not surrounding_noise(nothing, num_samples=100, **options).any()
