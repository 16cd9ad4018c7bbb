import numpy as np
import pytest
from scipy.stats import t as student

from aidd.evaluation.bootstrap import bootstrap_interval, jackknife_interval


def test_covers_the_mean_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        means = random.normal(size=20)
        values = np.repeat(means, 5) + 0.1 * random.normal(size=100)
        low, high = bootstrap_interval(values, np.repeat(np.arange(20), 5).astype(str), num_resamples=300)
        covered += low <= 0 <= high
    assert 0.86 < covered / 200 < 0.99


def test_equal_values_have_no_width_and_groups_move_as_one():
    assert bootstrap_interval([2.0, 2.0], ["a", "b"]) == (2.0, 2.0)
    assert bootstrap_interval([1.0, 3.0], ["a", "a"]) == (2.0, 2.0)
    assert bootstrap_interval([1.0, 3.0], ["a", "b"]) == (1.0, 3.0)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="got 0 and 0"):
        bootstrap_interval([], [])
    with pytest.raises(ValueError, match="got 2 and 1"):
        bootstrap_interval([1.0, 2.0], ["a"])


def test_the_jackknife_of_a_mean_is_students_interval():
    values = np.random.default_rng(0).normal(size=8)
    left_out = [np.delete(values, i).mean() for i in range(8)]
    expected = student.interval(0.95, 7, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(8))
    assert jackknife_interval(values.mean(), left_out) == pytest.approx(expected)
    assert np.isnan(jackknife_interval(1.0, [1.0])).all()
