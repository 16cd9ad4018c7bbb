"""Clipping: peaks cut off at the highest or lowest value that a channel was given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..masks.gaps import gaps_of, mask_of, unite
from .runs import STEPS, ChannelStatistics, RunFinder, as_channels, statistics_of


# Two neighbours may be equal by their places on both sides of a peak; three are not, unless the peak is flat.
MIN_RUN = 3
# How far from a flat peak the signal is looked at, in samples.
MAX_SIDE = 4096
# A value below the highest is one that peaks were cut at where as many flat ones as this stand at it, which the signal
# leaves faster still than those at the highest: quiet music turns at the same values again and again.
MIN_PEAKS, INNER_STEPS = 4, 4 * STEPS


def find_clipping(
    signal: np.ndarray, *, min_peaks: int = MIN_PEAKS, steps: int = INNER_STEPS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Samples at which peaks are cut off, at a channel's highest or lowest value or further inside.

    The highest or lowest value is one at which peaks are cut off, where the channel stays at it for three samples or
    more and then leaves it faster than a quantised peak would: by 8 quantisation steps, root mean square over as many
    samples as it stayed, at most 4096, on both sides. The step is the channel's smallest change. Then every sample at
    that value counts as clipped, single ones too, and at the opposite value, where that is the channel's other extreme
    to within a step: clipping is mostly symmetric.

    Something louder may lie above: a single sample, or music that is louder than a part that was clipped before it was
    made softer. So another value counts too where `min_peaks` or more stay at it for three samples or more and leave
    it by `steps`. Only these peaks count as clipped then: music may pass through the value.

    Args:
        signal: float, `(samples,)` or `(channels, samples)`, of any scale.
        min_peaks, steps: flat peaks below the highest value, as said above, and quantisation steps.

    Returns:
        `mask`, bool, True = clipped, and `lower` and `upper`, float64, all of the signal's shape: bounds that restored
        samples must respect. Clipped above, those are the value of the clipped sample and infinity; below, minus
        infinity and that value; elsewhere, both infinite.

    Raises:
        ValueError: no such signal, or samples that are not finite.
    """
    channels = as_channels(signal)
    mask, ceilings, floors = np.zeros(channels.shape, bool), [], []
    for channel, clipped in zip(channels, mask, strict=True):
        finder = ClippingFinder(statistics_of(channel), min_peaks=min_peaks, steps=steps)
        finder.feed(channel)
        gaps, above, below = finder.finish()
        clipped |= mask_of(gaps, 0, len(channel))
        ceilings.append(above)
        floors.append(below)
    _, lower, upper = clipping_bounds(channels, ceilings, floors)
    bounds = np.where(mask, lower, -np.inf), np.where(mask, upper, np.inf)
    return mask.reshape(signal.shape), bounds[0].reshape(signal.shape), bounds[1].reshape(signal.shape)


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
        min_peaks, steps: as of `find_clipping`.
    """

    def __init__(self, statistics: ChannelStatistics, *, min_peaks: int = MIN_PEAKS, steps: int = INNER_STEPS):
        self._statistics, self._min_peaks = statistics, min_peaks
        self._extremes = (statistics.highest, statistics.lowest)
        # What stands still at an extreme, and at any other value but silence.
        self._runs, self._inner = (
            RunFinder(min_samples=MIN_RUN, longest=MAX_SIDE, threshold=least * statistics.step, wanted=wanted)
            for least, wanted in ((STEPS, self._is_extreme), (steps, self._is_inner))
        )
        self._gaps: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        self._num_fed = 0

    def _is_extreme(self, values: np.ndarray) -> np.ndarray:
        return np.isin(values, self._extremes)

    def _is_inner(self, values: np.ndarray) -> np.ndarray:
        return ~np.isin(values, (*self._extremes, 0.0))

    def feed(self, block: np.ndarray) -> None:
        """Takes in the next samples, float64 `(samples,)`, at least one."""
        self._runs.feed(block)
        self._inner.feed(block)
        for gaps, extreme in zip(self._gaps, self._extremes, strict=True):
            gaps.append(gaps_of(block == extreme, self._num_fed))
        self._num_fed += len(block)

    def finish(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """
        What is clipped, int64 `(gaps, 2)`, and the values that it was clipped at, above and below, float64
        `(values,)`, none where it was not.
        """
        flat = np.isin(self._extremes, [run.value for run in self._runs.finish()])
        highest, lowest = self._extremes
        if abs(highest + lowest) <= self._statistics.step:
            flat[:] = flat.any()
        gaps = [of_block for of_side, is_flat in zip(self._gaps, flat, strict=True) if is_flat for of_block in of_side]
        peaks = [run for run in self._inner.finish() if run.is_peak]
        values, counts = np.unique([run.value for run in peaks], return_counts=True)
        inner = values[counts >= self._min_peaks]
        gaps.append(np.array([run[:2] for run in peaks if run.value in inner], np.int64).reshape(-1, 2))
        above, below = inner[inner > 0], inner[inner < 0]
        return (
            unite(gaps),
            np.append(above, highest) if flat[0] else above,
            np.append(below, lowest) if flat[1] else below,
        )


def clipping_bounds(
    signal: np.ndarray, ceilings: Sequence[np.ndarray], floors: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    What [`find_clipping`] returns, of any part of a signal, with all samples at the given values.

    Args:
        signal: float `(channels, samples)`.
        ceilings, floors: values of each channel, float64 `(values,)`, as [`ClippingFinder`] returns them.
    """
    above, below = (
        np.stack([np.isin(channel, values) for channel, values in zip(signal, levels, strict=True)])
        for levels in (ceilings, floors)
    )
    return above | below, np.where(above, signal, -np.inf), np.where(below, signal, np.inf)
