"""Which of several fillings the others agree with most: minimum Bayes risk."""

import numpy as np

from .matching import erb_powers


# Powers this far below the loudest band of all fillings count as equal: -60 dB.
FLOOR = 1e-6


def agreement_risk(fillings: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """
    How far each filling of a gap is from the others, on average: its risk, if what was there is as likely to be like
    any of them (Kumar & Byrne 2004, Minimum Bayes-Risk Decoding). The distance of two is the mean absolute difference
    of their log10 powers in bands of one ERB and frames of 21 ms, so phases do not count.

    Args:
        fillings: float64, `(variations, samples)`: of one gap, at its level.
        sampling_rate: Hz.

    Returns:
        float64 `(variations,)`, at least 0. Of fillings of one gap, the one with the smallest is the best guess.
    """
    if len(fillings) == 1:
        return np.zeros(1)
    power, _ = erb_powers(fillings, sampling_rate)
    levels = np.log10(power + FLOOR * power.max() + np.finfo(np.float64).tiny)
    distances = np.abs(levels[:, None] - levels).mean((2, 3))
    return distances.sum(-1) / (len(fillings) - 1)
