import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from aidd.signals.bands import erb_bands
from aidd.splice.matching import match_edges, quadratures, semidefinite_cholesky
from aidd.splice.surroundings import surroundings_of


RATE = 16_000
GAP = (8000, 14_000)


def correlated(rho: float, seed: int = 0, num_samples: int = 22_000) -> np.ndarray:
    first, second = np.random.default_rng(seed).normal(size=(2, num_samples))
    return np.stack([first, rho * first + np.sqrt(1 - rho**2) * second])


def missing(num_samples: int = 22_000) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    mask[slice(*GAP)] = True
    return mask


def test_generated_audio_of_the_right_level_stays_as_it_is():
    audio = np.random.default_rng(0).normal(size=(1, 22_000))
    matched = match_edges(
        audio[0], surroundings_of(np.where(missing(), np.nan, audio), missing(), GAP), sampling_rate=RATE
    )
    np.testing.assert_allclose(matched, audio[:, slice(*GAP)], atol=1e-9)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_level_follows_the_edges_whatever_the_generated_level(factor):
    audio = np.random.default_rng(0).normal(size=(1, 22_000))
    damaged = np.where(missing(), np.nan, audio)
    matched = match_edges(factor * audio[0], surroundings_of(damaged, missing(), GAP), sampling_rate=RATE)
    np.testing.assert_allclose(matched, audio[:, slice(*GAP)], atol=1e-9)


def test_levels_are_matched_band_by_band():
    audio = np.random.default_rng(0).normal(size=22_000)
    low = sosfilt(butter(4, 2000, output="sos", fs=RATE), audio)
    generated = low + (audio - low) / 2
    matched = match_edges(generated, surroundings_of(audio[None], missing(), GAP), sampling_rate=RATE)[0]
    spectrum, expected = (np.abs(np.fft.rfft(x)) ** 2 for x in (matched, audio[slice(*GAP)]))
    for band in (slice(100, 500), slice(900, 1500), slice(2000, 2900)):
        assert spectrum[band].sum() / expected[band].sum() == pytest.approx(1, abs=0.1)


def test_gain_runs_from_one_edge_to_the_other_in_db_and_is_bounded():
    generated = np.random.default_rng(0).normal(size=22_000)
    audio = generated * np.where(np.arange(22_000) < 11_000, 1.0, 2.0)
    matched = match_edges(generated, surroundings_of(audio[None], missing(), GAP), sampling_rate=RATE)[0]
    levels = np.sqrt(np.mean((matched / np.std(generated)).reshape(6, 1000) ** 2, axis=1))
    np.testing.assert_allclose(np.log2(levels), (np.arange(6) + 0.5) / 6, atol=0.06)
    bounded = match_edges(
        1e-6 * generated, surroundings_of(audio[None], missing(), GAP), sampling_rate=RATE, max_gain=4.0
    )[0]
    np.testing.assert_allclose(bounded, 4e-6 * generated[slice(*GAP)], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.3, 0.9, 1.0])
def test_channels_keep_their_levels_and_their_correlation(rho):
    audio = correlated(rho) * np.array([[1.0], [0.4]])
    damaged = np.where(missing(), np.nan, audio)
    matched = match_edges(audio.mean(0), surroundings_of(damaged, missing(), GAP), sampling_rate=RATE)
    assert np.corrcoef(matched)[0, 1] == pytest.approx(rho, abs=0.08)
    np.testing.assert_allclose(np.std(matched, axis=1), [1.0, 0.4], rtol=0.08)


def test_channels_that_differ_by_level_alone_are_given_back_as_they_are():
    audio = np.random.default_rng(0).normal(size=22_000) * np.array([[1.0], [-0.2], [0.5]])
    matched = match_edges(
        audio.mean(0), surroundings_of(np.where(missing(), np.nan, audio), missing(), GAP), sampling_rate=RATE
    )
    np.testing.assert_allclose(matched, audio[:, slice(*GAP)], atol=1e-6)


def test_a_delay_between_the_channels_is_kept_as_a_phase():
    low = sosfilt(butter(4, 1000, output="sos", fs=RATE), np.random.default_rng(0).normal(size=22_010))
    audio = np.stack([low[5:-5], low[:-10]])
    matched = match_edges(
        audio.mean(0), surroundings_of(np.where(missing(), np.nan, audio), missing(), GAP), sampling_rate=RATE
    )
    lags = [np.corrcoef(np.roll(matched[0], lag), matched[1])[0, 1] for lag in range(12)]
    assert np.argmax(lags) == 5


def test_silence_falls_silent_and_without_edges_nothing_is_changed():
    generated = np.random.default_rng(0).normal(size=22_000)
    silent = match_edges(generated, surroundings_of(np.zeros((2, 22_000)), missing(), GAP), sampling_rate=RATE)
    assert np.abs(silent).max() < 1e-6
    everything = np.ones(22_000, bool)
    alone = match_edges(
        generated, surroundings_of(np.full((2, 22_000), np.nan), everything, (0, 22_000)), sampling_rate=RATE
    )
    assert np.array_equal(alone, np.stack([generated, generated]))


@pytest.mark.parametrize("gap", [(0, 5000), (20_000, 22_000), (30, 21_990)])
def test_gaps_at_the_edges_of_a_file(gap):
    audio = correlated(0.5)
    mask = np.zeros(22_000, bool)
    mask[slice(*gap)] = True
    matched = match_edges(audio.mean(0), surroundings_of(np.where(mask, np.nan, audio), mask, gap), sampling_rate=RATE)
    assert matched.shape == (2, gap[1] - gap[0]) and np.isfinite(matched).all()


def test_bands_add_up_to_one():
    bands = erb_bands(np.linspace(0, 24_000, 513))
    np.testing.assert_allclose(bands.sum(0), 1)
    assert (bands.any(axis=1)).all()


def test_quadratures_have_the_spectrum_of_the_signal_and_no_correlation():
    signal = np.random.default_rng(0).normal(size=32_000)
    others = quadratures(signal, 3, RATE)
    magnitude = np.abs(np.fft.rfft(signal))
    np.testing.assert_allclose(np.abs(np.fft.rfft(others))[:, 100:-100], np.tile(magnitude[100:-100], (3, 1)))
    correlation = np.corrcoef(np.concatenate([signal[None], others]))
    np.testing.assert_allclose(correlation, np.eye(4), atol=0.06)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_factor_of_a_covariance_of_any_rank(rank):
    rng = np.random.default_rng(rank)
    roots = rng.normal(size=(10, 4, rank)) + 1j * rng.normal(size=(10, 4, rank))
    covariance = roots @ roots.conj().swapaxes(1, 2)
    factor = semidefinite_cholesky(covariance)
    np.testing.assert_allclose(factor @ factor.conj().swapaxes(1, 2), covariance, atol=1e-6)
    np.testing.assert_allclose(factor, np.tril(factor), atol=1e-12)
    assert not factor[:, :, rank:].any()
