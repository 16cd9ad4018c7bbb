import numpy as np
import pytest

from aidd.evaluation.metrics import log_spectral_distance


def noise(num_samples: int = 4000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num_samples)


def test_of_equal_signals_is_zero_and_it_is_symmetric():
    assert log_spectral_distance(noise(), noise()) == 0
    assert log_spectral_distance(noise(), noise(seed=1)) == log_spectral_distance(noise(seed=1), noise())


def test_of_a_gain_is_its_power_in_log10_units():
    assert log_spectral_distance(noise(), 10 * noise(), eps=0) == pytest.approx(2, rel=1e-9)


def test_against_one_frame_worked_out_by_hand():
    # A window of four samples, periodic Hann: 0, 1/2, 1, 1/2. Impulse at the window's middle: power 1 in all bins.
    impulse, double = np.array([0, 0, 1.0, 0]), np.array([0, 0, 2.0, 0])
    expected = np.log10(4 + 1e-9) - np.log10(1 + 1e-9)
    assert log_spectral_distance(impulse, double, n_fft=4, hop_length=4) == pytest.approx(expected, rel=1e-12)
    # At its side: power 1/4, and silence leaves eps.
    beside = np.array([0, 1.0, 0, 0])
    expected = np.log10(0.25 + 1e-9) - np.log10(1e-9)
    assert log_spectral_distance(beside, 0 * beside, n_fft=4, hop_length=4) == pytest.approx(expected, rel=1e-12)


def test_the_mask_picks_the_frames_that_touch_it():
    reference, mask = noise(4096), np.zeros(4096, bool)
    mask[2048:2100] = True
    estimate = np.where(mask, 0, reference)
    frames = np.arange(0, 4096 - 512 + 1, 128)
    touching = ((frames < 2100) & (frames + 512 > 2048)).sum()
    whole = log_spectral_distance(reference, estimate)
    in_gap = log_spectral_distance(reference, estimate, mask=mask)
    assert in_gap * touching == pytest.approx(whole * len(frames), rel=1e-12)


def test_channels_are_averaged():
    one, two = noise(), noise(seed=1)
    both = log_spectral_distance(np.stack([one, one]), np.stack([one, two]))
    assert both == pytest.approx(log_spectral_distance(one, two) / 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        log_spectral_distance(noise(), noise(3999))
    with pytest.raises(ValueError, match="at least n_fft = 512"):
        log_spectral_distance(noise(100), noise(100))
    with pytest.raises(ValueError, match="no frame touches"):
        log_spectral_distance(noise(), noise(), mask=np.zeros(4000, bool))
    with pytest.raises(ValueError, match="mask must be bool"):
        log_spectral_distance(noise(), noise(), mask=np.ones(4000))
