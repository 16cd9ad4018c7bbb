"""Methods that fill missing cells, as evaluations call them: for cells, and for gaps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..classical.tf import fading, log_magnitude, zeroing
from ..masks import in_the_form_of, prepare
from ..tf_masks import columns, frames_touched, samples_on_grid
from .tf_geometry import GRID


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..pipelines import SpectrogramRePaintPipeline
    from ..signatures import Waveform


def evaluated_cell_methods(
    spectrogram_pipe: SpectrogramRePaintPipeline,
) -> dict[str, Callable[..., np.ndarray]]:
    """
    Functions `method(audio, tf_mask, *, sampling_rate, generator=None) -> audio` by the names in
    `aidd.evaluation.names.CELL_METHODS`, for masks on `aidd.evaluation.tf_geometry.GRID`.

    Args:
        spectrogram_pipe: whose front end has this grid.

    Raises:
        ValueError: another grid.
    """
    grid = spectrogram_pipe.front_end.grid
    if grid != GRID:
        raise ValueError(f"expected a model of spectrograms on {GRID}, got one on {grid}")

    def spectrogram_repaint(
        audio: Waveform, tf_mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return spectrogram_pipe(audio, tf_mask=tf_mask, sampling_rate=sampling_rate, generator=generator).audios

    classical = {method.__name__: partial(method, grid=GRID) for method in (zeroing, log_magnitude, fading)}
    return {**classical, "spectrogram_repaint": spectrogram_repaint}


def in_gaps(cell_method: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """
    A method for cells, such as those of `aidd.classical.tf`, as one for gaps: cells of frames that hold a missing
    sample are missing to it, and what it returns is put into the gaps alone.

    Args:
        cell_method: `method(audio, tf_mask, *, sampling_rate, grid, generator)`.

    Returns:
        `method(audio, mask, *, sampling_rate, generator=None)`, which raises as the method, and
        [`~aidd.masks.prepare`].
    """

    def method(
        audio: Waveform,
        mask: np.ndarray | Tensor,
        *,
        sampling_rate: int,
        generator: Generator | None = None,
    ) -> Waveform:
        signals, missing = prepare(audio, mask, sampling_rate)
        filled = signals.copy()
        for index in np.ndindex(*missing.shape[:-1]):
            if missing[index].any():
                touched = frames_touched(samples_on_grid(missing[index], sampling_rate, GRID), GRID)
                filled[index] = cell_method(
                    np.where(missing[index], 0.0, signals[index]),
                    columns(touched, GRID),
                    sampling_rate=sampling_rate,
                    grid=GRID,
                    generator=generator,
                )
        return in_the_form_of(audio, filled, missing)

    return method
