import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from aidd.evaluation.reports.bootstrap import bootstrap_interval, jackknife_interval


@pytest.mark.parametrize("num_recordings", [3, 5, 10, 20])
def test_of_few_recordings_it_holds_the_mean_less_often_than_it_says(num_recordings):
    """
    Recordings are normal about 0, and 8 segments are about each. Resampled means have the variance (n - 1) s^2 / n^2,
    s the deviation of the recordings' means. Were they normal, the interval would be -+ 1.96 sqrt((n - 1) / n) times
    s / sqrt(n) about the mean, and Student's distribution tells how often that holds 0.
    """
    random, num_trials = np.random.default_rng(num_recordings), 1000
    recordings = np.repeat(np.arange(num_recordings), 8).astype(str)
    effects = random.normal(size=(num_trials, num_recordings)).repeat(8, axis=1)
    values = effects + random.normal(size=effects.shape)
    low, high = np.transpose([bootstrap_interval(trial, recordings) for trial in values])
    covered = (low * high <= 0).mean()
    deviations = norm.ppf(0.975) * ((num_recordings - 1) / num_recordings) ** 0.5
    expected = student.cdf(deviations, num_recordings - 1) - student.cdf(-deviations, num_recordings - 1)
    print(f"{num_recordings} recordings: {covered:.1%} of {num_trials} hold the mean, {expected:.1%} expected")
    assert abs(covered - expected) < 3 * (expected * (1 - expected) / num_trials) ** 0.5


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
