"""
Kinds of damage to spectrograms: which cells of frequency and time are missing that a method is to restore.

Functions of `TF_GEOMETRIES` give masks, bool `(bins, frames)`, True = missing, on one [`~aidd.signals.stft.Grid`],
`GRID`, whatever the rate of the signal. Their first two arguments are its number of samples and its sampling rate in
Hz. Those that draw take a `generator`.
"""

from collections.abc import Callable

import numpy as np

from ...masks.cells import band, boxes, random_cells
from ...signals.stft import Grid


# The grid of the package's models of spectrograms.
GRID = Grid(sampling_rate=24_000, n_fft=1022, hop_length=511)


def centred_box(
    num_samples: int, sampling_rate: int, *, gap_seconds: float, lowest_hertz: float, height_hertz: float
) -> np.ndarray:
    """
    One rectangle in the middle.

    Args:
        gap_seconds: its width.
        lowest_hertz: where it begins.
        height_hertz: its height.

    Raises:
        ValueError: a rectangle without an extent, or one that does not fit.
    """
    num_samples = GRID.resampled_length(num_samples, sampling_rate)
    start = (num_samples / GRID.sampling_rate - gap_seconds) / 2
    return boxes([(lowest_hertz, lowest_hertz + height_hertz, start, start + gap_seconds)], num_samples, GRID)


def frequency_band(num_samples: int, sampling_rate: int, *, lowest_hertz: float, height_hertz: float) -> np.ndarray:
    """
    All of some frequencies.

    Args:
        lowest_hertz: where the band begins.
        height_hertz: its width.

    Raises:
        ValueError: a band without an extent, or one that does not fit.
    """
    return band(lowest_hertz, lowest_hertz + height_hertz, GRID.resampled_length(num_samples, sampling_rate), GRID)


def scattered_cells(
    num_samples: int,
    sampling_rate: int,
    *,
    coverage: float,
    num_bins: float,
    num_frames: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """
    Rectangles of cells anywhere, see [`~aidd.masks.cells.random_cells`].

    Args:
        coverage: share of the cells that is missing.
        num_bins, num_frames: extent of a rectangle, in cells.
        generator: of the draws.

    Raises:
        ValueError: a coverage outside [0, 1), or an extent that is no whole number from 1 on.
    """
    extent = {"num_bins": num_bins, "num_frames": num_frames}
    if any(value != int(value) for value in extent.values()):
        raise ValueError(f"num_bins and num_frames must be whole numbers, got {num_bins} and {num_frames}")
    num_on_grid = GRID.resampled_length(num_samples, sampling_rate)
    return random_cells(coverage, num_on_grid, GRID, generator, num_bins=int(num_bins), num_frames=int(num_frames))


TF_GEOMETRIES: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function for function in (centred_box, frequency_band, scattered_cells)
}
