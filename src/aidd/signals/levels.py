"""Peak levels."""

import numpy as np


# Peak level of the windows that models are trained on and given: -3 dBFS.
PEAK = 10 ** (-3 / 20)


def gain_to_peak(signals: np.ndarray) -> np.ndarray:
    """
    Gains that bring signals to the peak level that models are given them at.

    Args:
        signals: float, `(..., samples)`.

    Returns:
        float `(...,)`; `PEAK` for silence, which no gain brings there.
    """
    peaks = np.abs(signals).max(-1)
    return PEAK / np.where(peaks > 0, peaks, 1.0)
