"""U-PHAIN-TF: missing cells for which partials go on at the frequencies that the spectrogram shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...masks.gaps import group_gaps
from ...signals.phase_advances import phase_advances, variation, variation_adjoint
from ...signals.stft import Grid, analyse, synthesise, to_the_middle
from ...splice.cells import fill_cells


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...signals.arrays import Waveform

# Whole frames that are known on each side of a group of missing cells.
CONTEXT = 4
# Step sizes of the samples, of the dual of the known cells and of that of the variation. The first times the second,
# and four times the first times the third, must not exceed 1.
STEP, CELL_STEP, VARIATION_STEP = 0.25, 4.0, 1.0
# Weight of the variation, where the largest sample of the known cells is 1. With known cells as they are, it has no
# part in the solution, only in how fast it is reached.
WEIGHT = 0.01
# Rounds end when the samples change by less than this, as the root of a sum of squares.
LEAST_CHANGE = 1e-3
# Longest group of frames with missing cells, in frames, unless it is one run: memory grows with the group.
LONGEST_GROUP = 64


def phain_tf(
    audio: Waveform,
    tf_mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    grid: Grid,
    generator: Generator | None = None,
    num_rounds: int = 10,
    num_iterations: int = 100,
) -> Waveform:
    """
    Fills cells (`tf_mask`: True = missing) by U-PHAIN-TF (arXiv:2601.18535): of the signals whose spectrogram is as
    known in all known cells, that for which the frames of partials differ least from the next ones, turned back by the
    advance of phase at their instantaneous frequencies ([`~aidd.classical.phain.u_phain`]). Every round solves this by
    the generalised method of Chambolle and Pock, and takes the frequencies from the result; the channels of an item
    share them.

    The paper fills whole frames, with 500 iterations in a round. Here cells of any shape may be missing.

    Args:
        audio, tf_mask, sampling_rate, grid: see [`~aidd.splice.cells.fill_cells`], which raises.
        generator: part of every method's signature; nothing is drawn.
        num_rounds: times that the frequencies are estimated, at most.
        num_iterations: iterations in a round.

    Returns:
        Audio of the same type, shape and dtype.

    Raises:
        ValueError: as `fill_cells`, or a number of rounds or iterations below 1.
    """
    if num_rounds < 1 or num_iterations < 1:
        raise ValueError(f"num_rounds and num_iterations must be at least 1, got {num_rounds} and {num_iterations}")

    def fill(known: np.ndarray, mask: np.ndarray) -> np.ndarray:
        filled = known * to_the_middle(grid)
        for start, end in group_gaps(np.asarray(mask.any(0)), CONTEXT, LONGEST_GROUP):
            here = np.s_[max(start - CONTEXT, 0) : end + CONTEXT]
            restored = restore_cells(filled[..., here], mask[:, here], grid, num_rounds, num_iterations)
            filled[..., start:end] = restored[..., start - here.start : end - here.start]
        return filled * to_the_middle(grid)

    return fill_cells(audio, tf_mask, fill, sampling_rate=sampling_rate, grid=grid)


def restore_cells(known: np.ndarray, mask: np.ndarray, grid: Grid, num_rounds: int, num_iterations: int) -> np.ndarray:
    """
    [`phain_tf`] on an excerpt.

    Args:
        known: complex128 `(channels, bins, frames)`, phases at the windows' first samples, 0 in missing cells.
        mask: bool `(bins, frames)`, True = missing.
        grid: of the cells.
        num_rounds, num_iterations: as in `phain_tf`.

    Returns:
        complex128 `(channels, bins, frames)`, equal to `known` where nothing is missing.
    """
    window, hop = grid.window, grid.hop_length
    signals = synthesise(known, window, hop)
    peak = np.abs(signals).max()
    if peak == 0:
        return known
    signals, scaled = signals / peak, known / peak
    for _ in range(num_rounds):
        advances = phase_advances(signals, window, hop)
        before, signals = signals, least_variation(signals, scaled, mask, advances, grid, num_iterations)
        if np.linalg.norm(signals - before) < LEAST_CHANGE:
            break
    return np.where(mask, peak * analyse(signals, window, hop), known)


def least_variation(
    signals: np.ndarray, known: np.ndarray, mask: np.ndarray, advances: np.ndarray, grid: Grid, num_iterations: int
) -> np.ndarray:
    """
    The generalised method of Chambolle and Pock for the least sum of magnitudes of
    [`~aidd.signals.phase_advances.variation`] of signals with known cells.

    Args:
        signals: a first estimate, float64 `(channels, samples)`.
        known, mask, grid, num_iterations: as in [`restore_cells`].
        advances: as [`~aidd.signals.phase_advances.phase_advances`] returns them.

    Returns:
        float64 `(channels, samples)`.
    """
    window, hop = grid.window, grid.hop_length
    cells, changes = np.zeros_like(known), np.zeros_like(variation(known, advances))
    for _ in range(num_iterations):
        descent = synthesise(variation_adjoint(changes, advances), window, hop)
        ahead = signals - STEP * (descent + synthesise(cells, window, hop))
        cells = np.where(mask, 0, cells + CELL_STEP * (analyse(ahead, window, hop) - known))
        moved = signals - STEP * (descent + synthesise(cells, window, hop))
        changes = changes + VARIATION_STEP * variation(analyse(2 * moved - signals, window, hop), advances)
        changes *= WEIGHT / np.maximum(np.abs(changes), WEIGHT)
        signals = moved
    return signals
