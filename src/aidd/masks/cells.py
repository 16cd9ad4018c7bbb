"""
Masks over frequency and time: bool `(bins, frames)` on a [`~aidd.signals.stft.Grid`], True where cells are *missing*.
As everywhere, what touches something missing is missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..signals.arrays import as_numpy
from ..signals.stft import Grid
from .gaps import find_gaps, missing_when_resampled


if TYPE_CHECKING:
    from torch import Tensor


def frames_touched(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """
    Frames whose windows hold a missing sample.

    Args:
        mask: bool `(samples,)`, True = missing.
        grid: of the cells.

    Returns:
        bool `(frames,)`.
    """
    touched = np.zeros(grid.num_frames(len(mask)), bool)
    for start, end in find_gaps(mask).tolist():
        touched[start // grid.hop_length : (end - 1) // grid.hop_length + grid.overlap] = True
    return touched


def samples_on_grid(mask: np.ndarray, sampling_rate: int, grid: Grid) -> np.ndarray:
    """
    Samples of a resampled signal that depend on missing ones.

    Args:
        mask: bool `(samples,)`, True = missing.
        sampling_rate: Hz of the signal.
        grid: at whose rate the result is.

    Returns:
        bool `(samples at that rate,)`.
    """
    return missing_when_resampled(mask, from_rate=sampling_rate, to_rate=grid.sampling_rate)


def columns(frames: np.ndarray, grid: Grid) -> np.ndarray:
    """Cells of missing frames: bool `(frames,)` to `(bins, frames)`."""
    return np.repeat(frames[None], grid.num_bins, axis=0)


def samples_touched(tf_mask: np.ndarray, grid: Grid, num_samples: int) -> np.ndarray:
    """Samples in the windows of frames that have a missing cell: bool `(bins, frames)` to `(num_samples,)`."""
    touched = np.zeros(num_samples, bool)
    for first, last in find_gaps(np.any(tf_mask, axis=0)).tolist():
        start = max(first + 1 - grid.overlap, 0) * grid.hop_length
        touched[start : last * grid.hop_length] = True
    return touched


def boxes(regions: Sequence[tuple[float, float, float, float]], num_samples: int, grid: Grid) -> np.ndarray:
    """
    Cells of rectangles. A cell is as wide as bins are apart and as long as a hop, about its frequency and the middle
    of its window; it is missing where more than its edge lies in a rectangle.

    Args:
        regions: of each, the lowest and the highest frequency in Hz, and start and end in seconds.
        num_samples: length of the signal, at the grid's rate.
        grid: of the cells.

    Returns:
        bool `(bins, frames)`.

    Raises:
        ValueError: a rectangle without an extent, or beyond the grid's frequencies or the signal's duration.
    """
    nyquist, duration = grid.sampling_rate / 2, num_samples / grid.sampling_rate
    mask = np.zeros(grid.shape(num_samples), bool)
    for region in regions:
        low, high, start, end = region
        if not (0 <= low < high <= nyquist and 0 <= start < end <= duration):
            raise ValueError(
                f"a box is (lowest Hz, highest Hz, start, end in seconds), within 0 to {nyquist:g} Hz and 0 to "
                f"{duration:g} s, the lower number first; got {tuple(region)}"
            )
        rows = _touched(low * grid.n_fft / grid.sampling_rate, high * grid.n_fft / grid.sampling_rate)
        mask[rows, frames_between(start, end, grid)] = True
    return mask


def frames_between(start: float, end: float, grid: Grid) -> slice:
    """Frames of which more than the edge lies between two times, in seconds, as of [`boxes`]."""
    # In hops from the middle of frame 0.
    first_middle = 1 - grid.overlap / 2
    hops = grid.sampling_rate / grid.hop_length
    return _touched(start * hops - first_middle, end * hops - first_middle)


def band(low: float, high: float, num_samples: int, grid: Grid) -> np.ndarray:
    """Cells from one frequency to another, in Hz, for all the time: bool `(bins, frames)`. Raises as [`boxes`]."""
    cells = boxes([(low, high, 0.0, num_samples / grid.sampling_rate)], num_samples, grid)
    return np.repeat(np.any(cells, axis=1, keepdims=True), grid.num_frames(num_samples), axis=1)


def random_cells(
    coverage: float,
    num_samples: int,
    grid: Grid,
    rng: np.random.Generator,
    *,
    num_bins: int = 1,
    num_frames: int = 1,
) -> np.ndarray:
    """
    Random cells, or rectangles of them, each kind of a place as likely as another.

    Args:
        coverage: share of the cells that are missing, in [0, 1): as many rectangles are drawn as reach it.
        num_samples: length of the signal, at the grid's rate.
        grid: of the cells.
        rng: of the draws.
        num_bins, num_frames: extent of a rectangle, in cells. The spectrogram is tiled with them; tiles at its upper
            and later edges may be cut.

    Returns:
        bool `(bins, frames)`.

    Raises:
        ValueError: a coverage outside [0, 1), or an extent below 1.
    """
    if not 0 <= coverage < 1:
        raise ValueError(f"coverage must lie in [0, 1), got {coverage}")
    if num_bins < 1 or num_frames < 1:
        raise ValueError(f"rectangles must be at least 1 bin by 1 frame, got {num_bins} by {num_frames}")
    shape = grid.shape(num_samples)
    rows, frames = (np.arange(n) // extent for n, extent in zip(shape, (num_bins, num_frames), strict=True))
    tiles = rows[:, None] * (frames[-1] + 1) + frames
    order = rng.permutation(tiles.max() + 1)
    covered = np.cumsum(np.bincount(tiles.ravel())[order])
    wanted = round(coverage * tiles.size)
    return np.isin(tiles, order[: np.searchsorted(covered, wanted) + 1] if wanted else [])


def check_tf_mask(tf_mask: np.ndarray | Tensor, num_samples: int, grid: Grid) -> np.ndarray:
    """
    A mask as bool numpy `(bins, frames)`.

    Args:
        tf_mask: array or tensor.
        num_samples: length of the signal, at the grid's rate.
        grid: of the cells.

    Raises:
        ValueError: not bool, another shape than the signal's spectrogram has, or nothing that is known.
    """
    mask, shape = as_numpy(tf_mask, "tf_mask"), grid.shape(num_samples)
    if mask.dtype != bool:
        raise ValueError(f"tf_mask must be bool, True where cells are missing, got {mask.dtype}")
    if mask.shape != shape:
        raise ValueError(
            f"tf_mask must have shape (bins, frames) = {shape}, of {num_samples} samples at {grid.sampling_rate} Hz "
            f"in windows of {grid.n_fft} samples, {grid.hop_length} apart; got {mask.shape}"
        )
    if mask.all():
        raise ValueError("everything is missing: tf_mask must leave known cells")
    return mask


def _touched(low: float, high: float) -> slice:
    """Cells of width 1 about the whole numbers from 0 on that share more than an edge with `low` to `high`."""
    # What floating point adds to a position must not touch another cell.
    low, high = round(low + 0.5, 6), round(high + 0.5, 6)
    return slice(max(math.floor(low), 0), max(math.ceil(high), 0))
