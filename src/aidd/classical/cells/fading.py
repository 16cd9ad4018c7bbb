"""Time-frequency fading: the signal that agrees with known cells and has little in the missing ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...signals.stft import Grid, cell_weights, istft, stft
from ...splice.cells import fill_cells
from .log_magnitude import magnitudes


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...signals.arrays import Waveform

# Strengths that are tried: below the weakest, only what known cells imply by the overlap of windows counts.
WEAKEST, STRONGEST = 1e-3, 1e3
BISECTIONS = 8
# Limits of the conjugate gradients: residual, relative to the right-hand side, and steps.
TOLERANCE = 1e-5
MAX_STEPS = 200


def fading(
    audio: Waveform,
    tf_mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    grid: Grid,
    generator: Generator | None = None,
) -> Waveform:
    r"""
    Fills cells (`tf_mask`: True = missing) by fading: A. M. Krémé, V. Emiya, C. Chaux, B. Torrésani, "Time-frequency
    fading algorithms based on Gabor multipliers", IEEE Journal of Selected Topics in Signal Processing 15(1), 2021,
    pp. 65-77, doi:10.1109/JSTSP.2020.3045938. With V the short-time Fourier transform as a tight frame, known cells K
    and missing cells M, the result is the signal

        x = argmin sum_K |V x - known|^2 + lambda sum_M |V x|^2,

    with the lambda for which the energy in M is what its surroundings let expect: here, that of log-magnitudes
    interpolated over time. The missing cells of the audio are not read; but as windows overlap, known cells say
    something of them too, the more the smaller lambda is. Where all cells of a moment are missing, none does: it stays
    silent.

    The paper solves for x by eigenvectors of the Gabor multiplier of M. Here it is conjugate gradients, which need no
    choice of rank, and bisection for the logarithm of lambda, between 1e-3 and 1e3.

    Args:
        audio, tf_mask, sampling_rate, grid: see [`~aidd.splice.cells.fill_cells`], which raises.
        generator: part of every method's signature; nothing is drawn.

    Returns:
        Audio of the same type, shape and dtype.
    """

    def fill(known: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.stack([_faded(one, mask, grid) for one in known])

    return fill_cells(audio, tf_mask, fill, sampling_rate=sampling_rate, grid=grid)


def fade(known: np.ndarray, mask: np.ndarray, strength: float, grid: Grid) -> np.ndarray:
    """
    The minimum for one lambda, the solution of V* (1_K + lambda 1_M) V x = V* known, by conjugate gradients.

    Args:
        known: complex128 `(bins, frames)`, 0 in missing cells.
        mask: bool `(bins, frames)`, True = missing.
        strength: lambda, positive.
        grid: of the cells.

    Returns:
        float64 `(samples,)`: as many as the frames can hold.
    """
    num_samples = (mask.shape[1] + 1 - grid.overlap) * grid.hop_length
    weights = np.where(mask, strength, 1.0)
    target = istft(known, grid, num_samples)
    solution = target.copy()
    residual = target - istft(weights * stft(solution, grid), grid, num_samples)
    direction, power = residual, residual @ residual
    for _ in range(MAX_STEPS):
        if power <= TOLERANCE**2 * (target @ target):
            break
        image = istft(weights * stft(direction, grid), grid, num_samples)
        step = power / (direction @ image)
        solution = solution + step * direction
        residual = residual - step * image
        power, before = residual @ residual, power
        direction = residual + power / before * direction
    return solution


def _faded(known: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    weights = np.where(mask, cell_weights(grid), 0)
    expected = (weights * np.square(magnitudes(known, mask))).sum()
    low, high = np.log(WEAKEST), np.log(STRONGEST)
    for _ in range(BISECTIONS if mask.any() else 0):
        middle = (low + high) / 2
        energy = (weights * np.square(np.abs(stft(fade(known, mask, np.exp(middle), grid), grid)))).sum()
        low, high = (middle, high) if energy > expected else (low, middle)
    return stft(fade(known, mask, np.exp((low + high) / 2), grid), grid)
