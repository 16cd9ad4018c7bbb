"""Clipping: peaks cut off at the highest or lowest value that a channel was given."""

from __future__ import annotations

import numpy as np

from ..masks.gaps import gaps_of, unite
from .runs import STEPS, ChannelStatistics, RunFinder, as_channels, statistics_of


# Two neighbours may be equal by their places on both sides of a peak; three are not, unless the peak is flat.
MIN_RUN = 3
# How far from a flat peak the signal is looked at, in samples.
MAX_SIDE = 4096


def find_clipping(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Samples at a channel's highest or lowest value, where that is one at which peaks are cut off.

    It is, where the channel stays at it for three samples or more and then leaves it faster than a quantised peak
    would: by 8 quantisation steps, root mean square over as many samples as it stayed, at most 4096, on both sides.
    The step is the channel's smallest change. Then every sample at that value counts as clipped, single ones too, and
    at the opposite value, where that is the channel's other extreme to within a step: clipping is mostly symmetric.

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
    ceilings, floors = np.zeros((2, len(channels)))
    for number, channel in enumerate(channels):
        finder = ClippingFinder(statistics_of(channel))
        finder.feed(channel)
        _, ceilings[number], floors[number] = finder.finish()
    mask, lower, upper = clipping_bounds(channels, ceilings, floors)
    return mask.reshape(signal.shape), lower.reshape(signal.shape), upper.reshape(signal.shape)


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


class ClippingFinder:
    """
    [`find_clipping`] in a channel that comes block by block; the blocks' lengths make no difference.

    Args:
        statistics: of the channel.
    """

    def __init__(self, statistics: ChannelStatistics):
        self._statistics = statistics
        self._extremes = (statistics.highest, statistics.lowest)
        self._runs = RunFinder(
            min_samples=MIN_RUN,
            longest=MAX_SIDE,
            threshold=STEPS * statistics.step,
            wanted=lambda values: np.isin(values, self._extremes),
        )
        self._gaps: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        self._num_fed = 0

    def feed(self, block: np.ndarray) -> None:
        """Takes in the next samples, float64 `(samples,)`, at least one."""
        self._runs.feed(block)
        for gaps, extreme in zip(self._gaps, self._extremes, strict=True):
            gaps.append(gaps_of(block == extreme, self._num_fed))
        self._num_fed += len(block)

    def finish(self) -> tuple[np.ndarray, float, float]:
        """
        What is clipped, int64 `(gaps, 2)`, and the values that it was clipped at, above and below: infinity and minus
        infinity where it was not.
        """
        flat = np.isin(self._extremes, [value for _, _, value in self._runs.finish()])
        highest, lowest = self._extremes
        if abs(highest + lowest) <= self._statistics.step:
            flat[:] = flat.any()
        gaps = unite(
            of_block for of_side, is_flat in zip(self._gaps, flat, strict=True) if is_flat for of_block in of_side
        )
        return gaps, highest if flat[0] else np.inf, lowest if flat[1] else -np.inf


def clipping_bounds(
    signal: np.ndarray, ceilings: np.ndarray, floors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    What [`find_clipping`] returns, of any part of a signal.

    Args:
        signal: float `(channels, samples)`.
        ceilings, floors: float64 `(channels,)`, as [`ClippingFinder`] returns them.
    """
    above, below = signal == ceilings[:, None], signal == floors[:, None]
    return above | below, np.where(above, signal, -np.inf), np.where(below, signal, np.inf)
