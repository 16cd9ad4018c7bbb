"""Loads what an evaluation compares, by name: methods with and without models, and functions of the user."""

from __future__ import annotations

from collections.abc import Sequence

from ...pipelines.loading import load_pipeline
from ...repair.methods import check_model, load_method
from ..runs.provenance import provenance_of_model, source_digest
from .cell_methods import cell_methods_of_spectrogram, cell_methods_without_model
from .evaluated_methods import methods_of_aidd, methods_of_spectrogram, methods_without_model
from .method_set import MethodSet
from .names import AIDD_METHODS, is_custom


def load_methods(
    for_gaps: Sequence[str],
    for_cells: Sequence[str] = (),
    *,
    model: str,
    spectrogram_model: str,
    spectrogram_dtype: str = "float32",
    cqtdiff_model: str = "",
) -> MethodSet:
    """
    Loads methods and the models that they use, and no others.

    Args:
        for_gaps: names in `EVALUATED_METHODS`, or `module:function`.
        for_cells: names in `CELL_METHODS`.
        model, spectrogram_model: folders or Hub ids of the pipelines.
        spectrogram_dtype: what the network of the spectrogram model computes in, `float32` or `bfloat16`.
        cqtdiff_model: folder or Hub id of the pipeline of `cqtdiff`.

    Raises:
        ValueError: no such model or function, or a spectrogram model on another grid than the protocols'.
    """
    gaps, cells = methods_without_model(), cell_methods_without_model()
    provenance: dict[str, dict[str, str]] = {}
    if any(name in AIDD_METHODS for name in for_gaps):
        check_model(model)
        pipe = load_pipeline(model)
        pipe.set_progress_bar_config(disable=True)
        of_aidd = methods_of_aidd(pipe)
        gaps |= of_aidd
        provenance |= dict.fromkeys(of_aidd, provenance_of_model(pipe, model))
    if "spectrogram_repaint" in (*for_gaps, *for_cells):
        check_model(spectrogram_model)
        spectrogram_pipe = load_pipeline(spectrogram_model, "SpectrogramRePaintPipeline", spectrogram_dtype)
        spectrogram_pipe.set_progress_bar_config(disable=True)
        gaps |= methods_of_spectrogram(spectrogram_pipe)
        # Loaded on demand: protocols of cells are on one grid, and a model for gaps may have another.
        cells |= cell_methods_of_spectrogram(spectrogram_pipe) if for_cells else {}
        of_model = provenance_of_model(spectrogram_pipe, spectrogram_model, "spectrogram_model")
        provenance["spectrogram_repaint"] = of_model | {"spectrogram_dtype": spectrogram_dtype}
    if "cqtdiff" in for_gaps:
        check_model(cqtdiff_model)
        cqtdiff_pipe = load_pipeline(cqtdiff_model, "CQTDiffPipeline")
        cqtdiff_pipe.set_progress_bar_config(disable=True)
        gaps["cqtdiff"] = cqtdiff_pipe.as_method()
        provenance["cqtdiff"] = provenance_of_model(cqtdiff_pipe, cqtdiff_model, "cqtdiff_model")
    for name in filter(is_custom, for_gaps):
        gaps[name] = load_method(name)
        # A changed source is another method: its rows are not mixed with those of the former one.
        provenance[name] = {"method_digest": source_digest(name)}
    return MethodSet({name: gaps[name] for name in for_gaps}, {name: cells[name] for name in for_cells}, provenance)
