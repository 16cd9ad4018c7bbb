import numpy as np
import pytest

from aidd.evaluation.metrics import seam_spectral_flux


RATE = 16_000
NUM_SAMPLES = 4000
GAP = (1600, 2400)


def tone(frequency: float = 500.0, noise_seed: int = 0) -> np.ndarray:
    hiss = 1e-3 * np.random.default_rng(noise_seed).normal(size=NUM_SAMPLES)
    return np.sin(2 * np.pi * frequency * np.arange(NUM_SAMPLES) / RATE) + hiss


def gap_mask(*gaps: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(NUM_SAMPLES, bool)
    for start, end in gaps or [GAP]:
        mask[start:end] = True
    return mask


def measure(estimate, mask=None, reference=None, **options) -> float:
    reference = tone() if reference is None else reference
    return seam_spectral_flux(reference, estimate, gap_mask() if mask is None else mask, sampling_rate=RATE, **options)


def test_the_reference_scores_exactly_nothing():
    assert measure(tone()) == 0
    assert measure(tone(), gap_mask((0, 1), (2, 3), (1000, 1500), (3999, NUM_SAMPLES))) == 0


def test_a_change_of_level_or_of_pitch_in_the_gap_counts_and_a_change_of_phase_less():
    inside = gap_mask()
    quiet, silent, sharp, inverted = (
        np.where(inside, filling, tone())
        for filling in (tone() / 2, np.zeros(NUM_SAMPLES), tone(800), -tone(noise_seed=1))
    )
    assert 20 < measure(quiet) < measure(silent) < measure(sharp)
    assert measure(inverted) < 10


def test_a_step_of_level_grows_by_its_square():
    inside = gap_mask((GAP[0], NUM_SAMPLES))
    small, large = (measure(np.where(inside, gain * tone(), tone()), inside) for gain in (1.2, 3))
    assert large - small == pytest.approx(20, abs=0.1)


def test_against_windows_of_two_samples_worked_out_by_hand():
    # Sine squared of two samples is 1/2 and 1/2; spectra are halves of the sum and of the difference.
    reference, estimate = np.array([1.0, 2, 3, 3]), np.array([1.0, 2, -6, 1])

    def flux(y: np.ndarray) -> float:
        change = [abs(y[2] + s * y[3]) / 2 - abs(y[0] + s * y[1]) / 2 for s in (1, -1)]
        return sum(c**2 for c in change)

    mask = np.array([False, False, True, True])
    value = seam_spectral_flux(reference, estimate, mask, sampling_rate=100)
    assert value == pytest.approx(10 * np.log10(flux(estimate) / flux(reference)), rel=1e-9)
    assert seam_spectral_flux(estimate, reference, mask, sampling_rate=100) == 0


def test_only_the_windows_at_the_seams_are_seen():
    num_window = round(0.02 * RATE)
    reference, estimate = tone(), tone()
    estimate[GAP[0] + num_window : GAP[1] - num_window] = 100
    estimate[: GAP[0] - num_window] = 100
    assert measure(estimate, reference=reference) == 0


def test_the_level_of_both_and_the_direction_of_time_do_not_matter():
    estimate = np.where(gap_mask(), tone() / 2, tone())
    value = measure(estimate)
    assert measure(1024 * estimate, reference=1024 * tone()) == value
    assert measure(estimate[::-1], gap_mask()[::-1], tone()[::-1]) == pytest.approx(value, rel=1e-9)


def test_seams_and_channels_are_averaged():
    first, second = (GAP[0], NUM_SAMPLES), (0, GAP[1])
    estimate = np.where(gap_mask(), tone(800), tone())
    ends = [measure(estimate, gap_mask(gap)) for gap in (first, second)]
    assert measure(estimate) == pytest.approx(np.mean(ends), rel=1e-12)
    stacked = np.stack([tone(), estimate])
    assert measure(stacked, reference=np.stack([tone()] * 2)) == pytest.approx(np.mean(ends) / 2, rel=1e-12)


def test_beside_silence_everything_is_infinite_but_silence():
    silent = np.zeros(NUM_SAMPLES)
    assert measure(silent, reference=silent) == 0
    assert measure(np.where(gap_mask(), tone(), 0), reference=silent) == np.inf


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        measure(tone()[1:])
    with pytest.raises(ValueError, match="mask is empty"):
        measure(tone(), gap_mask((0, 0)))
    with pytest.raises(ValueError, match="no seam"):
        measure(tone(), gap_mask((0, NUM_SAMPLES)))
    with pytest.raises(ValueError, match="window must hold a sample"):
        measure(tone(), window_seconds=0)
