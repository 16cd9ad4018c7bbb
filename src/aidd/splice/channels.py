"""What channels are to one another, and to the mean of them that models are given."""

from __future__ import annotations

import numpy as np


# Least ratio of the power of the channels' mean to theirs: below it, their factors are held down.
LEAST_SHARED = 0.01
# Distance at which a bin counts half as much for another as for itself.
REACH_BINS = 4.0


def polarities(channels: np.ndarray) -> np.ndarray:
    """
    Finds the signs that turn channels towards the loudest of them. Without them, a channel of inverted polarity would
    cancel in the mean that the model is given.

    Args:
        channels: float64 `(channels, samples)`.

    Returns:
        1 or -1, float64 `(channels, 1)`.
    """
    loudest = channels[np.square(channels).sum(-1).argmax()]
    return np.where(channels @ loudest < 0, -1.0, 1.0)[:, None]


def channel_factors(channels: np.ndarray, mean: np.ndarray, known: np.ndarray) -> np.ndarray:
    r"""
    The factors h by which channels X follow their mean M, a level and a phase for each bin, in the least squares:

        h[c, k] = sum_{l, t} w[k - l] X[c, l, t] conj(M[l, t]) / sum_{l, t} w[k - l] |M[l, t]|^2,

    over known cells, those of other bins counting by their distance, w[d] = 1 / (1 + (d / 4)^2): where nothing of a
    bin is known, what is of the nearest ones decides. Where the channels cancel in their mean, h is held down.

    Args:
        channels: complex128, `(..., channels, bins, frames)`.
        mean: complex128, `(..., bins, frames)`.
        known: bool `(bins, frames)`.

    Returns:
        complex128 `(..., channels, bins)`; 1 where all that is known is silence.
    """
    bins = np.arange(len(known))
    nearness = 1 / (1 + np.square((bins[:, None] - bins) / REACH_BINS))
    mean = np.where(known, mean, 0)
    together = np.sum(channels * mean[..., None, :, :].conj(), axis=-1) @ nearness
    shared = np.square(np.abs(mean)).sum(-1) @ nearness
    power = np.square(np.abs(np.where(known, channels, 0))).sum(-1).mean(-2) @ nearness
    shared = np.maximum(shared, LEAST_SHARED * power)[..., None, :]
    return np.divide(together, shared, out=np.ones(together.shape, complex), where=shared > 0)
