"""What the ear makes of excitation before it compares (ITU-R BS.1387-1, annex 2, section 3)."""

import numpy as np

from .bands import CENTRES, HOP_LENGTH, NUM_BANDS, SAMPLING_RATE, THRESHOLD_IN_QUIET, poles
from .ear_model import smooth


# Bands below and above that a band's pattern correction is averaged with.
BANDS_BELOW, BANDS_ABOVE = 3, 4
LOUDNESS_SCALE = 1.07664


def adapt(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Excitation of both signals, brought to one level and one spectral balance, slowly: differences of loudness and of
    timbre disturb less than noise does (section 3.1).

    Args:
        reference, estimate: `(frames, ..., 109)`.

    Returns:
        both, adapted.
    """
    pole = poles(0.008, 0.050)
    slow_reference, slow_estimate = smooth(reference, pole, 1 - pole), smooth(estimate, pole, 1 - pole)
    level = (np.sqrt(slow_reference * slow_estimate).sum(-1) / slow_estimate.sum(-1))[..., None] ** 2
    reference, estimate = reference / np.maximum(level, 1), estimate * np.minimum(level, 1)

    # The louder one of each band is attenuated.
    ratio = smooth(reference * estimate, pole, 1) / smooth(reference**2, pole, 1)
    for_reference = smooth(_mean_of_neighbours(np.minimum(ratio, 1)), pole, 1 - pole)
    for_estimate = smooth(_mean_of_neighbours(np.minimum(1 / ratio, 1)), pole, 1 - pole)
    return reference * for_reference, estimate * for_estimate


def _mean_of_neighbours(values: np.ndarray) -> np.ndarray:
    sums = np.cumsum(np.pad(values, [(0, 0)] * (values.ndim - 1) + [(1, 0)]), axis=-1)
    bands = np.arange(NUM_BANDS)
    starts, ends = np.maximum(bands - BANDS_BELOW, 0), np.minimum(bands + BANDS_ABOVE + 1, NUM_BANDS)
    return (sums[..., ends] - sums[..., starts]) / (ends - starts)


def modulation(excitation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    How much the envelope of each band moves, and how loud it is on average (section 3.2).

    Args:
        excitation: `(frames, ..., 109)`, before spreading over time.

    Returns:
        modulation and mean loudness, of the same shape.
    """
    pole = poles(0.008, 0.050)
    loudness = excitation**0.3
    speed = SAMPLING_RATE / HOP_LENGTH * np.abs(np.diff(loudness, axis=0, prepend=0))
    mean_speed, mean_loudness = smooth(speed, pole, 1 - pole), smooth(loudness, pole, 1 - pole)
    return mean_speed / (1 + mean_loudness / 0.3), mean_loudness


def total_loudness(excitation: np.ndarray) -> np.ndarray:
    """Loudness in sone, `(...)`, of excitation, `(..., 109)` (section 3.3)."""
    index = 10 ** ((-2 - 2.05 * np.arctan(CENTRES / 4000) - 0.75 * np.arctan((CENTRES / 1600) ** 2)) / 10)
    scale = LOUDNESS_SCALE * (THRESHOLD_IN_QUIET / (index * 1e4)) ** 0.23
    loudness = scale * ((1 - index + index * excitation / THRESHOLD_IN_QUIET) ** 0.23 - 1)
    return 24 / NUM_BANDS * np.maximum(loudness, 0).sum(-1)
