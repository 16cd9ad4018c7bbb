"""Dropouts: digital silence, or one value held, where music was."""

from __future__ import annotations

import numpy as np

from ..masks import check_sampling_rate
from .runs import STEPS, as_channels, find_runs, level_beside, quantisation_step


# The signal's level right beside a dropout is read over at most this time.
SIDE_SECONDS = 0.005
# It lies no further below the channel's own.
LEAST_LEVEL = 1e-3
# Shorter runs are no sign of anything.
MIN_SAMPLES = 4


def find_dropouts(signal: np.ndarray, *, sampling_rate: int, min_seconds: float = 0.0005) -> np.ndarray:
    """
    Runs of digital silence, or of a value that is held, with an abrupt edge on both sides.

    An edge is abrupt where the signal, over as long as the run lasts (at most 5 ms), lies away from the run's value by
    8 quantisation steps and by a thousandth of the channel's RMS level, in root mean square. So silence that music
    fades into or out of, at the ends of a file or in its pauses, is none, nor are the slow turns of a quiet signal.
    The quantisation step is the channel's smallest change. Runs at the channel's highest and lowest value, other than
    silence, are left to [`~aidd.detection.find_clipping`].

    Args:
        signal: float, `(samples,)` or `(channels, samples)`, of any scale.
        sampling_rate: Hz.
        min_seconds: shortest run; 4 samples at least.

    Returns:
        bool, of the signal's shape, True = missing. Of a value that is held, the first sample is intact.

    Raises:
        ValueError: no such signal, samples that are not finite, a rate that is no positive integer, or `min_seconds`
            not above 0.
    """
    check_sampling_rate(sampling_rate)
    if not 0 < min_seconds < np.inf:
        raise ValueError(f"min_seconds must be above 0 and finite, got {min_seconds}")
    min_samples = max(round(min_seconds * sampling_rate), MIN_SAMPLES)
    longest = max(round(SIDE_SECONDS * sampling_rate), MIN_SAMPLES)
    channels = as_channels(signal)
    return np.stack([_dropouts(channel, min_samples, longest) for channel in channels]).reshape(signal.shape)


def _dropouts(channel: np.ndarray, min_samples: int, longest: int) -> np.ndarray:
    mask = np.zeros(len(channel), bool)
    threshold = max(STEPS * quantisation_step(channel), LEAST_LEVEL * np.sqrt(np.mean(channel**2)))
    highest, lowest = channel.max(), channel.min()
    starts, ends = find_runs(channel)
    long = ends - starts >= min_samples
    for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True):
        value = channel[start]
        clipped = value != 0 and value in (highest, lowest)
        if not clipped and level_beside(channel, start, end, longest) > threshold:
            mask[start + int(value != 0) : end] = True
    return mask
