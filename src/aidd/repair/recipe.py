"""Methods by name for [`~aidd.repair.filling.inpaint_file`], with how much of a file they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .auto import auto_with
from .methods import METHODS, MODEL_METHODS
from .regions import Locality, locality_of, locality_of_pipeline


if TYPE_CHECKING:
    from torch import Generator

    from ..pipelines import AIDDPipeline, SpectrogramRePaintPipeline


def method_for(
    name: str,
    *,
    sampling_rate: int,
    pipeline: AIDDPipeline | SpectrogramRePaintPipeline | None = None,
    num_variations: int = 1,
) -> tuple[Callable[..., np.ndarray], Locality]:
    """
    A method by name, with any pipeline.

    Args:
        name: of `aidd.METHODS`.
        sampling_rate: Hz of the recording.
        pipeline: of the recordings that need one, see [`needs_pipeline`].
        num_variations: of a pipeline, the best first in each gap.

    Returns:
        The method, as `inpaint_file` calls it, and its locality.

    Raises:
        ValueError: `aidd` or `spectrogram_repaint` without a pipeline.
    """
    if name in MODEL_METHODS and name != "auto" and pipeline is None:
        raise ValueError(f"{name} needs a pipeline, got None")
    if name not in MODEL_METHODS or pipeline is None:
        return METHODS[name], locality_of(name, sampling_rate=sampling_rate)

    def by_model(
        audio: np.ndarray, mask: np.ndarray, *, sampling_rate: int, generator: Generator | None
    ) -> np.ndarray:
        return pipeline(
            audio,
            mask,
            sampling_rate=sampling_rate,
            generator=generator,
            num_variations=num_variations,
            select="agreement",
        ).audios

    def auto_by_model(
        audio: np.ndarray, mask: np.ndarray, *, sampling_rate: int, generator: Generator | None
    ) -> np.ndarray:
        filled = auto_with(by_model, audio, mask, sampling_rate=sampling_rate, generator=generator)
        # Of a region without longer gaps, there is one filling.
        return np.broadcast_to(filled, (num_variations, *audio.shape)) if num_variations > 1 else filled

    return auto_by_model if name == "auto" else by_model, locality_of_pipeline(pipeline, sampling_rate=sampling_rate)
