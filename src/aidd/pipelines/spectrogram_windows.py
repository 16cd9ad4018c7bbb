"""Windows of spectrograms, as long as those that a model was trained on: cut out, and turned into signals again."""

import numpy as np

from ..stft import Grid, istft, stft
from .windows import TokenWindow


def first_sample(window: TokenWindow, grid: Grid) -> int:
    """Of the signal of a window's frames; negative where the first of them reach beyond the recording."""
    return (window.start + 1 - grid.overlap) * grid.hop_length


def window_cells(signal: np.ndarray, window: TokenWindow, num_frames: int, grid: Grid) -> np.ndarray:
    """
    Args:
        signal: float64 `(samples,)`, at the grid's rate. What lies beyond it is silence.
        window: whose frames are wanted, from its start on.
        num_frames: how many.
        grid: of the cells.

    Returns:
        complex128 `(bins, num_frames)`.
    """
    start = first_sample(window, grid)
    num_samples = (num_frames + grid.overlap - 1) * grid.hop_length
    here = signal[max(start, 0) : start + num_samples]
    before = max(-start, 0)
    cells = stft(np.pad(here, (before, num_samples - before - len(here))), grid)
    return cells[:, grid.overlap - 1 : grid.overlap - 1 + num_frames]


def window_frames(frames_missing: np.ndarray, window: TokenWindow, num_frames: int) -> np.ndarray:
    """Missing frames of a window, bool `(num_frames,)`; what lies behind the recording's end is missing, too."""
    here = frames_missing[window.start : window.end]
    return np.pad(here, (0, num_frames - len(here)), constant_values=True)


def window_signal(cells: np.ndarray, grid: Grid) -> np.ndarray:
    """Of windows complex128 `(..., bins, frames)`: float64 `(..., samples)`, faded at the ends."""
    num_frames = cells.shape[-1]
    beside = (grid.overlap - 1, grid.overlap - 1)
    padded = np.pad(cells, [(0, 0)] * (cells.ndim - 1) + [beside])
    return istft(padded, grid, (num_frames + grid.overlap - 1) * grid.hop_length)
