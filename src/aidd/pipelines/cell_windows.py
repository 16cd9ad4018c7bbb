"""Windows of spectrograms: their cells, their signals, and missing cells filled window by window."""

from collections.abc import Callable

import numpy as np

from ..signals.stft import Grid, istft, stft
from ..splice.channels import channel_factors
from .windows import Window, plan_successive_windows


def first_sample(window: Window, grid: Grid) -> int:
    """First sample of the signal of a window's frames; negative where they reach beyond the recording's start."""
    return (window.start + 1 - grid.overlap) * grid.hop_length


def window_cells(signal: np.ndarray, window: Window, num_frames: int, grid: Grid) -> np.ndarray:
    """
    Cells of a window.

    Args:
        signal: float64 `(samples,)`, at the grid's rate. Beyond it there is silence.
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


def window_frames(frames_missing: np.ndarray, window: Window, num_frames: int) -> np.ndarray:
    """Missing frames of a window, bool `(num_frames,)`; those after the recording's end are missing, too."""
    here = frames_missing[window.start : window.end]
    return np.pad(here, (0, num_frames - len(here)), constant_values=True)


def window_signal(cells: np.ndarray, grid: Grid) -> np.ndarray:
    """The signals of windows, complex128 `(..., bins, frames)` to float64 `(..., samples)`, faded at the ends."""
    num_frames = cells.shape[-1]
    around = (grid.overlap - 1, grid.overlap - 1)
    padded = np.pad(cells, [(0, 0)] * (cells.ndim - 1) + [around])
    return istft(padded, grid, (num_frames + grid.overlap - 1) * grid.hop_length)


def fill_cell_windows(
    known: np.ndarray,
    mask: np.ndarray,
    num_frames: int,
    num_variations: int,
    generate: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """
    Fills missing cells window by window, in all channels alike: what is generated for their mean is given to each with
    its factors ([`~aidd.splice.channels.channel_factors`]).

    Args:
        known: complex128 `(channels, bins, frames)`, 0 in missing cells.
        mask: bool `(bins, frames)`, True = missing.
        num_frames: frames of a window.
        num_variations: how many fillings there are.
        generate: from cells of windows, complex128 `(variations, 1, bins, num_frames)`, and which of them are missing,
            bool `(1, bins, num_frames)`, to these cells with the missing ones filled.

    Returns:
        complex128 `(variations, channels, bins, frames)`, without the first axis for one variation.
    """
    loudest = known[np.square(np.abs(known)).sum((1, 2)).argmax()]
    polarity = np.where((known * loudest.conj()).real.sum((1, 2)) < 0, -1.0, 1.0)[:, None, None]
    filled = np.repeat((polarity * known)[None], num_variations, axis=0)
    missing = mask.copy()
    for window in plan_successive_windows(np.any(mask, axis=0), num_frames, num_frames // 2):
        here = np.s_[..., window.start : window.end]
        beyond = num_frames - (window.end - window.start)
        cells = np.pad(filled[here], [(0, 0), (0, 0), (0, 0), (0, beyond)])
        cells_missing = np.pad(missing[here], [(0, 0), (0, beyond)], constant_values=True)
        mono = cells.mean(1)
        generated = generate(mono[:, None], cells_missing[None])[:, 0]
        channels = channel_factors(cells, mono, ~cells_missing)[..., None] * generated[:, None]
        part = slice(window.fill_start, window.fill_end)
        inside = slice(window.fill_start - window.start, window.fill_end - window.start)
        filled[..., part] = np.where(missing[:, part], channels[..., inside], filled[..., part])
        missing[:, part] = False
    filled = polarity * filled
    return filled if num_variations > 1 else filled[0]
