"""Confidence intervals by recording."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student


def bootstrap_interval(
    values: Sequence[float], groups: Sequence[str], *, level: float = 0.95, num_resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """
    Percentile interval of the mean, resampling whole groups: segments of one recording are not independent.

    Args:
        values: one a segment.
        groups: the recording each belongs to.
        level: confidence level in (0, 1).
        num_resamples: bootstrap samples.
        seed: of the resampling.

    Returns:
        Lower and upper end. With few groups it is rough, and with one it has no width.

    Raises:
        ValueError: no values, or another number of groups.
    """
    if not len(values) or len(values) != len(groups):
        raise ValueError(f"expected a group for each of one or more values, got {len(values)} and {len(groups)}")
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(index, np.asarray(values, float)), np.bincount(index)
    draws = np.random.default_rng(seed).integers(len(names), size=(num_resamples, len(names)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def jackknife_interval(value: float, left_out: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
    """
    Interval of a statistic of a whole set, such as a distance of distributions: for one of those, a bootstrap sample,
    which holds the same items several times, is no set of the same kind.

    Args:
        value: of all groups.
        left_out: the value without each of the g groups.
        level: confidence level in (0, 1).

    Returns:
        Lower and upper end: value -+ t sqrt((g - 1) / g * sum_i (left_out_i - mean)^2), t of Student's distribution
        with g - 1 degrees of freedom (the jackknife: Tukey 1958, Annals of Mathematical Statistics 29, p. 614). Of one
        group, not a number.
    """
    number = len(left_out)
    if number < 2:
        return float("nan"), float("nan")
    variance = (number - 1) / number * np.sum((np.asarray(left_out) - np.mean(left_out)) ** 2)
    reach = student.ppf((1 + level) / 2, number - 1) * np.sqrt(variance)
    return float(value - reach), float(value + reach)
