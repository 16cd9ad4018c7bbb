"""
How sensitive the detectors are, in one unit: false alarms a minute that are to be expected of each in clean music.

Between the points of these tables, and only there, values are interpolated, in logarithms. docs/detection_study.md has
the measurement.
"""

from __future__ import annotations

import numpy as np


# False alarms a minute, and what a detector must exceed to give no more of them.
DEFAULT_SENSITIVITY = 0.1
SENSITIVITIES = (0.1, 0.3, 1.0, 3.0, 10.0)
CLICK_THRESHOLDS = (70.0, 35.0, 20.0, 13.0, 8.0)
# Shortest dropout, in seconds.
DROPOUT_SECONDS = (0.0005, 0.00035, 0.00025, 0.0002, 0.00015)
# Fewest flat peaks at a value below the highest, by the largest sensitivity that asks for them, and the quantisation
# steps by which the signal leaves them.
FLAT_PEAKS = ((0.1, 4, 32), (0.3, 4, 8), (1.0, 3, 8), (10.0, 2, 8))


def click_threshold(sensitivity: float) -> float:
    """The `threshold` of [`~aidd.detection.find_clicks`] at a sensitivity."""
    return _between(sensitivity, CLICK_THRESHOLDS)


def dropout_seconds(sensitivity: float) -> float:
    """The `min_seconds` of [`~aidd.detection.find_dropouts`] at a sensitivity."""
    return _between(sensitivity, DROPOUT_SECONDS)


def flat_peaks(sensitivity: float) -> tuple[int, int]:
    """`min_peaks` and `steps` of [`~aidd.detection.find_clipping`] at a sensitivity."""
    check_sensitivity(sensitivity)
    return next((num, steps) for most, num, steps in FLAT_PEAKS if sensitivity <= most)


def check_sensitivity(sensitivity: float) -> None:
    """Raises `ValueError` unless a sensitivity lies within what was measured."""
    if not SENSITIVITIES[0] <= sensitivity <= SENSITIVITIES[-1]:
        raise ValueError(
            f"sensitivity must lie in [{SENSITIVITIES[0]:g}, {SENSITIVITIES[-1]:g}] false alarms a minute, "
            f"got {sensitivity:g}"
        )


def _between(sensitivity: float, values: tuple[float, ...]) -> float:
    check_sensitivity(sensitivity)
    return float(np.exp(np.interp(np.log(sensitivity), np.log(SENSITIVITIES), np.log(values))))
