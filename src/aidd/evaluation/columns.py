"""
The columns of an evaluation's rows: which of them are metrics, how each metric is shown, and how the parameters of a
condition are written. Tables, plots and pages ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Metric:
    """
    How a metric is shown.

    Args:
        title: name in headings, with the unit.
        digits: decimal places in tables.
        better: `lower`, `higher`, or None if unknown.
        logarithmic: drawn on a logarithmic axis, where possible.
        signed: tables show the mean of absolute values: too loud and too soft do not cancel.
        note: a warning that readers need; may be empty.
    """

    title: str
    digits: int
    better: str | None
    logarithmic: bool = False
    signed: bool = False
    note: str = ""

    @property
    def heading(self) -> str:
        return f"{self.title}, {self.better} is better" if self.better else self.title


METRICS = {
    "lsd": Metric("LSD", 3, "lower", logarithmic=True),
    "lsd_gap": Metric("LSD in gap", 3, "lower"),
    "snr": Metric("SNR in gap (dB)", 1, "higher"),
    "level_error": Metric("absolute level error (dB)", 1, "lower", signed=True),
    "seam_discontinuity": Metric("seam discontinuity (dB)", 1, "lower", logarithmic=True),
    "seam_spectral_flux": Metric("seam spectral flux (dB)", 1, "lower"),
    "log_mel_distance": Metric("log-mel distance (dB)", 1, "lower"),
    "chroma_agreement": Metric("chroma agreement", 3, "higher"),
    "onset_agreement": Metric("onset agreement", 3, "higher"),
    "note_onset_agreement": Metric("agreement of note onsets (F1)", 3, "higher"),
    "note_pitch_agreement": Metric("agreement of sounding notes (F1)", 3, "higher"),
    "partials_lost": Metric("partials lost (dB)", 1, "lower", signed=True),
    "odg": Metric(
        "ODG", 2, "higher", note="PEAQ forgives what is missing more than what is added: do not rank silence by it."
    ),
    "visqol": Metric("ViSQOL", 2, "higher"),
    "stoi": Metric("STOI", 3, "higher"),
    "estoi": Metric("ESTOI", 3, "higher"),
    "snr_cells": Metric("SNR in missing cells (dB)", 1, "higher"),
    "lsd_cells": Metric("LSD in missing cells", 3, "lower"),
    "level_error_cells": Metric("absolute level error in missing cells (dB)", 1, "lower", signed=True),
}
# The method from which the others' differences are taken, item by item, and the metrics that are compared so.
COMPARED = "aidd"
DIFFERENCES = {
    f"{name}_difference": Metric(
        f"{METRICS[name].title}, difference from {COMPARED} on the same items", digits, "lower"
    )
    for name, digits in {"lsd": 4, "lsd_gap": 3}.items()
}
SET_METRICS = {"kad": Metric("KAD", 2, "lower"), "fad": Metric("FAD", 2, "lower")}
ALL_METRICS = {**METRICS, **DIFFERENCES, **SET_METRICS}
# Decimal places of a metric that is not listed above.
UNKNOWN_DIGITS = 3

# Columns that pages print of a run.
PROVENANCE = (
    *("protocol", "protocol_version", "protocol_digest", "seed"),
    *("model", "model_digest", "spectrogram_model", "spectrogram_model_digest", "spectrogram_dtype"),
    *("cqtdiff_model", "cqtdiff_model_digest"),
    "embedder",
)
# Columns that describe the run, the item and the method. Every other numeric column is a metric.
RUN_COLUMNS = (
    *PROVENANCE,
    *("with_visqol", "with_notes", "with_speech", "metrics", "metrics_digest", "method_digest"),
    *("model_config_digest", "spectrogram_model_config_digest", "cqtdiff_model_config_digest"),
)
ITEM_COLUMNS = (
    *("item", "recording", "file_sha256", "start", "num_samples", "sampling_rate", "item_seed"),
    *("condition", "geometry", "num_gaps", "missing_seconds", "coverage"),
)
METHOD_COLUMNS = ("method", "refusal", "seconds")
PREFIXES = ("param_", "version_")

GAP_SECONDS = "param_gap_seconds"
# The name of each parameter of a condition, and how its values are written.
PARAMETERS = {
    GAP_SECONDS: ("gap length", lambda value: f"{1000 * value:g} ms"),
    "param_coverage": ("coverage", lambda value: f"{100 * value:g} %"),
    "param_height_hertz": ("height", lambda value: f"{value:g} Hz"),
    "param_lowest_hertz": ("lowest frequency", lambda value: f"{value:g} Hz"),
    "param_num_bins": ("bins of a rectangle", lambda value: f"{value:g}"),
    "param_num_frames": ("frames of a rectangle", lambda value: f"{value:g}"),
    "param_loss_rate": ("lost packets", lambda value: f"{100 * value:g} %"),
    "param_mean_burst": ("mean burst", lambda value: f"{value:g} packets"),
    "param_longest_burst": ("longest burst", lambda value: f"{value:g} packets"),
    "param_packet_seconds": ("packet", lambda value: f"{1000 * value:g} ms"),
    "param_level_db": ("level below the peak", lambda value: f"{value:g} dB"),
}


def metric_columns(rows: pd.DataFrame) -> list[str]:
    """Names of the metrics that rows hold: those of `METRICS` in their order, then other numeric columns in theirs."""
    listed = [name for name in METRICS if name in rows]
    return listed + [name for name in rows.select_dtypes("number") if not (name in METRICS or is_reserved(name))]


def is_reserved(name: str) -> bool:
    """Whether a column of this name describes the run, the item or the method, or belongs to what reports add."""
    described = (*RUN_COLUMNS, *ITEM_COLUMNS, *METHOD_COLUMNS, *DIFFERENCES, *SET_METRICS)
    return name in described or name.startswith(PREFIXES)


def metric_of(name: str) -> Metric:
    """How a metric is shown: as listed here, or under its own name."""
    return ALL_METRICS.get(name) or Metric(name, UNKNOWN_DIGITS, better=None)


def noun(column: str) -> str:
    """The name of a parameter."""
    return PARAMETERS[column][0] if column in PARAMETERS else column.removeprefix("param_").replace("_", " ")


def written(column: str, value: object) -> str:
    """A parameter's value, with its unit."""
    if column in PARAMETERS:
        return PARAMETERS[column][1](value)
    return f"{value:g}" if isinstance(value, Real) else str(value)
