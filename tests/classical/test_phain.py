import numpy as np
import pytest
from scipy.optimize import minimize

from aidd.classical.phain import (
    OVERLAP,
    b_phain,
    in_rounds,
    least_variation,
    objective,
    r_phain,
    u_phain,
    update_frequencies,
)
from aidd.evaluation.methods.evaluated_methods import masked
from aidd.evaluation.metrics import snr_in_gap
from aidd.signals.phase_advances import phase_advances, variation
from aidd.signals.stft import analyse, bin_weights, tight_hann


RATE = 8000
VARIANTS = (b_phain, r_phain, u_phain)
# What the paper starts from, its windows and its weight.
PUBLISHED = {"sampling_rate": RATE, "first": masked, "window_seconds": 2800 / 44_100, "weight": 1.0, "tolerance": 0}
HOP = 32
WINDOW = tight_hann(HOP, OVERLAP)


def sinusoids(*frequencies: float) -> np.ndarray:
    time = np.arange(RATE) / RATE
    return sum(0.3 * np.sin(2 * np.pi * frequency * time + frequency) for frequency in frequencies)


def gap(*gaps: tuple[int, int]) -> np.ndarray:
    missing = np.zeros(RATE, bool)
    for start, end in gaps:
        missing[start:end] = True
    return missing


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two channels of noise with a gap, 0 in it, where it is, and advances of phase."""
    signals = np.random.default_rng(0).normal(size=(2, 12 * HOP))
    missing = np.zeros(signals.shape, bool)
    missing[:, 5 * HOP : 6 * HOP] = True
    known = np.where(missing, 0, signals) / np.abs(signals).max()
    return known, missing, phase_advances(known, WINDOW, HOP)


@pytest.mark.parametrize("weights", [1.0, 0.1])
def test_known_samples_stay_and_the_objective_falls(weights):
    known, missing, advances = problem()
    sums = [objective(known, advances, weights, WINDOW)]
    for num_iterations in (10, 40, 400):
        restored = least_variation(known, missing, advances, weights, WINDOW, num_iterations, 0)
        np.testing.assert_array_equal(restored[~missing], known[~missing])
        sums.append(objective(restored, advances, weights, WINDOW))
    assert (np.diff(sums) < 0).all()


def test_the_solution_is_a_minimum():
    """By another method: a quasi-Newton one with magnitudes rounded off at 1e-4."""
    known, missing, advances = problem()
    twice = bin_weights(2 * HOP + 1)

    def smoothed(samples: np.ndarray) -> float:
        signals = known.copy()
        signals[missing] = samples
        differences = np.abs(variation(analyse(signals, WINDOW, HOP), advances))
        return float((twice * np.sqrt(np.square(differences) + 1e-8)).sum())

    restored = least_variation(known, missing, advances, 1.0, WINDOW, 2000, 0)
    found = minimize(smoothed, np.zeros(missing.sum()), method="L-BFGS-B", options={"maxfun": 20_000}).fun
    assert smoothed(restored[missing]) < 1.001 * found


def test_early_stopping_costs_little_of_the_objective():
    known, missing, advances = problem()
    stopped, whole = (
        objective(least_variation(known, missing, advances, 1.0, WINDOW, 1000, tolerance), advances, 1.0, WINDOW)
        for tolerance in (1e-4, 0)
    )
    assert whole <= stopped < 1.01 * whole


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("frequency", [440.0, 1234.5])
def test_a_stationary_sinusoid_is_restored(variant, frequency):
    signal, missing = sinusoids(frequency), gap((4000, 4240))
    assert snr_in_gap(signal, variant(signal, missing, sampling_rate=RATE), missing) > 40


def test_updates_of_the_frequencies_restore_a_sinusoid_from_silence():
    signal, missing = sinusoids(440.0), gap((4000, 4240))
    updated = snr_in_gap(signal, u_phain(signal, missing, num_rounds=10, num_iterations=100, **PUBLISHED), missing)
    basic = snr_in_gap(signal, b_phain(signal, missing, **PUBLISHED), missing)
    reweighted = snr_in_gap(signal, r_phain(signal, missing, **PUBLISHED), missing)
    # The gap blurs the first frequencies: the paper's order of the three.
    assert updated > 40 and updated > reweighted + 6 > basic + 12


def test_an_intact_channel_tells_the_frequencies_of_the_other():
    signal, missing = np.stack([sinusoids(440.0), 0.5 * sinusoids(440.0)]), gap((4000, 4240))
    both, one = np.stack([missing, missing]), np.stack([missing, missing & False])
    shared, blind = (snr_in_gap(signal[0], b_phain(signal, mask, **PUBLISHED)[0], missing) for mask in (one, both))
    assert shared > blind + 3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "gaps",
    [[(0, 80)], [(7920, 8000)], [(1000, 1080), (1200, 1280), (5000, 5080)], [(i, i + 1) for i in range(0, 8000, 50)]],
)
def test_gaps_anywhere_are_filled_and_nothing_else_changes(variant, gaps):
    signal, missing = sinusoids(441.3, 997.7), gap(*gaps)
    restored = variant(signal, missing, sampling_rate=RATE)
    np.testing.assert_array_equal(restored[~missing], signal[~missing])
    assert snr_in_gap(signal, restored, missing) > 5


def test_silence_stays_silence_and_the_scale_of_the_signal_does_not_matter():
    missing = gap((1000, 1100))
    np.testing.assert_array_equal(u_phain(np.zeros(RATE), missing, sampling_rate=RATE), np.zeros(RATE))
    signal = sinusoids(441.3, 997.7)
    loud, quiet = (u_phain(scale * signal, missing, sampling_rate=RATE) / scale for scale in (2.0**10, 2.0**-20))
    np.testing.assert_allclose(loud, quiet, atol=1e-6)


def test_no_frame_without_a_missing_sample_matters():
    """A gap is filled alike however much of the signal stands around it."""
    known, missing, _ = problem()
    options = {"update": update_frequencies, "num_rounds": 2, "num_iterations": 20, "weight": 1.0, "tolerance": 0}
    whole = in_rounds(known, missing, WINDOW, **options)
    # Frames that touch the gap begin with the second hop; one more stands on each side.
    part = slice(HOP, 10 * HOP)
    np.testing.assert_allclose(
        in_rounds(known[:, part], missing[:, part], WINDOW, **options), whole[:, part], atol=1e-6
    )


@pytest.mark.parametrize(
    "option",
    [{"num_rounds": 0}, {"num_iterations": 0}, {"weight": 0}, {"tolerance": -1e-3}, {"window_seconds": 1e-4}],
)
def test_options_out_of_range_are_refused(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{name}.* at least"):
        u_phain(np.ones(RATE), gap((10, 20)), sampling_rate=RATE, **option)
