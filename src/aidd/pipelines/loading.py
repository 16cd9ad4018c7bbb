"""Models by name, for the command line: errors in one line, and no noise of the libraries that load them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Literal, overload


if TYPE_CHECKING:
    from . import AIDDPipeline, SpectrogramRePaintPipeline

# What the methods that have a model are made of, and how errors call it.
PIPELINES = {
    "aidd": ("AIDDPipeline", "an AIDD pipeline"),
    "auto": ("AIDDPipeline", "an AIDD pipeline"),
    "spectrogram_repaint": ("SpectrogramRePaintPipeline", "a spectrogram RePaint pipeline"),
}


@overload
def load_pipeline(model: str, method: Literal["aidd"] = ..., dtype: str = ...) -> AIDDPipeline: ...


@overload
def load_pipeline(
    model: str, method: Literal["spectrogram_repaint"], dtype: str = ...
) -> SpectrogramRePaintPipeline: ...


@overload
def load_pipeline(model: str, method: str, dtype: str = ...) -> AIDDPipeline | SpectrogramRePaintPipeline: ...


def load_pipeline(
    model: str, method: str = "aidd", dtype: str = "float32"
) -> AIDDPipeline | SpectrogramRePaintPipeline:
    """
    The pipeline of a folder or a repository on the Hub, of the class that the method, one of `MODEL_METHODS`, needs,
    and of a type of torch; `ValueError` where it cannot be loaded, or is of another class.
    """
    class_name, described = PIPELINES[method]
    with quiet_libraries():
        import torch
        from huggingface_hub.errors import LocalEntryNotFoundError

        from .. import pipelines

        pipeline_class = getattr(pipelines, class_name)
        try:
            held = pipeline_class.load_config(model)["_class_name"]
            if held != class_name:
                raise ValueError(f"it holds a pipeline of class {held}, and {method} needs {class_name}")
            return pipeline_class.from_pretrained(model, dtype=getattr(torch, dtype))
        # All exceptions: a damaged folder fails in whatever way the libraries that read its parts choose.
        except Exception as error:
            if isinstance(error.__context__, LocalEntryNotFoundError):
                raise ValueError(
                    f"{model}: no such model folder, and the Hub cannot be reached (or HF_HUB_OFFLINE is set)"
                ) from error
            reason = str(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"
            raise ValueError(
                f"{model}: cannot be loaded as {described}: {shorten(reason, 300, placeholder=' ...')}"
            ) from error


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Inside, diffusers and transformers log nothing and draw no progress bars: errors are this command's to tell."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    settings = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library in libraries:
        library.set_verbosity(library.CRITICAL)
        library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # Of an argument that diffusers gives.
            warnings.filterwarnings("ignore", message="The `local_dir_use_symlinks` argument is deprecated")
            yield
    finally:
        for library, (verbosity, progress) in zip(libraries, settings, strict=True):
            library.set_verbosity(verbosity)
            if progress:
                library.enable_progress_bar()
