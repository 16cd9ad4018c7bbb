"""
Gaps as intervals: int64 `(gaps, 2)` with the start and the exclusive end of each, in samples, in order, not touching
one another. They say what a bool mask says, in memory that does not grow with the recording.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .masks import find_gaps


def no_gaps() -> np.ndarray:
    """Of a signal in which nothing is missing: int64 `(0, 2)`."""
    return np.zeros((0, 2), np.int64)


def unite(several: Iterable[np.ndarray]) -> np.ndarray:
    """
    What is missing by any of several lists of gaps, each int64 `(gaps, 2)`, in any order. Those that touch or overlap
    become one: int64 `(gaps, 2)`.
    """
    gaps = np.concatenate([no_gaps(), *several])
    gaps = gaps[np.argsort(gaps[:, 0], kind="stable")]
    if len(gaps) == 0:
        return gaps
    reached = np.maximum.accumulate(gaps[:, 1])
    first = np.concatenate([[True], gaps[1:, 0] > reached[:-1]])
    last = np.concatenate([first[1:], [True]])
    return np.stack([gaps[first, 0], reached[last]], axis=-1)


def num_missing(gaps: np.ndarray) -> int:
    """Samples in gaps `(gaps, 2)`."""
    return int((gaps[:, 1] - gaps[:, 0]).sum())


def num_shared(gaps: np.ndarray, others: np.ndarray) -> int:
    """Samples that lie in gaps of both lists, each `(gaps, 2)`."""
    return num_missing(gaps) + num_missing(others) - num_missing(unite([gaps, others]))


def touching(gaps: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Those of gaps `(gaps, 2)` that share a sample with the stretch from `start` to before `stop`, whole."""
    return gaps[np.searchsorted(gaps[:, 1], start, side="right") : np.searchsorted(gaps[:, 0], stop, side="left")]


def mask_of(gaps: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Gaps `(gaps, 2)` in the stretch from `start` to before `stop`: bool `(stop - start,)`, True = missing."""
    mask = np.zeros(stop - start, bool)
    for first, last in touching(gaps, start, stop).tolist():
        mask[max(first - start, 0) : last - start] = True
    return mask


def gaps_of(mask: np.ndarray, start: int = 0) -> np.ndarray:
    """The counterpart of [`mask_of`]: gaps of a bool `(samples,)` mask whose first sample is `start`."""
    return find_gaps(mask) + start
