"""Methods on the items of a protocol: a row an item and method, and embeddings of what was put into the gaps."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from ...masks.gaps import find_gaps
from ...signals.replacing import replacing
from ...signals.resampling import resample
from ..embedders import Embedder
from ..metrics import (
    chroma_agreement,
    level_error,
    log_mel_distance,
    log_spectral_distance,
    metrics_in_cells,
    objective_difference_grade,
    onset_agreement,
    seam_discontinuity,
    seam_spectral_flux,
    snr_in_gap,
    visqol,
)
from ..protocols.protocol import Item, read_item
from ..protocols.tf_geometry import GRID
from .journal import Journal


WINDOW_SECONDS = 1.0
# `method(audio, mask, *, sampling_rate, generator) -> audio`, the contract of `aidd.METHODS`.
Method = Callable[..., np.ndarray]
# `method(audio, tf_mask, *, sampling_rate, generator) -> audio`, for missing cells.
CellMethod = Method
# `measure(reference, estimate, mask, sampling_rate) -> {metric: value}`.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray, int], dict[str, float]]


def run(
    items: Sequence[Item],
    recordings: Mapping[str, Path],
    methods: Mapping[str, Method],
    cell_methods: Mapping[str, CellMethod] = MappingProxyType({}),
    *,
    output_dir: str | Path,
    provenance: Mapping[str, str | int],
    models: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    embedder: Embedder,
    heard: Collection[str] = (),
    measure: Measure | None = None,
    process_index: int = 0,
    num_processes: int = 1,
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """
    Runs every method on every item, and writes rows to journals in the output folder. What stands there already is
    not run again.

    Args:
        items: of a protocol.
        recordings: files by the names that items give them.
        methods: by name, of items whose samples are missing. `codec` alone is given the intact audio.
        cell_methods: by name, of items whose cells are missing. They are given the intact audio, and masks on
            `aidd.evaluation.protocols.tf_geometry.GRID`.
        output_dir: of `rows-*.jsonl` and `embeddings-*.jsonl`.
        provenance: what every row is to say of the run: protocol, seed, versions.
        models: what the rows of a method are to say besides, by its name: of its model.
        embedder: of the windows of 1 s around each gap.
        heard: keys of items whose restored audio is kept, `audio/<item>-<method>.npy`.
        measure: the metrics of an item whose samples are missing; [`measure_item`] if None. Those of cells are
            [`measure_cells`].
        process_index, num_processes: which share of the items is this process's.
        progress: wraps the items, to show a bar.

    Raises:
        ValueError: a folder that holds rows of another run, or one that another process of this number writes to.
    """
    measure = measure or measure_item
    rows, embeddings = (Journal(output_dir, name, process_index) for name in ("rows", "embeddings"))
    with rows.writing(), embeddings.writing():
        done = _done(rows, {item.key for item in items}, provenance, models)
        for item in progress(items[process_index::num_processes]):
            of_item = cell_methods if item.condition.takes_cells else methods
            missing_methods = [name for name in of_item if (item.key, name) not in done]
            if not missing_methods:
                continue
            segment, mask = read_item(item, recordings)
            cells = item.cells
            missing, measure_one = (mask, measure) if cells is None else (cells, measure_cells)
            named = f"{item.recording}, from sample {item.start}, {item.condition.label}"
            described = {**provenance, **describe(item, missing)}
            if not any((item.key, name) in done for name in of_item):
                with naming(named):
                    embeddings.append(embedding_rows(item, "reference", segment, mask, embedder))
            for name in missing_methods:
                row = {**described, **models.get(name, {}), "method": name}
                audio = np.where(mask, np.nan, segment) if cells is None and name != "codec" else segment
                # Of the item: a run that goes on draws as one that was never stopped.
                generator = torch.Generator().manual_seed(item.seed)
                started = time.perf_counter()
                try:
                    restored = of_item[name](audio, missing, sampling_rate=item.sampling_rate, generator=generator)
                except ValueError as refusal:
                    # Methods say what they cannot fill. The table counts it.
                    rows.append([{**row, "refusal": str(refusal)}])
                    continue
                row["seconds"] = time.perf_counter() - started
                with naming(f"{named}, {name}"):
                    measured = finite_or_text(measure_one(segment, restored, missing, item.sampling_rate))
                    embeddings.append(embedding_rows(item, name, restored, mask, embedder))
                if item.key in heard:
                    keep_audio(output_dir, item.key, name, restored)
                # Last, as this says that all of it is done.
                rows.append([row | measured])


def _done(
    rows: Journal, keys: set[str], provenance: Mapping[str, str | int], models: Mapping[str, Mapping[str, str]]
) -> set[tuple[str, str]]:
    """Items and methods that have a row. Raises ValueError where one is of other items, another run or model."""
    done = set()
    for row in rows.read():
        if row["item"] not in keys:
            raise ValueError(
                f"{rows.folder} holds rows of other items, of {row['recording']} for one; choose another folder"
            )
        expected = {**provenance, **models.get(row["method"], {})}
        differing = {name: row.get(name) for name, value in expected.items() if row.get(name) != value}
        if differing:
            wanted = {name: expected[name] for name in differing}
            raise ValueError(
                f"{rows.folder} holds rows of {row['method']} of another run: expected {wanted}, got {differing}; "
                "choose another folder"
            )
        done.add((row["item"], row["method"]))
    return done


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Errors in it say what of."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def audio_file(output_dir: str | Path, key: str, method: str) -> Path:
    """Where the restored audio of an item is kept."""
    return Path(output_dir) / "audio" / f"{key}-{method}.npy"


def keep_audio(output_dir: str | Path, key: str, method: str, audio: np.ndarray) -> None:
    """Writes float32 `(samples,)`."""
    path = audio_file(output_dir, key, method)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, audio.astype(np.float32))


def describe(item: Item, missing: np.ndarray) -> dict[str, Any]:
    """The columns of an item, of which samples `(samples,)` or cells `(bins, frames)` are missing."""
    return {
        "item": item.key,
        "recording": item.recording,
        "file_sha256": item.file_sha256,
        "start": item.start,
        "num_samples": item.num_samples,
        "sampling_rate": item.sampling_rate,
        "item_seed": item.seed,
        "condition": item.condition.label,
        "geometry": item.condition.geometry,
        **{f"param_{name}": value for name, value in item.condition.parameters.items()},
        "num_gaps": len(item.gaps),
        "missing_seconds": sum(end - start for start, end in item.gaps) / item.sampling_rate,
        "coverage": float(missing.mean()),
    }


def measure_item(
    reference: np.ndarray, estimate: np.ndarray, mask: np.ndarray, sampling_rate: int
) -> dict[str, float]:
    """
    Every metric of one item but ViSQOL: reference and estimate float `(samples,)`, mask bool `(samples,)`, rate in Hz.
    Raises what the metrics do.
    """
    with warnings.catch_warnings():
        # Of every item that a method leaves silent. Tables say it once.
        warnings.filterwarnings("ignore", "the estimate is digital silence")
        grade = objective_difference_grade(reference, estimate, sampling_rate=sampling_rate)
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
        "odg": grade,
    }


def measure_cells(
    reference: np.ndarray, estimate: np.ndarray, cells: np.ndarray, sampling_rate: int
) -> dict[str, float]:
    """Every metric of an item whose cells are missing, bool `(bins, frames)`; else as [`measure_item`]."""
    return {
        **metrics_in_cells(reference, estimate, cells, sampling_rate=sampling_rate, grid=GRID),
        "lsd": log_spectral_distance(reference, estimate),
    }


def measure_with_visqol(
    reference: np.ndarray, estimate: np.ndarray, mask: np.ndarray, sampling_rate: int
) -> dict[str, float]:
    """As [`measure_item`], and ViSQOL, which takes longer than all others together."""
    return {
        **measure_item(reference, estimate, mask, sampling_rate),
        "visqol": visqol(reference, estimate, sampling_rate=sampling_rate),
    }


def finite_or_text(values: Mapping[str, float]) -> dict[str, float | str]:
    """JSON has no infinity: `float` reads the text again."""
    return {name: value if np.isfinite(value) else str(value) for name, value in values.items()}


def window_starts(mask: np.ndarray, length: int) -> list[int]:
    """
    First samples of windows of `length` samples, centred on the gaps of a mask, bool `(samples,)`, moved inside the
    signal where they would stick out. A gap whose window would overlap the last one gets none: windows are to be
    independent, not to hold all gaps.
    """
    starts: list[int] = []
    for start, end in find_gaps(mask).tolist():
        first = min(max((start + end - length) // 2, 0), len(mask) - length)
        if not starts or first >= starts[-1] + length:
            starts.append(first)
    return starts


def embedding_rows(item: Item, method: str, audio: np.ndarray, mask: np.ndarray, embedder: Embedder) -> list[dict]:
    """
    A row a window of 1 s (or the whole segment, where that is shorter) of audio, float `(samples,)`: its embedding, to
    six decimals.
    """
    length = min(round(WINDOW_SECONDS * item.sampling_rate), len(audio))
    windows = np.stack([audio[start : start + length] for start in window_starts(mask, length)])
    embedded = embedder(resample(windows, item.sampling_rate, embedder.sampling_rate))
    key = {"item": item.key, "method": method}
    return [
        {**key, "window": number, "embedding": [round(float(value), 6) for value in embedding]}
        for number, embedding in enumerate(embedded)
    ]
