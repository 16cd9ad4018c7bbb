import numpy as np
import pytest

from aidd.signals.measures.log_mel_distance import log_mel_distance


RATE = 16_000


def noise(seed: int = 0, num_samples: int = 8000) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num_samples)


def measure(reference, estimate, **options) -> float:
    return log_mel_distance(reference, estimate, sampling_rate=RATE, **options)


def test_of_equal_signals_is_zero_and_it_is_symmetric_and_deaf_to_sign():
    assert measure(noise(), noise()) == measure(noise(), -noise()) == 0
    assert measure(noise(), noise(1)) == measure(noise(1), noise()) > 1


def test_of_a_gain_is_its_decibels():
    assert measure(noise(), 10 * noise(), eps=0) == pytest.approx(20, rel=1e-9)
    assert measure(noise(), 10 ** (-3 / 20) * noise(), eps=0) == pytest.approx(3, rel=1e-9)


def test_against_one_frame_worked_out_by_hand():
    # An impulse in the middle of a window of four samples: power 1 in each of the bins at 0, 1/4 and 1/2 Hz. A band
    # from 0 to 1/2 Hz holds the second only.
    impulse, options = np.array([0, 0, 1.0, 0]), {"window_seconds": 4, "hop_seconds": 4, "n_mels": 1}
    centre = 1127 * np.log1p(0.5 / 700) / 2
    weight = (1127 * np.log1p(0.5 / 700) - 1127 * np.log1p(0.25 / 700)) / centre
    value = log_mel_distance(impulse, 0 * impulse, sampling_rate=1, f_min=0, f_max=0.5, eps=0.01, **options)
    assert value == pytest.approx(10 * np.log10((weight + 0.01) / 0.01), rel=1e-9)


def test_the_mask_picks_the_frames_that_touch_it_in_its_channel():
    reference, mask = noise(), np.zeros(8000, bool)
    mask[4000:4500] = True
    estimate = np.where(mask, 0, reference)
    starts = np.arange(0, 8000 - 400 + 1, 160)
    touching = ((starts < 4500) & (starts + 400 > 4000)).sum()
    in_gap, whole = measure(reference, estimate, mask=mask), measure(reference, estimate)
    assert in_gap * touching == pytest.approx(whole * len(starts), rel=1e-9)
    pair = np.stack([reference] * 2), np.stack([estimate, reference])
    assert measure(*pair, mask=mask) == pytest.approx(in_gap / 2, rel=1e-9)
    assert measure(*pair, mask=np.stack([mask, ~mask & False])) == pytest.approx(in_gap, rel=1e-9)


def test_what_does_not_fit_is_refused():
    mask = np.zeros(8000, bool)
    with pytest.raises(ValueError, match="one shape"):
        measure(noise(), noise()[1:])
    with pytest.raises(ValueError, match="at least 400 samples"):
        measure(noise()[:300], noise()[:300])
    with pytest.raises(ValueError, match="must hold a sample"):
        measure(noise(), noise(), hop_seconds=0)
    with pytest.raises(ValueError, match="mask is empty"):
        measure(noise(), noise(), mask=mask)
    with pytest.raises(ValueError, match="no frame touches"):
        measure(noise()[:500], noise()[:500], mask=np.arange(500) > 450)
