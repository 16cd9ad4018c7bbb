import numpy as np
import pytest

from aidd.evaluation.metrics import snr_in_gap


def test_against_cases_worked_out_by_hand():
    reference, mask = np.array([5.0, 1.0, 1.0, 5.0]), np.array([False, True, True, False])
    assert snr_in_gap(reference, reference, mask) == np.inf
    assert snr_in_gap(reference, 0 * reference, mask) == 0
    assert snr_in_gap(reference, np.array([0, 1.1, 0.9, 0]), mask) == pytest.approx(20)
    assert snr_in_gap(reference, 2 * reference, mask) == 0


def test_channels_share_a_mask():
    reference = np.random.default_rng(0).normal(size=(2, 100))
    mask = np.arange(100) < 50
    assert snr_in_gap(reference, 0.9 * reference, mask) == pytest.approx(20)


def test_what_does_not_fit_is_refused():
    ones, mask = np.ones(4), np.array([True, False, False, False])
    with pytest.raises(ValueError, match="one shape"):
        snr_in_gap(ones, np.ones(5), mask)
    with pytest.raises(ValueError, match="mask must be bool"):
        snr_in_gap(ones, ones, ones)
    with pytest.raises(ValueError, match="mask is empty"):
        snr_in_gap(ones, ones, np.zeros(4, bool))
    with pytest.raises(ValueError, match="silent in the gap"):
        snr_in_gap(0 * ones, ones, mask)
