"""Every method that evaluations compare: those of `aidd.METHODS`, what they must beat, and what they cannot pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..auto import auto_with
from ..classical.tf import log_magnitude
from ..masks import in_the_form_of, prepare
from ..methods import METHODS
from .cell_methods import in_gaps


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..pipelines import AIDDPipeline, SpectrogramRePaintPipeline
    from ..signatures import Waveform


def evaluated_methods(
    pipe: AIDDPipeline, spectrogram_pipe: SpectrogramRePaintPipeline
) -> dict[str, Callable[..., np.ndarray]]:
    """
    Functions `method(audio, mask, *, sampling_rate, generator=None) -> audio` by the names in
    `aidd.evaluation.names.EVALUATED_METHODS`:

    - [`masked`], silence in the gaps;
    - those of `aidd.METHODS`;
    - `log_magnitude`, of missing cells, for gaps ([`~aidd.evaluation.cell_methods.in_gaps`]);
    - `aidd_paper`, the published stitching (see [`~aidd.evaluation.aidd_paper.aidd_paper`]: it overwrites intact audio
      beside the gaps);
    - `codec`, [`AIDDPipeline.reconstruct`]: the ceiling of `aidd`. It alone must be given *intact* audio.

    Args:
        pipe: stands for the default model in `aidd`, `auto`, `aidd_paper` and `codec`.
        spectrogram_pipe: stands for the default model in `spectrogram_repaint`.
    """
    from .aidd_paper import inpaint_as_published

    def aidd(
        audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return pipe(audio, mask, sampling_rate=sampling_rate, generator=generator).audios

    def spectrogram_repaint(
        audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return spectrogram_pipe(audio, mask, sampling_rate=sampling_rate, generator=generator).audios

    def codec(
        audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform:
        return pipe.reconstruct(audio, mask, sampling_rate=sampling_rate, generator=generator)

    return {
        "masked": masked,
        **METHODS,
        "aidd": aidd,
        "auto": partial(auto_with, aidd),
        "spectrogram_repaint": spectrogram_repaint,
        "log_magnitude": in_gaps(log_magnitude),
        "aidd_paper": partial(inpaint_as_published, pipe),
        "codec": codec,
    }


def masked(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Silence in the gaps: what is left when nothing is done. Arguments, result and errors as of every method.
    """
    signals, missing = prepare(audio, mask, sampling_rate)
    return in_the_form_of(audio, np.where(missing, 0.0, signals), missing)
