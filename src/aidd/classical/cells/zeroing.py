"""Silence in missing cells: the anchor that every method must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...splice.cells import fill_cells


if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    from ...signals.arrays import Waveform
    from ...signals.stft import Grid


def zeroing(
    audio: Waveform,
    tf_mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    grid: Grid,
    generator: Generator | None = None,
) -> Waveform:
    """
    The Gabor multiplier of the mask (`tf_mask`: True = missing): missing cells are set to zero.

    Args:
        audio, tf_mask, sampling_rate, grid: see [`~aidd.splice.cells.fill_cells`], which raises.
        generator: part of every method's signature; nothing is drawn.

    Returns:
        Audio of the same type, shape and dtype.
    """
    return fill_cells(audio, tf_mask, lambda known, mask: known, sampling_rate=sampling_rate, grid=grid)
