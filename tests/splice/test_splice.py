import numpy as np
import pytest
from scipy.signal import lfilter

from aidd.signals.autoregressive import burg, extrapolate, prediction_error
from aidd.splice.continuation import (
    combine,
    continuation_weight,
    continue_both_edges,
    continue_with_error,
    splice,
)
from aidd.splice.filling import splice_short_gaps
from aidd.splice.surroundings import Surroundings, surroundings_of


RATE = 8000


def signal_and_mask(start: int = 4000, end: int = 5000, num_samples: int = 9000, seed: int = 0):
    signal = np.random.default_rng(seed).normal(size=num_samples)
    mask = np.zeros(num_samples, bool)
    mask[start:end] = True
    return signal, mask


def spliced(signal, mask, generated, gap, *, sampling_rate=RATE, **options) -> np.ndarray:
    """A copy of the signal with the gap filled."""
    inside = slice(*gap)
    filling = splice(surroundings_of(signal, mask, gap), generated[inside], sampling_rate=sampling_rate, **options)
    return np.concatenate([signal[: inside.start], filling, signal[inside.stop :]])


def tone(num_samples: int) -> np.ndarray:
    time = np.arange(num_samples)
    return np.sin(0.3 * time) + 0.5 * np.sin(0.71 * time + 1)


@pytest.mark.parametrize("gap", [(4000, 5000), (0, 700), (8500, 9000), (4000, 4001), (1, 8999)])
def test_fillings_are_as_long_as_the_gap_and_nothing_missing_is_read(gap):
    signal, mask = signal_and_mask(*gap)
    damaged = np.where(mask, np.nan, signal)
    restored = spliced(damaged, mask, np.ones(9000), gap, sampling_rate=RATE)
    assert np.array_equal(restored[~mask], signal[~mask])
    assert np.isfinite(restored).all()
    assert np.isnan(damaged[mask]).all()


def test_other_gaps_are_neither_read_nor_filled():
    signal, mask = signal_and_mask()
    mask[3900:3950] = True
    damaged = np.where(mask, np.nan, signal)
    restored = spliced(damaged, mask, np.ones(9000), (4000, 5000), sampling_rate=RATE)
    assert np.isfinite(restored[4000:5000]).all() and np.isnan(restored[3900:3950]).all()


def test_the_middle_of_a_long_gap_is_the_generated_audio():
    signal, mask = signal_and_mask(3000, 6000)
    generated = np.random.default_rng(1).normal(size=9000)
    restored = spliced(np.where(mask, np.nan, signal), mask, generated, (3000, 6000), sampling_rate=RATE)
    # A gap this long has twice the reach of a short one.
    reach = round(0.16 * RATE) + 1
    inner = slice(3000 + reach, 6000 - reach)
    np.testing.assert_allclose(restored[inner], generated[inner], atol=1e-12)


def test_what_is_predictable_is_continued_and_what_is_not_is_generated():
    mask = signal_and_mask(4000, 4300)[1]
    nothing = np.zeros(9000)
    pure = spliced(np.where(mask, np.nan, tone(9000)), mask, nothing, (4000, 4300), sampling_rate=RATE)
    np.testing.assert_allclose(pure[mask], tone(9000)[mask], atol=0.02)
    noise = np.random.default_rng(0).normal(size=9000)
    generated = np.random.default_rng(1).normal(size=9000)
    replaced = spliced(np.where(mask, np.nan, noise), mask, generated, (4000, 4300), sampling_rate=RATE, order=8)
    assert np.corrcoef(replaced[mask], generated[mask])[0, 1] > 0.95


def test_the_mix_of_two_signals_of_one_power_has_it_too_or_two_db_less():
    rng = np.random.default_rng(0)
    powers = []
    for _ in range(60):
        signal, generated = lfilter([1], [1, -1.6, 0.9], rng.normal(size=(2, 3000)))
        mask = np.zeros(3000, bool)
        mask[1400:1600] = True
        restored = spliced(np.where(mask, np.nan, signal), mask, generated, (1400, 1600), sampling_rate=RATE, order=8)
        powers.append(np.mean(restored[mask] ** 2) / np.mean(signal**2))
    # 1 - P + P^3 of the signal's power, where the error's variance is P: 0.615 at the least.
    assert 0.6 < np.mean(powers) < 1.05


def test_without_intact_context_the_generated_audio_stands_alone():
    mask = np.ones(100, bool)
    generated = np.random.default_rng(0).normal(size=100)
    restored = spliced(np.full(100, np.nan), mask, generated, (0, 100), sampling_rate=RATE)
    assert np.array_equal(restored, generated)


def test_the_error_a_model_expects_is_the_error_it_makes():
    rng = np.random.default_rng(0)
    error_filter = np.array([1, -1.6, 0.9])
    signals = lfilter([1], error_filter, rng.normal(size=(4000, 400)))
    error = np.mean([(s[300:] - extrapolate(s[:300], error_filter, 100)) ** 2 for s in signals], axis=0)
    expected = np.mean([prediction_error(s[:300], error_filter, 100) * np.mean(s[:300] ** 2) for s in signals], axis=0)
    np.testing.assert_allclose(error, expected, rtol=0.1)


def test_the_expected_error_starts_at_the_prediction_gain_and_ends_at_the_signals_power():
    signal = lfilter([1], [1, -1.6, 0.9], np.random.default_rng(0).normal(size=50_000))
    error = prediction_error(signal, burg(signal, 2), 500)
    assert 1 / error[0] == pytest.approx(np.mean(signal**2), rel=0.02)
    assert (np.diff(error) >= 0).all() and error[-1] == pytest.approx(1, rel=0.02)


def test_silence_is_continued_by_silence_for_sure_and_nothing_by_nothing():
    continuation, error = continue_with_error(np.zeros(50), 10, 4)
    assert not continuation.any() and not error.any()
    continuation, error = continue_with_error(np.zeros(2), 10, 4)
    assert not continuation.any() and np.isinf(error).all()


def test_an_edge_is_predicted_as_far_as_it_reaches():
    noisy = np.sin(0.2 * np.arange(600)) + 0.5 * np.random.default_rng(5).normal(size=600)
    whole, error = continue_with_error(noisy, 300, 40)
    known, known_error = continue_with_error(noisy, 300, 40, 100)
    assert error[99] > 1e-2
    assert np.array_equal(known, np.concatenate([whole[:100], np.zeros(200)]))
    assert np.array_equal(known_error, np.concatenate([error[:100], np.ones(200)]))


@pytest.mark.parametrize(("left_noise", "right_noise"), [(0.0, 0.5), (0.5, 0.0), (0.025, 0.04), (0.0, 0.0)])
def test_both_edges_are_predicted_over_the_whole_gap_if_one_of_them_is_certain(left_noise, right_noise):
    """Otherwise the estimate would jump where one of them ended, though the other is heard there."""
    rng, time = np.random.default_rng(1), np.arange(2000)
    before = np.sin(0.2 * time) + left_noise * rng.normal(size=2000)
    after = np.sin(0.25 * time) + right_noise * rng.normal(size=2000)
    gap = Surroundings(2000, 2900, before, after)
    errors = [continue_with_error(edge, 100, 40)[1][-1] for edge in (before, after[::-1])]
    assert min(errors) < 1e-2
    for of_whole, of_known in zip(
        continue_both_edges(gap, 2000, 40), continue_both_edges(gap, 2000, 40, known=100), strict=True
    ):
        assert np.array_equal(of_whole, of_known)


def test_the_estimate_is_the_nearer_continuation_at_an_edge_and_the_surer_one_between():
    left, right, error = np.ones(999), np.zeros(999), np.full(999, 1e-3)
    estimate, _ = combine(left, error, right, error)
    np.testing.assert_allclose(estimate, 1 - np.arange(1, 1000) / 1000, atol=1e-3)
    surer, _ = combine(left, error / 5, right, error)
    assert (surer > estimate).all() and surer[0] > 0.999 and surer[-1] < 0.01
    alone, same = combine(left, error, right, np.full(999, np.inf))
    assert alone is left and same is error


@pytest.mark.parametrize("gap", [1, 7, 20])
def test_two_predictions_make_the_least_squares_estimate(gap):
    # x[n] = a x[n - 1] + noise of unit power: given both neighbours of the gap, the middle's estimate is enumerated.
    a, middle = 0.9, gap // 2
    lags = np.array([-middle - 1, gap - middle])
    covariance = a ** np.abs(lags[:, None] - lags)
    towards = a ** np.abs(lags)
    neighbours = np.array([0.7, -1.2])
    expected = towards @ np.linalg.solve(covariance, neighbours)
    left, right = neighbours * towards
    estimate, error = combine(
        *(np.full(3, value) for value in (left, 1 - towards[0] ** 2, right, 1 - towards[1] ** 2))
    )
    assert error[1] == pytest.approx(1 - towards @ np.linalg.solve(covariance, towards))
    if 2 * middle + 1 == gap:
        assert estimate[1] == pytest.approx(expected)


def test_the_weight_is_one_where_nothing_is_uncertain_and_fades_within_reach():
    likely, uncertain = np.full(1000, 0.01), np.ones(1000)
    both = continuation_weight(likely, 100, from_left=True, from_right=True)
    assert np.array_equal(both, both[::-1]) and both[101:-101].max() < 1e-9 and both[0] > 0.999
    assert not continuation_weight(uncertain, 100, from_left=True, from_right=True).any()
    np.testing.assert_allclose(continuation_weight(likely[:90], 100, from_left=True, from_right=True), 1, atol=1e-4)
    left = continuation_weight(likely, 100, from_left=True, from_right=False)
    assert left[0] > 0.999 and left[101:].max() < 1e-9
    assert (continuation_weight(np.full(1000, 1e-7), 100, from_left=True, from_right=True) > 1 - 1e-12).all()


@pytest.mark.parametrize("frequency", [50, 440, 3000])
def test_steady_tones_are_continued_beyond_the_reach_and_silence_stays_silent(frequency):
    rate, num_samples = 44_100, 44_100
    tone = 0.3 * np.sin(2 * np.pi * frequency / rate * np.arange(num_samples))
    gap = (15_000, 15_000 + round(0.3 * rate))
    mask = signal_and_mask(*gap, num_samples)[1]
    generated = 0.2 * np.random.default_rng(0).normal(size=num_samples)
    restored = spliced(np.where(mask, np.nan, tone), mask, generated, gap, sampling_rate=rate)
    assert np.corrcoef(restored[mask], tone[mask])[0, 1] > 0.99
    assert np.sqrt(np.mean(restored[mask] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert not spliced(np.where(mask, np.nan, 0.0), mask, generated, gap, sampling_rate=rate).any()


def test_short_gaps_between_intact_audio_are_filled_and_others_left():
    signal, mask = tone(9000), np.zeros((1, 9000), bool)
    for start, end in ((0, 50), (2000, 2080), (4000, 4400), (8990, 9000)):
        mask[0, start:end] = True
    damaged = np.where(mask, np.nan, signal)
    filled, missing = splice_short_gaps(damaged, mask, sampling_rate=RATE, longest_seconds=0.01)
    np.testing.assert_allclose(filled[0, 2000:2080], signal[2000:2080], atol=1e-6)
    assert np.array_equal(missing[0], mask[0] & (np.abs(np.arange(9000) - 2040) > 100))
    assert np.array_equal(np.isnan(filled), missing) and np.isnan(damaged[mask]).all()


def test_surroundings_reach_from_the_gap_to_the_next_missing_samples():
    signal, mask = signal_and_mask()
    mask[[3899, 5100]] = True
    found = surroundings_of(np.stack([signal, -signal]), mask, (4000, 5000))
    assert np.array_equal(found.before[0], signal[3900:4000]) and np.array_equal(found.after[1], -signal[5000:5100])
    assert not found.mono.before.any() and found.num_samples == 1000
    for num_samples in (0, 1, 60, 100, 2000):
        before, after = found.sides(num_samples)
        assert before.shape == after.shape == (2, min(num_samples, 100))
        beside = found.around(signal, num_samples)
        assert all(np.array_equal(one[0], other) for one, other in zip((before, after), beside, strict=True))


def test_arguments_that_do_not_fit_are_refused():
    signal, mask = signal_and_mask()
    with pytest.raises(ValueError, match="as many generated samples as are missing, 1000, got 10"):
        splice(surroundings_of(signal, mask, (4000, 5000)), np.ones(10), sampling_rate=RATE)
    with pytest.raises(ValueError, match="one length, got 10 and 9000"):
        surroundings_of(signal[:10], mask, (4000, 5000))
    with pytest.raises(ValueError, match="samples are all missing"):
        surroundings_of(signal, mask, (3999, 5000))
