"""
Gap geometry: gaps in seconds, samples and tokens, as masks and as pairs of numbers.

Masks are bool and True where samples are *missing*. Gaps are pairs of a start and an exclusive end: int64 `(gaps, 2)`,
in samples, in order, not touching one another. They say what a bool mask says, in memory that does not grow with the
recording. Positions that fall between samples, tokens or samples of another rate are rounded outwards: what touches a
gap is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..signals.arrays import as_numpy, check_sampling_rate
from ..signals.resampling import RESAMPLING_REACH


if TYPE_CHECKING:
    from torch import Tensor

    from ..signals.arrays import Seconds


# Seconds computed in floating point miss the sample they mean by less than this many samples.
SAMPLE_TOLERANCE = Fraction(1, 1_000_000)


def mask_from_seconds(starts: Seconds, ends: Seconds, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    Mask of gaps given in seconds.

    The seconds are taken as the decimal numbers they print as: 3.2 s at 44.1 kHz is sample 141120 exactly. Starts are
    rounded down and ends up, except that positions within a millionth of a sample are that sample.

    Args:
        starts, ends: seconds, a number each or as many numbers each. Gaps may touch and overlap.
        num_samples: length of the signal.
        sampling_rate: Hz.

    Returns:
        bool `(num_samples,)`, True = missing.

    Raises:
        ValueError: counts that differ, no gap, what is no finite number, a gap that starts before 0, at or after its
            own end, or that ends after the signal.
    """
    mask = np.zeros(num_samples, bool)
    for first, last in gaps_from_seconds(starts, ends, num_samples=num_samples, sampling_rate=sampling_rate).tolist():
        mask[first:last] = True
    return mask


def given_mask(
    audio: np.ndarray | Tensor,
    mask: np.ndarray | Tensor | None,
    starts: Seconds | None,
    ends: Seconds | None,
    *,
    sampling_rate: int,
) -> np.ndarray | Tensor:
    """
    What is missing by a mask, by gaps in seconds, or by both.

    Args:
        audio: `(..., samples)`; only its length is read.
        mask: bool, broadcastable to the audio, True = missing.
        starts, ends: seconds, see [`mask_from_seconds`].
        sampling_rate: Hz of the audio.

    Returns:
        bool, broadcastable to the audio.

    Raises:
        ValueError: neither a mask nor seconds, starts without ends, a mask of another type or length with seconds,
            or as `mask_from_seconds`.
    """
    if (starts is None) != (ends is None):
        raise ValueError("mask_start_seconds and mask_end_seconds must be given together, got one of them")
    if starts is None or ends is None:
        if mask is None:
            raise ValueError("expected a mask, or mask_start_seconds and mask_end_seconds; got neither")
        return mask
    num_samples = as_numpy(audio, "audio").shape[-1:] or (0,)
    gaps = mask_from_seconds(starts, ends, num_samples=num_samples[0], sampling_rate=sampling_rate)
    if mask is None:
        return gaps
    mask = as_numpy(mask, "mask")
    if mask.dtype != bool or mask.shape[-1:] != gaps.shape:
        raise ValueError(
            f"mask must be bool, True where samples are missing, with {len(gaps)} samples as its last axis; "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    return mask | gaps


def gaps_from_seconds(starts: Seconds, ends: Seconds, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    [`mask_from_seconds`] without a mask: start and exclusive end of each gap as given, in samples, int64 `(gaps, 2)`.
    """
    check_sampling_rate(sampling_rate)
    first_seconds, last_seconds = np.atleast_1d(np.asarray(starts)), np.atleast_1d(np.asarray(ends))
    for name, seconds in (("starts", first_seconds), ("ends", last_seconds)):
        if seconds.ndim != 1 or seconds.dtype.kind not in "iuf":
            raise ValueError(
                f"gap {name} must be seconds, a number or a sequence of numbers, got {seconds.tolist()!r}"
            )
    if len(first_seconds) != len(last_seconds) or len(first_seconds) == 0:
        raise ValueError(
            f"expected as many gap starts as ends, at least one, got {len(first_seconds)} and {len(last_seconds)}"
        )
    gaps: list[tuple[int, int]] = []
    for start, end in zip(first_seconds, last_seconds, strict=True):
        gap = f"gap from {start} s to {end} s"
        if not (np.isfinite(start) and np.isfinite(end)):
            raise ValueError(f"{gap}: start and end must be finite")
        if start < 0:
            raise ValueError(f"{gap}: the start must not be negative")
        if start >= end:
            raise ValueError(f"{gap}: the start must be before the end")
        first = _sample_position(start, sampling_rate, math.floor)
        last = _sample_position(end, sampling_rate, math.ceil)
        if last > num_samples:
            raise ValueError(
                f"{gap}: it ends after the signal, which is {num_samples / sampling_rate:.6f} s long "
                f"({num_samples} samples at {sampling_rate} Hz)"
            )
        if first == last:
            raise ValueError(f"{gap}: it is shorter than a millionth of a sample at {sampling_rate} Hz")
        gaps.append((first, last))
    return np.array(gaps, np.int64)


def find_gaps(mask: np.ndarray) -> np.ndarray:
    """
    Start and exclusive end of every run of True of a bool `(samples,)` mask: int64 `(num_gaps, 2)`, in order.

    Raises:
        ValueError: a mask that is not bool, or not of one axis.
    """
    if mask.dtype != bool or mask.ndim != 1:
        raise ValueError(f"expected a bool mask of shape (samples,), got {mask.dtype} of shape {mask.shape}")
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=-1).astype(np.int64)


def group_gaps(missing: np.ndarray, distance: int, longest: int) -> list[tuple[int, int]]:
    """
    Start and exclusive end of groups of gaps that lie no further than `distance` from one another, no group of several
    gaps longer than `longest`.
    """
    found: list[tuple[int, int]] = []
    for start, end in find_gaps(missing).tolist():
        if found and start - found[-1][1] <= distance and end - found[-1][0] <= longest:
            start = found.pop()[0]
        found.append((start, end))
    return found


def resample_mask(mask: np.ndarray, *, from_rate: int, to_rate: int) -> np.ndarray:
    """
    Mask of the same gaps at another sampling rate, rounded outwards, as long as [`~aidd.signals.resampling.resample`]
    makes the
    signal: bool `(samples,)` to bool `(ceil(samples * to_rate / from_rate),)`.

    Raises:
        ValueError: a mask that is not bool or not of one axis, or a rate that is no positive integer.
    """
    check_sampling_rate(from_rate)
    check_sampling_rate(to_rate)
    resampled = np.zeros(-(-len(mask) * int(to_rate) // int(from_rate)), bool)
    for start, end in find_gaps(mask).tolist():
        resampled[start * int(to_rate) // int(from_rate) : -(-end * int(to_rate) // int(from_rate))] = True
    return resampled


def missing_when_resampled(mask: np.ndarray, *, from_rate: int, to_rate: int) -> np.ndarray:
    """
    Samples of a resampled signal that depend on missing ones: as [`resample_mask`], with the reach of the resampling
    on both sides of every gap.
    """
    resampled = resample_mask(mask, from_rate=from_rate, to_rate=to_rate)
    if from_rate != to_rate:
        reach = math.ceil(RESAMPLING_REACH * max(1, to_rate / from_rate))
        for start, end in find_gaps(resampled).tolist():
            resampled[max(start - reach, 0) : end + reach] = True
    return resampled


def tokens_touched(mask: np.ndarray, hop_length: int, guard: int = 0) -> np.ndarray:
    """
    Tokens that missing samples touch.

    Args:
        mask: bool `(samples,)`, True = missing.
        hop_length: samples a token; the last token may be cut short.
        guard: tokens that count as touched on each side of every gap, as far as there are any.

    Returns:
        bool `(ceil(samples / hop_length),)`.

    Raises:
        ValueError: a mask that is not bool or not of one axis, a hop length below 1, or a negative guard.
    """
    if hop_length < 1 or guard < 0:
        raise ValueError(f"expected hop_length of at least 1 and guard of at least 0, got {hop_length} and {guard}")
    touched = np.zeros(-(-len(mask) // hop_length), bool)
    for start, end in find_gaps(mask).tolist():
        touched[max(start // hop_length - guard, 0) : -(-end // hop_length) + guard] = True
    return touched


def _sample_position(seconds: np.number, sampling_rate: int, rounding: Callable[[Fraction], int]) -> int:
    position = Fraction(str(seconds)) * int(sampling_rate)
    nearest = round(position)
    return nearest if abs(position - nearest) <= SAMPLE_TOLERANCE else rounding(position)


def intact_run(missing: np.ndarray) -> int:
    """Number of intact samples before the first missing one of a bool `(samples,)` mask."""
    return int(missing.argmax()) if missing.any() else len(missing)


def no_gaps() -> np.ndarray:
    """The gaps of a signal in which nothing is missing: int64 `(0, 2)`."""
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
    """Those of gaps `(gaps, 2)` that share a sample with the part from `start` to before `stop`, whole."""
    return gaps[np.searchsorted(gaps[:, 1], start, side="right") : np.searchsorted(gaps[:, 0], stop, side="left")]


def mask_of(gaps: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Gaps `(gaps, 2)` in the part from `start` to before `stop`: bool `(stop - start,)`, True = missing."""
    mask = np.zeros(stop - start, bool)
    for first, last in touching(gaps, start, stop).tolist():
        mask[max(first - start, 0) : last - start] = True
    return mask


def gaps_of(mask: np.ndarray, start: int = 0) -> np.ndarray:
    """The counterpart of [`mask_of`]: gaps of a bool `(samples,)` mask whose first sample is `start`."""
    return find_gaps(mask) + start
