"""What the detectors share: their signals' form, what they must know of the whole of it, and runs of one value."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


# A quantised signal that stands still for some samples at its own turning point has moved by at most this many steps,
# RMS, after as many samples more: by a parabola, 4.
STEPS = 8
# Signals are looked through in blocks of this many samples, whether they are in memory or in a file.
BLOCK_SAMPLES = 2**18


def as_channels(signal: np.ndarray) -> np.ndarray:
    """
    A signal as float64 `(channels, samples)`.

    Raises:
        ValueError: not a float array of shape `(samples,)` or `(channels, samples)`, without samples, or not finite.
    """
    if not isinstance(signal, np.ndarray) or signal.dtype.kind != "f":
        found = signal.dtype if isinstance(signal, np.ndarray) else type(signal).__name__
        raise ValueError(f"signal must be a numpy array of floats, about within [-1, 1], got {found}")
    if signal.ndim not in (1, 2) or signal.size == 0:
        raise ValueError(
            f"signal must have shape (samples,) or (channels, samples), none of them 0, got {signal.shape}"
        )
    non_finite = ~np.isfinite(signal)
    if non_finite.any():
        raise ValueError(
            f"signal must be finite, got {non_finite.sum()} samples that are not, the first at index "
            f"{tuple(np.argwhere(non_finite)[0].tolist())}"
        )
    return np.atleast_2d(signal).astype(np.float64)


class ChannelStatistics:
    """What detectors must know of a whole channel before they look at any part of it, gathered block by block."""

    def __init__(self) -> None:
        self.num_samples = 0
        self.highest, self.lowest = -np.inf, np.inf
        self._step, self._energy = np.inf, 0.0
        self._last: np.ndarray = np.zeros(0)

    def update(self, block: np.ndarray) -> None:
        """Takes in the next samples of the channel, finite float64 `(samples,)`, at least one."""
        changes = np.abs(np.diff(block, prepend=self._last))
        self._step = min(self._step, float(changes.min(initial=np.inf, where=changes > 0)))
        self.highest, self.lowest = max(self.highest, float(block.max())), min(self.lowest, float(block.min()))
        self._energy += float(np.square(block).sum())
        self.num_samples += len(block)
        self._last = block[-1:].copy()

    @property
    def step(self) -> float:
        """The quantisation step: smallest change from one sample to the next; 0 where nothing changes."""
        return self._step if np.isfinite(self._step) else 0.0

    @property
    def level(self) -> float:
        """RMS level."""
        return float(np.sqrt(self._energy / self.num_samples))


def statistics_of(channel: np.ndarray) -> ChannelStatistics:
    """The statistics of a channel in memory, float64 `(samples,)`."""
    statistics = ChannelStatistics()
    for start in range(0, len(channel), BLOCK_SAMPLES):
        statistics.update(channel[start : start + BLOCK_SAMPLES])
    return statistics


def find_runs(channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First sample, and the one after the last, of every run of equal samples, single ones too: int64 `(runs,)`."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(channel)) + 1, [len(channel)]])
    return edges[:-1], edges[1:]


def level_around(channel: np.ndarray, start: int, end: int, longest: int) -> float:
    """
    How far the signal goes from a run's value right before and after it: RMS difference over as many samples as the
    run has, at most `longest`, on that side where it is less; 0 for a run at the signal's start or end.
    """
    length = min(end - start, longest)
    before, after = channel[max(start - length, 0) : start], channel[end : end + length]
    if len(before) == 0 or len(after) == 0:
        return 0.0
    return float(np.sqrt(min(np.mean((side - channel[start]) ** 2) for side in (before, after))))


class Run(NamedTuple):
    """
    Samples of one value.

    Args:
        start, end: the first, and the one after the last.
        value: of each of them.
        is_peak: whether the samples before and after it lie on one side of it.
    """

    start: int
    end: int
    value: float
    is_peak: bool


class RunFinder:
    """
    Runs of one value that the signal leaves abruptly on both sides, in a channel that comes block by block. How long
    the blocks are makes no difference. Only the surroundings of long runs are kept.

    Args:
        min_samples: length of the shortest run.
        longest: samples on each side of a run that are looked at, at most, see [`level_around`].
        threshold: that the level next to the run must exceed.
        wanted: which values are looked for: from float64 `(runs,)` to bool `(runs,)`.
    """

    def __init__(
        self, *, min_samples: int, longest: int, threshold: float, wanted: Callable[[np.ndarray], np.ndarray]
    ):
        self.found: list[Run] = []
        self._min_samples, self._longest, self._threshold, self._wanted = min_samples, longest, threshold, wanted
        # A first run that is not decided on, since it may go on or what follows it is not known yet; as many samples
        # before it as are looked at, and all those after it.
        self._start, self._length, self._value = 0, 0, 0.0
        self._before, self._after = np.zeros(0), np.zeros(0)

    def feed(self, block: np.ndarray) -> None:
        """Takes in the next samples, float64 `(samples,)`, at least one."""
        self._search(block, last=False)

    def finish(self) -> list[Run]:
        """Every run, of the channel that ends here."""
        self._search(np.zeros(0), last=True)
        return self.found

    def _search(self, block: np.ndarray, *, last: bool) -> None:
        shortened = min(self._length, max(self._longest, self._min_samples))
        samples = np.concatenate([self._before, np.full(shortened, self._value), self._after, block])
        first = len(self._before)
        # From places here to those in the channel, but for the start of the first run.
        shift = self._start + self._length - first - shortened
        starts, ends = find_runs(samples)
        starts, ends = starts[starts >= first], ends[starts >= first]
        decided = ends <= len(samples) - (0 if last else self._longest)
        chosen = decided & (ends - starts >= self._min_samples)
        chosen[chosen] = self._wanted(samples[starts[chosen]])
        for start, end in zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True):
            if level_around(samples, start, end, self._longest) > self._threshold:
                here = self._start if start == first else start + shift
                value = float(samples[start])
                sides = samples[[start - 1, end]] - value
                self.found.append(Run(here, end + shift, value, bool((sides < 0).all() or (sides > 0).all())))
        if last:
            return
        start, end = int(starts[~decided][0]), int(ends[~decided][0])
        self._start, self._length = (self._start if start == first else start + shift), end + shift
        self._length -= self._start
        self._value = float(samples[start])
        self._before = samples[max(start - self._longest, 0) : start].copy()
        self._after = samples[end:].copy()
