"""Clipping: peaks cut off at the highest or lowest value that a channel was given."""

from __future__ import annotations

import numpy as np

from .runs import STEPS, as_channels, find_runs, level_beside, quantisation_step


# Two neighbours may be equal by their places on both sides of a peak; three are not, unless the peak is flat.
MIN_RUN = 3


def find_clipping(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Samples at a channel's highest or lowest value, where that is one at which peaks are cut off.

    It is, where the channel stays at it for three samples or more and then leaves it faster than a quantised peak
    would: by 8 quantisation steps, root mean square over as many samples as it stayed, on both sides. The step is the
    channel's smallest change. Then every sample at that value counts as clipped, single ones too.

    Args:
        signal: float, `(samples,)` or `(channels, samples)`, of any scale.

    Returns:
        `mask`, bool, True = clipped, and `lower` and `upper`, float64, all of the signal's shape: bounds that restored
        samples must respect. Clipped above, those are the value of the clipped sample and infinity; below, minus
        infinity and that value; elsewhere, both infinite.

    Raises:
        ValueError: no such signal, or samples that are not finite.
    """
    channels = as_channels(signal)
    above = np.stack([_at_ceiling(channel) for channel in channels]).reshape(signal.shape)
    below = np.stack([_at_ceiling(-channel) for channel in channels]).reshape(signal.shape)
    return above | below, np.where(above, signal, -np.inf), np.where(below, signal, np.inf)


def project_to_bounds(restored: np.ndarray, mask: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """
    The nearest signal that is possible: samples under the mask brought into their bounds, all others as they are.

    Args:
        restored: float `(..., samples)`.
        mask, lower, upper: as [`find_clipping`] returns them, broadcastable to `restored`.

    Returns:
        A new array of the shape and dtype of `restored`.

    Raises:
        ValueError: a mask that is not bool, shapes that do not fit, or a lower bound above the upper one.
    """
    if mask.dtype != bool:
        raise ValueError(f"mask must be bool, True = clipped, got {mask.dtype}")
    for name, array in (("mask", mask), ("lower", lower), ("upper", upper)):
        if array.shape != restored.shape[restored.ndim - array.ndim :]:
            raise ValueError(
                f"{name} must have the shape of the last axes of restored, {restored.shape}; got {array.shape}"
            )
    if (lower > upper).any():
        raise ValueError(f"lower bounds must not exceed upper ones, got {np.count_nonzero(lower > upper)} that do")
    return np.where(mask, np.clip(restored, lower, upper), restored).astype(restored.dtype)


def _at_ceiling(channel: np.ndarray) -> np.ndarray:
    """bool `(samples,)`: clipped at the highest value."""
    ceiling = channel.max()
    if ceiling == channel.min():
        return np.zeros(len(channel), bool)
    threshold = STEPS * quantisation_step(channel)
    starts, ends = find_runs(channel)
    long = (channel[starts] == ceiling) & (ends - starts >= MIN_RUN)
    flat = any(
        level_beside(channel, start, end, end - start) > threshold
        for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True)
    )
    return channel == ceiling if flat else np.zeros(len(channel), bool)
