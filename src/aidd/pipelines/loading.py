"""Loading of pipelines by name: errors in one line, and no messages of the libraries that load them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Literal, overload

from ..models.uncollected import uncollected


if TYPE_CHECKING:
    from . import AIDDPipeline, InpaintingPipeline, SpectrogramRePaintPipeline


@overload
def load_pipeline(model: str, class_name: Literal["AIDDPipeline"] = ..., dtype: str = ...) -> AIDDPipeline: ...


@overload
def load_pipeline(
    model: str, class_name: Literal["SpectrogramRePaintPipeline"], dtype: str = ...
) -> SpectrogramRePaintPipeline: ...


@overload
def load_pipeline(model: str, class_name: str, dtype: str = ...) -> InpaintingPipeline: ...


def load_pipeline(model: str, class_name: str = "AIDDPipeline", dtype: str = "float32") -> InpaintingPipeline:
    """
    Loads a pipeline, without the libraries' messages and progress bars.

    Args:
        model: folder, or name of a repository on the Hub.
        class_name: class that the pipeline must have, of `aidd.pipelines`.
        dtype: name of the torch type that the models compute in.

    Raises:
        ValueError: a model that cannot be loaded, or is of another class.
    """
    with uncollected(), quiet_libraries():
        import torch
        from huggingface_hub.errors import LocalEntryNotFoundError

        from .. import pipelines

        pipeline_class = getattr(pipelines, class_name)
        try:
            held = pipeline_class.load_config(model)["_class_name"]
            if held != class_name:
                raise ValueError(f"expected a pipeline of class {class_name}, got {held}")
            return pipeline_class.from_pretrained(model, dtype=getattr(torch, dtype))
        # All exceptions, as a damaged folder fails in whatever way the libraries that read its parts choose.
        except Exception as error:
            if isinstance(error.__context__, LocalEntryNotFoundError):
                raise ValueError(
                    f"{model}: no such model folder, and the Hub cannot be reached (or HF_HUB_OFFLINE is set)"
                ) from error
            reason = str(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"
            raise ValueError(
                f"{model}: cannot be loaded as {class_name}: {shorten(reason, 300, placeholder=' ...')}"
            ) from error


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Lets diffusers and transformers log nothing and draw no progress bars inside: errors are raised in one line."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    settings = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library in libraries:
        library.set_verbosity(library.CRITICAL)
        library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # It is diffusers that gives the argument.
            warnings.filterwarnings("ignore", message="The `local_dir_use_symlinks` argument is deprecated")
            yield
    finally:
        for library, (verbosity, progress) in zip(libraries, settings, strict=True):
            library.set_verbosity(verbosity)
            if progress:
                library.enable_progress_bar()
