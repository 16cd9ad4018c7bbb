"""What is measured of an item: metrics, and embeddings of the windows around its gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real

import numpy as np

from ...masks.gaps import find_gaps
from ...repair.places import load_function
from ...signals.resampling import resample
from ..columns import METRICS, is_reserved
from ..embedders import Embedder
from ..metrics import (
    chroma_agreement,
    level_error,
    log_mel_distance,
    log_spectral_distance,
    metrics_in_cells,
    onset_agreement,
    partials_lost,
    seam_discontinuity,
    seam_spectral_flux,
    snr_in_gap,
)
from ..metrics.peaq import difference_grade, model_output_variables
from ..protocols.protocol import Item
from ..protocols.tf_geometry import GRID


WINDOW_SECONDS = 1.0
# `metric(reference, estimate, mask, *, sampling_rate) -> float`: signals float `(samples,)`, mask bool `(samples,)`,
# True = missing, rate in Hz.
ItemMetric = Callable[..., float]


def measure_item(
    reference: np.ndarray, estimate: np.ndarray, mask: np.ndarray, sampling_rate: int
) -> dict[str, float]:
    """
    The package's metrics of an item whose samples are missing, except those on request, which take longer than all
    others together or are not for music ([`~aidd.evaluation.recipe.chosen_metrics`]).

    Args:
        reference, estimate: float, `(samples,)`.
        mask: bool, `(samples,)`, True = missing.
        sampling_rate: Hz.

    Raises:
        ValueError: as the metrics.
    """
    # Not `objective_difference_grade`, which warns of every silent estimate: the tables report that once.
    grade = difference_grade(model_output_variables(reference, estimate, sampling_rate=sampling_rate))
    return {
        "snr": snr_in_gap(reference, estimate, mask),
        "lsd": log_spectral_distance(reference, estimate),
        "lsd_gap": log_spectral_distance(reference, estimate, mask=mask),
        "level_error": level_error(reference, estimate, mask),
        "seam_discontinuity": seam_discontinuity(reference, estimate, mask, sampling_rate=sampling_rate),
        "seam_spectral_flux": seam_spectral_flux(reference, estimate, mask, sampling_rate=sampling_rate),
        "log_mel_distance": log_mel_distance(reference, estimate, mask=mask, sampling_rate=sampling_rate),
        "chroma_agreement": chroma_agreement(reference, estimate, mask, sampling_rate=sampling_rate),
        "onset_agreement": onset_agreement(reference, estimate, mask, sampling_rate=sampling_rate),
        "partials_lost": partials_lost(reference, estimate, mask, sampling_rate=sampling_rate),
        "odg": grade,
    }


def measure_cells(
    reference: np.ndarray, estimate: np.ndarray, cells: np.ndarray, sampling_rate: int
) -> dict[str, float]:
    """The package's metrics of an item whose cells are missing, bool `(bins, frames)`; else as [`measure_item`]."""
    return {
        **metrics_in_cells(reference, estimate, cells, sampling_rate=sampling_rate, grid=GRID),
        "lsd": log_spectral_distance(reference, estimate),
    }


def measure_with(
    metrics: Mapping[str, ItemMetric],
    reference: np.ndarray,
    estimate: np.ndarray,
    mask: np.ndarray,
    sampling_rate: int,
) -> dict[str, float]:
    """
    The values of further metrics by their names.

    Raises:
        ValueError: as the metrics, or a metric that returned no number.
    """
    values = {}
    for name, metric in metrics.items():
        values[name] = metric(reference, estimate, mask, sampling_rate=sampling_rate)
        if not isinstance(values[name], Real):
            raise ValueError(f"metric {name}: expected a number, got {values[name]!r}")
    return values


def load_metrics(places: Sequence[str]) -> dict[str, ItemMetric]:
    """
    Metrics of the user, by the name of their function, which their column has.

    Args:
        places: `module:function` of each. It is called as `function(reference, estimate, mask, sampling_rate=...)`:
            signals float64 `(samples,)`, mask bool `(samples,)`, True = missing, rate in Hz; and returns a number.

    Raises:
        ValueError: a function that cannot be loaded or does not take these arguments, or a column's name that is
            taken.
    """
    metrics: dict[str, ItemMetric] = {}
    for place in places:
        function = load_function(
            place,
            "reference, estimate, mask, *, sampling_rate",
            *("reference", "estimate", "mask"),
            sampling_rate="sampling_rate",
        )
        name = place.rpartition(":")[2]
        if name in (*metrics, *METRICS) or is_reserved(name):
            raise ValueError(f"{place}: expected a metric of another name, as rows have a column {name} already")
        metrics[name] = function
    return metrics


def of_segment(metric: Callable[..., float]) -> ItemMetric:
    """A metric of two signals, such as `visqol`, as an `ItemMetric`: it does not ask where samples were missing."""

    def of_item(reference: np.ndarray, estimate: np.ndarray, mask: np.ndarray, *, sampling_rate: int) -> float:
        return metric(reference, estimate, sampling_rate=sampling_rate)

    return of_item


def finite_or_text(values: Mapping[str, float]) -> dict[str, float | str]:
    """Numbers as JSON can hold them: infinities and not a number become text, which `float` reads again."""
    return {name: float(value) if np.isfinite(value) else str(float(value)) for name, value in values.items()}


def window_starts(mask: np.ndarray, length: int) -> list[int]:
    """
    First samples of windows of `length` samples, centred on the gaps of a mask, bool `(samples,)`, moved inside the
    signal where they would stick out. A gap whose window would overlap the last one gets none: windows are to be
    independent, not to hold all gaps.
    """
    starts: list[int] = []
    for start, stop in find_gaps(mask).tolist():
        first = min(max((start + stop - length) // 2, 0), len(mask) - length)
        if not starts or first >= starts[-1] + length:
            starts.append(first)
    return starts


def embedding_rows(item: Item, method: str, audio: np.ndarray, mask: np.ndarray, embedder: Embedder) -> list[dict]:
    """
    A row for each window of 1 s (or the whole segment, where that is shorter) of audio, float `(samples,)`: its
    embedding, to six decimals.
    """
    length = min(round(WINDOW_SECONDS * item.sampling_rate), len(audio))
    windows = np.stack([audio[start : start + length] for start in window_starts(mask, length)])
    embedded = embedder(resample(windows, item.sampling_rate, embedder.sampling_rate))
    key = {"item": item.key, "method": method}
    return [
        {**key, "window": number, "embedding": [round(float(value), 6) for value in embedding]}
        for number, embedding in enumerate(embedded)
    ]
