"""Magnitudes interpolated in dB, phases continued from known cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...masks.gaps import find_gaps
from ...signals.stft import Grid
from ...splice.cells import fill_cells


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...signals.arrays import Waveform

# Added to magnitudes before their logarithm is taken, relative to the largest.
FLOOR = 1e-6


def log_magnitude(
    audio: Waveform,
    tf_mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    grid: Grid,
    generator: Generator | None = None,
) -> Waveform:
    """
    Draws straight lines through log-magnitudes and phases of each bin (`tf_mask`: True = missing). A phase goes on
    from the nearer edge, as it went there from one known frame to the next; where only one is known, as that of a tone
    in the middle of the bin.

    Args:
        audio, tf_mask, sampling_rate, grid: see [`~aidd.splice.cells.fill_cells`], which raises.
        generator: part of every method's signature; nothing is drawn.

    Returns:
        Audio of the same type, shape and dtype.
    """

    def fill(known: np.ndarray, mask: np.ndarray) -> np.ndarray:
        filled = [magnitudes(one, mask) * np.exp(1j * phases(one, mask, grid)) for one in known]
        return np.where(mask, filled, known)

    return fill_cells(audio, tf_mask, fill, sampling_rate=sampling_rate, grid=grid)


def magnitudes(known: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """
    Magnitudes with log-linear interpolation over time, and over frequency where nothing of a bin is known.

    Args:
        known: complex128 `(bins, frames)`.
        mask: bool `(bins, frames)`, True = missing, not everywhere.

    Returns:
        float64 `(bins, frames)`.
    """
    floor = FLOOR * np.abs(known[~mask]).max()
    if floor == 0:
        return np.zeros(mask.shape)
    logs = np.log(np.abs(known) + floor)
    some_known = ~mask.all(1)
    frames, bins = np.arange(mask.shape[1]), np.arange(mask.shape[0])
    for row in np.flatnonzero(some_known & mask.any(1)):
        at = ~mask[row]
        logs[row] = np.interp(frames, frames[at], logs[row, at])
    for frame in frames if not some_known.all() else ():
        logs[~some_known, frame] = np.interp(bins[~some_known], bins[some_known], logs[some_known, frame])
    return np.maximum(np.exp(logs) - floor, 0)


def phases(known: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """
    Phases of missing cells; 0 elsewhere. A bin of which nothing is known gets those of a tone in its middle.

    Args:
        known, mask: see [`magnitudes`].
        grid: of the cells.

    Returns:
        Radians, float64 `(bins, frames)`.
    """
    angles = np.zeros(mask.shape)
    num_frames = mask.shape[1]
    for row in np.flatnonzero(mask.any(1)):
        advance = 2 * np.pi * row * grid.hop_length / grid.n_fft
        for start, end in find_gaps(mask[row]).tolist():
            left = _edge(known[row], mask[row], start - 1, -1, advance) if start else None
            right = _edge(known[row], mask[row], end, 1, -advance) if end < num_frames else None
            from_left = np.arange(1, end - start + 1)
            from_right = from_left[::-1]
            edge = left or right
            if edge is None:
                angles[row] = advance * np.arange(num_frames)
            elif right is None or left is None:
                phase, step = edge
                angles[row, start:end] = phase + step * (from_left if right is None else from_right)
            else:
                ahead, back = (p + s * d for (p, s), d in ((left, from_left), (right, from_right)))
                angles[row, start:end] = np.where(from_left <= from_right, ahead, back)
    return angles


def _edge(known: np.ndarray, mask: np.ndarray, frame: int, away: int, advance: float) -> tuple[float, float]:
    """Phase of the known frame at an edge, and how it goes on into the gap, from a frame to the next."""
    beyond = frame + away
    if 0 <= beyond < len(known) and not mask[beyond]:
        advance = np.angle(known[frame] * known[beyond].conj())
    return float(np.angle(known[frame])), float(advance)
