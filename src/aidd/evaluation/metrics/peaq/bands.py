"""
The 109 bands of a quarter Bark that the basic version hears in, and what depends on nothing but a band's frequency.

Equation numbers are those of Recommendation ITU-R BS.1387-1, annex 2, as P. Kabal's "An Examination and Interpretation
of ITU-R BS.1387" (McGill University, 2003) reads them.
"""

from functools import cache
from typing import TypeVar

import numpy as np


SAMPLING_RATE = 48_000
FRAME_LENGTH = 2_048
HOP_LENGTH = 1_024
NUM_BANDS = 109
BARK_PER_BAND = 0.25
LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 80.0, 18_000.0

# Or several of them.
Number = TypeVar("Number", float, np.ndarray)


def to_bark(frequency: Number) -> Number:
    """Pitch in Bark of a frequency in Hz, in Schroeder's approximation (section 2.1.5)."""
    return 7 * np.arcsinh(frequency / 650)


def to_hertz(pitch: Number) -> Number:
    """Inverse of [`to_bark`]."""
    return 650 * np.sinh(pitch / 7)


# Bark, (110,): the last band is narrower than the others.
EDGES = np.minimum(to_bark(LOWEST_FREQUENCY) + BARK_PER_BAND * np.arange(NUM_BANDS + 1), to_bark(HIGHEST_FREQUENCY))
# Hz, (109,): the middle of each band on the Bark scale.
CENTRES = to_hertz((EDGES[1:] + EDGES[:-1]) / 2)

# Power, (109,), of the ear's own noise, and of what is just heard in silence (equations 13 and 60). Of the threshold's
# decibels, the noise is 0.4; the other 0.6 are lost in the outer ear.
INTERNAL_NOISE = 10 ** (0.4 * 0.364 * (CENTRES / 1000) ** -0.8)
THRESHOLD_IN_QUIET = 10 ** (0.364 * (CENTRES / 1000) ** -0.8)

# Ratio of power, (109,), by which noise must lie below the excitation to be masked (equation 25): 3 dB up to band 48.
_pitch = BARK_PER_BAND * np.arange(NUM_BANDS)
MASKING_OFFSET = 10 ** (np.where(_pitch <= 12, 3.0, 0.25 * _pitch) / 10)


def poles(fastest: float, at_100_hz: float) -> np.ndarray:
    """
    Poles of the bands' smoothing over frames, `(109,)`, for time constants in seconds: that of high frequencies, and
    that at 100 Hz (equations 21 and 24).
    """
    time_constants = fastest + 100 / CENTRES * (at_100_hz - fastest)
    return np.exp(-HOP_LENGTH / SAMPLING_RATE / time_constants)


@cache
def shares() -> np.ndarray:
    """
    What share of a bin's power a band gets, `(bins, 109)`: how much of the bin's width lies in it. All shares of a bin
    between the lowest and the highest frequency sum to 1 (section 2.1.5).
    """
    edges = to_hertz(EDGES) * FRAME_LENGTH / SAMPLING_RATE
    bins = np.arange(FRAME_LENGTH // 2 + 1)[:, None]
    overlaps = np.minimum(edges[1:], bins + 0.5) - np.maximum(edges[:-1], bins - 0.5)
    return np.maximum(overlaps, 0)
