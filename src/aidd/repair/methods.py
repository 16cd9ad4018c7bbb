"""The inpainting methods by name, all of one signature, imported when first asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor

    from ..pipelines import AIDDPipeline, SpectrogramRePaintPipeline
    from ..signals.arrays import Method, Waveform

DEFAULT_MODEL = str(Path(__file__).parents[1] / "pretrained" / "aidd-piano-small")
DEFAULT_SPECTROGRAM_MODEL = str(Path(__file__).parents[1] / "pretrained" / "spectrogram-piano-small")
# Those that have a model, of which there are several, and draw: they may give several variations. By name, the default
# model of each.
MODEL_METHODS = MappingProxyType(
    {"aidd": DEFAULT_MODEL, "auto": DEFAULT_MODEL, "spectrogram_repaint": DEFAULT_SPECTROGRAM_MODEL}
)


class Methods(Mapping[str, "Method"]):
    """
    A read-only mapping from a method's name to its function

        method(audio, mask, *, sampling_rate, generator=None) -> audio

    Args:
        modules: the module of every method, which holds a function of the method's name.
    """

    def __init__(self, modules: dict[str, str]):
        self._modules = modules

    def __getitem__(self, name: str) -> Method:
        if name not in self._modules:
            raise KeyError(f"{name!r}: expected one of {', '.join(self)}")
        return getattr(import_module(self._modules[name]), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __repr__(self) -> str:
        return f"Methods({', '.join(self)})"


METHODS = Methods(
    {
        "aidd": "aidd.repair.methods",
        "auto": "aidd.repair.auto",
        "autoregressive": "aidd.classical.autoregressive",
        "envelope_noise": "aidd.classical.envelope_noise",
        "janssen": "aidd.classical.janssen",
        "linear": "aidd.classical.linear",
        "sparse": "aidd.classical.sparse",
        "spectrogram_repaint": "aidd.repair.methods",
    }
)


def aidd(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    [`AIDDPipeline`] with the default model, which is loaded once.

    Args:
        audio: float32 or float64, `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: of the draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as the pipeline.
    """
    return default_pipeline()(audio, mask, sampling_rate=sampling_rate, generator=generator).audios


@cache
def default_pipeline() -> AIDDPipeline:
    """[`AIDDPipeline`] with the default model, loaded when first asked for: always the same object."""
    from ..pipelines.pipeline_aidd import AIDDPipeline

    pipeline = AIDDPipeline.from_pretrained(DEFAULT_MODEL)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def spectrogram_repaint(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    [`SpectrogramRePaintPipeline`] with the default model, which is loaded once.

    Args:
        audio: float32 or float64, `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: of the draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as the pipeline.
    """
    return default_spectrogram_pipeline()(audio, mask, sampling_rate=sampling_rate, generator=generator).audios


@cache
def default_spectrogram_pipeline() -> SpectrogramRePaintPipeline:
    """[`SpectrogramRePaintPipeline`] with the default model, loaded when first asked for: always the same object."""
    from ..pipelines import SpectrogramRePaintPipeline

    pipeline = SpectrogramRePaintPipeline.from_pretrained(DEFAULT_SPECTROGRAM_MODEL)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def check_model(model: str) -> None:
    """Raises `ValueError` on what is neither a pipeline's folder nor the name of a repository."""
    folder = Path(model)
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ValueError(f"{model}: the folder holds no pipeline (no model_index.json)")
    elif folder.exists() or not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", model):
        raise ValueError(f"{model}: no such model folder, and not the name of a repository on the Hub (owner/name)")
