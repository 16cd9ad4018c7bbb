import numpy as np
import pytest

from aidd.evaluation.metrics import level_error


def test_against_cases_worked_out_by_hand():
    reference, mask = np.array([5.0, 1.0, 1.0, 5.0]), np.array([False, True, True, False])
    assert level_error(reference, reference, mask) == 0
    assert level_error(reference, 10 * reference, mask) == pytest.approx(20)
    assert level_error(reference, np.array([0, 0.1, -0.1, 0]), mask) == pytest.approx(-20)
    # Pooled: one sample takes the energy of both.
    assert level_error(reference, np.array([0, np.sqrt(2), 0, 0]), mask) == pytest.approx(0)
    assert level_error(reference, 0 * reference, mask) == -np.inf


def test_exchanging_the_two_changes_the_sign():
    one, two = np.random.default_rng(0).normal(size=(2, 3, 100))
    mask = np.arange(100) < 50
    assert level_error(one, 3 * two, mask) == pytest.approx(-level_error(3 * two, one, mask))
    assert level_error(7 * one, 21 * two, mask) == pytest.approx(level_error(one, 3 * two, mask))


def test_what_does_not_fit_is_refused():
    ones, mask = np.ones(4), np.array([True, False, False, False])
    with pytest.raises(ValueError, match="one shape"):
        level_error(ones, np.ones(5), mask)
    with pytest.raises(ValueError, match="mask must be bool"):
        level_error(ones, ones, ones)
    with pytest.raises(ValueError, match="mask is empty"):
        level_error(ones, ones, np.zeros(4, bool))
    with pytest.raises(ValueError, match="silent in the gap"):
        level_error(0 * ones, ones, mask)
