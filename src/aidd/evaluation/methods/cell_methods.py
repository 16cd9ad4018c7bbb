"""Methods that fill missing cells, as evaluations call them: for cells, and for gaps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...classical.cells import fading, log_magnitude, phain_tf, zeroing
from ...masks.cells import columns, frames_touched, samples_on_grid
from ...splice.contract import prepare, write_back
from ..protocols.tf_geometry import GRID


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...pipelines import SpectrogramRePaintPipeline
    from ...signals.arrays import Waveform
    from .method_set import CellMethod


def cell_methods_without_model() -> dict[str, CellMethod]:
    """
    By name, functions `method(audio, tf_mask, *, sampling_rate, generator=None) -> audio` for masks on
    `aidd.evaluation.protocols.tf_geometry.GRID`: those of `aidd.classical.cells`.
    """
    return {method.__name__: partial(method, grid=GRID) for method in (zeroing, log_magnitude, fading, phain_tf)}


def cell_methods_of_spectrogram(pipe: SpectrogramRePaintPipeline) -> dict[str, CellMethod]:
    """
    By name, those that a spectrogram model has a part in: `spectrogram_repaint`.

    Raises:
        ValueError: a model of which the front end has another grid.
    """
    grid = pipe.front_end.grid
    if grid != GRID:
        raise ValueError(f"expected a model of spectrograms on {GRID}, got one on {grid}")

    def spectrogram_repaint(
        audio: Waveform, tf_mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return pipe(audio, tf_mask=tf_mask, sampling_rate=sampling_rate, generator=generator).audios

    return {"spectrogram_repaint": spectrogram_repaint}


def in_gaps(cell_method: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """
    A method for cells, such as those of `aidd.classical.cells`, as one for gaps: cells of frames that hold a missing
    sample are missing to it, and what it returns is put into the gaps alone.

    Args:
        cell_method: `method(audio, tf_mask, *, sampling_rate, grid, generator)`.

    Returns:
        `method(audio, mask, *, sampling_rate, generator=None)`, which raises as the method, and
        [`~aidd.splice.contract.prepare`].
    """

    def method(
        audio: Waveform,
        mask: np.ndarray | Tensor,
        *,
        sampling_rate: int,
        generator: Generator | None = None,
    ) -> Waveform:
        prepared = prepare(audio, mask, sampling_rate)
        signals, missing = prepared.signals, prepared.missing
        filled = signals.copy()
        for index in np.ndindex(*missing.shape[:-1]):
            if missing[index].any():
                touched = frames_touched(samples_on_grid(missing[index], sampling_rate, GRID), GRID)
                restored = cell_method(
                    np.where(missing[index], 0.0, signals[index]),
                    columns(touched, GRID),
                    sampling_rate=sampling_rate,
                    grid=GRID,
                    generator=generator,
                )
                filled[index] = np.where(missing[index], restored, signals[index])
        return write_back(prepared, filled)

    return method
