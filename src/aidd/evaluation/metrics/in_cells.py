"""Metrics of the restored cells of frequency and time."""

import numpy as np

from ...signals.measures.arguments import as_missing, as_signals
from ...signals.resampling import resample
from ...signals.stft import Grid, stft
from .level_error import level_error
from .snr import snr_in_gap


# Floor of log powers, in a transform whose cells have the energy of the signal.
EPS = 1e-12


def metrics_in_cells(
    reference: np.ndarray, estimate: np.ndarray, cells: np.ndarray, *, sampling_rate: int, grid: Grid
) -> dict[str, float]:
    """
    Compares the spectrograms X of the reference and Y of the estimate in the missing cells M:

        snr_cells = 10 log10( sum_M |X|^2 / sum_M |X - Y|^2 )                                                    (dB)
        level_error_cells = 10 log10( sum_M |Y|^2 / sum_M |X|^2 )                                                (dB)
        lsd_cells = mean over frames of the root mean square, over a frame's missing cells, of
                    log10(|X|^2 + eps) - log10(|Y|^2 + eps)

    The estimate is a signal: as windows overlap, its cells need not be what a method put there.

    Args:
        reference, estimate: float, `(samples,)`, of one shape.
        cells: bool `(bins, frames)` on the grid, True = missing.
        sampling_rate: Hz of the signals.
        grid: of the cells.

    Raises:
        ValueError: as [`snr_in_gap`], and of a mask that is not on the grid.
    """
    spectra = [stft(resample(one, sampling_rate, grid.sampling_rate), grid) for one in as_signals(reference, estimate)]
    missing = as_missing(cells, spectra[0].shape)
    # A complex number's square is the sum of those of its parts.
    parts = [np.stack([one.real, one.imag]) for one in spectra]
    logs = [np.log10(np.square(np.abs(one)) + EPS) for one in spectra]
    squares = np.where(missing, np.square(logs[0] - logs[1]), 0).sum(0)
    counts = missing.sum(0)
    return {
        "snr_cells": snr_in_gap(parts[0], parts[1], missing),
        "level_error_cells": level_error(parts[0], parts[1], missing),
        "lsd_cells": float(np.sqrt(squares[counts > 0] / counts[counts > 0]).mean()),
    }
