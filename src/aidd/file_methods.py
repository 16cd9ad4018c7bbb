"""Methods for [`~aidd.file_inpainting.inpaint_file`]: what fills the gaps of a file, and how much of it that needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .auto import auto_with, longest_for_janssen
from .methods import METHODS, MODEL_METHODS
from .regions import Locality, locality_of, locality_of_pipeline
from .splice import SAMPLES_PER_COEFFICIENT


if TYPE_CHECKING:
    from torch import Generator

    from .detection.in_files import Damage
    from .pipelines import AIDDPipeline, SpectrogramRePaintPipeline


CONTINUATION = "continuation"


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


def filled_by(
    name: str,
    gaps: Sequence[np.ndarray],
    *,
    num_samples: int,
    sampling_rate: int,
    pipeline: AIDDPipeline | SpectrogramRePaintPipeline | None = None,
) -> list[list[str]]:
    """
    What fills each gap: the name of a method, or `continuation`, that of its edges alone, as pipelines do with short
    gaps ([`~aidd.splice.splice_short_gaps`]).

    Args:
        name: of `aidd.METHODS`.
        gaps: of every channel, int64 `(gaps, 2)`, in order.
        num_samples: of the recording.
        sampling_rate: Hz.
        pipeline: that of the method, if any.
    """
    of_janssen = longest_for_janssen(sampling_rate) if name == "auto" else 0
    of_edges = 0 if pipeline is None else round(pipeline.config.short_gap_seconds * sampling_rate)
    by_model = "aidd" if name == "auto" else name
    found = []
    for of_channel in gaps:
        names = ["janssen" if end - start <= of_janssen else by_model for start, end in of_channel.tolist()]
        longer = [number for number, by in enumerate(names) if by == by_model]
        starts = [*of_channel[longer, 0].tolist(), num_samples]
        # Where what is still missing ends, from left to right.
        reached = 0
        for number, start, next_start in zip(longer, starts, starts[1:], strict=False):
            end = int(of_channel[number, 1])
            if end - start <= of_edges and min(start - reached, next_start - end) >= SAMPLES_PER_COEFFICIENT:
                names[number] = CONTINUATION
            else:
                reached = end
        found.append(names)
    return found


def needs_pipeline(name: str, gaps: Sequence[np.ndarray], *, sampling_rate: int) -> bool:
    """
    Whether a method fills any of these gaps, int64 `(gaps, 2)` of every channel, by a model: `aidd` and
    `spectrogram_repaint` always do, `auto` those that are too long for Janssen's method.
    """
    if name == "auto":
        return any(map(len, short_and_long(gaps, sampling_rate=sampling_rate)[1]))
    return name in MODEL_METHODS


def short_and_long(gaps: Sequence[np.ndarray], *, sampling_rate: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Which gaps of every channel, int64 `(gaps, 2)`, [`~aidd.auto.auto`] fills by Janssen's method, and by AIDD."""
    is_short = [of_channel[:, 1] - of_channel[:, 0] <= longest_for_janssen(sampling_rate) for of_channel in gaps]
    parts = zip(gaps, is_short, strict=True)
    short, long = zip(*((of_channel[short], of_channel[~short]) for of_channel, short in parts), strict=True)
    return list(short), list(long)


def within_bounds(method: Callable[..., np.ndarray], damage: Damage) -> Callable[..., np.ndarray]:
    """A method whose fillings of clipped samples are brought beyond the values that they were clipped at."""
    return partial(_within_bounds, method, damage)


def _within_bounds(
    method: Callable[..., np.ndarray],
    damage: Damage,
    audio: np.ndarray,
    mask: np.ndarray,
    *,
    sampling_rate: int,
    generator: Generator | None,
) -> np.ndarray:
    from .detection.clipping import clipping_bounds, project_to_bounds

    filled = method(audio, mask, sampling_rate=sampling_rate, generator=generator)
    return project_to_bounds(filled, *clipping_bounds(audio, damage.ceilings, damage.floors))
