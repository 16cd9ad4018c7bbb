"""The methods that evaluations compare: those of `aidd.METHODS`, and what they must beat and cannot pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...classical.cells import log_magnitude
from ...repair.auto import auto_with
from ...repair.best import best_with
from ...repair.methods import METHODS, MODEL_METHODS
from ...splice.contract import prepare, write_back
from .cell_methods import in_gaps


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...pipelines import AIDDPipeline, SpectrogramRePaintPipeline
    from ...signals.arrays import Waveform
    from .method_set import Method


def methods_without_model() -> dict[str, Method]:
    """
    By name, functions `method(audio, mask, *, sampling_rate, generator=None) -> audio`: [`masked`], silence in the
    gaps; those of `aidd.METHODS` that have no model; and `log_magnitude`, of missing cells, for gaps
    ([`~aidd.evaluation.methods.cell_methods.in_gaps`]).
    """
    classical = {name: method for name, method in METHODS.items() if name not in MODEL_METHODS}
    return {"masked": masked, **classical, "log_magnitude": in_gaps(log_magnitude)}


def methods_of_aidd(pipe: AIDDPipeline) -> dict[str, Method]:
    """
    By name, those that an AIDD model has a part in: `aidd` itself; `auto`; `best`; `aidd_paper`, the published
    stitching (see [`~aidd.evaluation.methods.aidd_paper.aidd_paper`]: it overwrites intact audio next to the gaps);
    and `codec`, [`AIDDPipeline.reconstruct`], the ceiling of `aidd`, which alone must be given *intact* audio.
    """
    from .aidd_paper import inpaint_as_published

    def aidd(
        audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return pipe(audio, mask, sampling_rate=sampling_rate, generator=generator).audios

    def codec(
        audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return pipe.reconstruct(audio, mask, sampling_rate=sampling_rate, generator=generator)

    return {
        "aidd": aidd,
        "auto": partial(auto_with, aidd),
        "best": partial(best_with, pipe),
        "aidd_paper": partial(inpaint_as_published, pipe),
        "codec": codec,
    }


def methods_of_spectrogram(pipe: SpectrogramRePaintPipeline) -> dict[str, Method]:
    """By name, those that a spectrogram model has a part in: `spectrogram_repaint`."""

    def spectrogram_repaint(
        audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return pipe(audio, mask, sampling_rate=sampling_rate, generator=generator).audios

    return {"spectrogram_repaint": spectrogram_repaint}


def masked(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Silence in the gaps: what is left when nothing is done. Arguments, result and errors as of every method.
    """
    prepared = prepare(audio, mask, sampling_rate)
    return write_back(prepared, np.where(prepared.missing, 0.0, prepared.signals))
