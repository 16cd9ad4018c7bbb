"""What a request needs to be filled: its pipeline, and the generator of its draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .methods import row_of
from .request import RepairRequest


if TYPE_CHECKING:
    from torch import Generator

    from ..pipelines import InpaintingPipeline


def pipeline_for(request: RepairRequest) -> InpaintingPipeline:
    """The pipeline that a request brings, or loads by name."""
    # Gaps that need no model need no torch either.
    from ..pipelines.loading import load_pipeline

    row = row_of(request.method)
    if request.model is None or isinstance(request.model, str):
        return load_pipeline(request.model or row.default_model, row.pipeline_class)
    return request.model


def short_gap_seconds_of(request: RepairRequest) -> float:
    """
    Longest gap that a request's pipeline fills by the continuation of its edges, without loading it; 0 where that is
    not known: of a pipeline on the Hub, or of a method without a model.
    """
    if request.model is not None and not isinstance(request.model, str):
        return request.model.config.short_gap_seconds
    index = Path(request.model or row_of(request.method).default_model) / "model_index.json"
    return (
        float(json.loads(index.read_text(encoding="utf-8")).get("short_gap_seconds", 0.0)) if index.is_file() else 0.0
    )


def generator_of(seed: int | None) -> Generator | None:
    """A generator of a seed's draws."""
    if seed is None:
        return None
    import torch

    return torch.Generator().manual_seed(seed)


def model_name(request: RepairRequest) -> str | None:
    """What a record calls the pipeline of a request: its folder, or its name on the Hub."""
    if request.model is None or isinstance(request.model, str):
        return request.model or row_of(request.method).default_model
    return request.model.name_or_path
