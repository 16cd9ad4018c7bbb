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
    channel's smallest change. Then every sample at that value counts as clipped, single ones too, and at the opposite
    value, where that is the channel's other extreme to within a step: clipping is mostly symmetric.

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
    above, below = np.stack([_clipped(channel) for channel in channels], axis=1).reshape(2, *signal.shape)
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


def _clipped(channel: np.ndarray) -> np.ndarray:
    """bool `(2, samples)`: clipped at the highest, and at the lowest value."""
    sides = np.stack([channel, -channel])
    ceilings = sides.max(-1)
    step = quantisation_step(channel)
    flat = np.array([_is_flat(side, ceiling, step) for side, ceiling in zip(sides, ceilings, strict=True)])
    if abs(ceilings[0] - ceilings[1]) <= step:
        flat[:] = flat.any()
    return flat[:, None] & (sides == ceilings[:, None])


def _is_flat(channel: np.ndarray, ceiling: float, step: float) -> bool:
    starts, ends = find_runs(channel)
    long = (channel[starts] == ceiling) & (ends - starts >= MIN_RUN)
    return any(
        level_beside(channel, start, end, end - start) > STEPS * step
        for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True)
    )
