"""Runs methods on the items of a protocol: a row for each item and method, and embeddings of their gaps."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from ...signals.replacing import replacing
from ..embedders import Embedder
from ..methods.method_set import MethodSet
from ..methods.names import GIVEN_INTACT, MAY_OVERWRITE
from ..protocols.protocol import Item, read_item
from .journal import Journal
from .measuring import ItemMetric, embedding_rows, finite_or_text, measure_cells, measure_item, measure_with


def run(
    items: Sequence[Item],
    recordings: Mapping[str, Path],
    methods: MethodSet,
    *,
    output_dir: str | Path,
    provenance: Mapping[str, str | int],
    embedder: Embedder,
    metrics: Mapping[str, ItemMetric] = MappingProxyType({}),
    kept: Collection[str] = (),
    share: tuple[int, int] = (0, 1),
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """
    Runs every method on every item, and writes rows to journals in the output folder. Rows that are there already
    are not run again.

    Args:
        items: the items of a protocol.
        recordings: files by the names that items give them.
        methods: the methods for gaps and for cells. `codec` alone receives the intact audio of gaps; methods for
            cells receive intact audio and masks on `aidd.evaluation.protocols.tf_geometry.GRID`.
        output_dir: folder of `rows-*.jsonl` and `embeddings-*.jsonl`.
        provenance: columns of every row that describe the run: protocol, seed, versions.
        embedder: embeds the windows of 1 s around each gap.
        metrics: metrics of items whose samples are missing, by the name of their column, besides the package's.
        kept: keys of items whose restored audio is kept, `audio/<item>-<method>.npy`.
        share: the number of this process, and how many processes share the items.
        progress: wraps the items, to show a bar.

    Raises:
        ValueError: a folder that holds rows of another run, or one that another process of this number writes to; a
            method that changed an intact sample; and as the metrics.
    """
    process_index, num_processes = share
    rows, embeddings = (Journal(output_dir, name, process_index) for name in ("rows", "embeddings"))
    with rows.writing(), embeddings.writing():
        done = _done(rows, {item.key for item in items}, provenance, methods.provenance)
        for item in progress(items[process_index::num_processes]):
            cells = item.cells
            of_item = methods.for_gaps if cells is None else methods.for_cells
            missing_methods = [name for name in of_item if (item.key, name) not in done]
            if not missing_methods:
                continue
            segment, mask = read_item(item, recordings)
            missing = mask if cells is None else cells
            named = f"{item.recording}, from sample {item.start}, {item.condition.label}"
            described = {**provenance, **describe(item, missing)}
            if len(missing_methods) == len(of_item):
                with naming(named):
                    embeddings.append(embedding_rows(item, "reference", segment, mask, embedder))
            for name in missing_methods:
                row = {**described, **methods.provenance.get(name, {}), "method": name}
                is_hidden = cells is None and name not in GIVEN_INTACT
                audio = np.where(mask, np.nan, segment) if is_hidden else segment
                # Seeded by the item, so a resumed run draws the same numbers as an uninterrupted one.
                generator = torch.Generator().manual_seed(item.seed)
                started = time.perf_counter()
                try:
                    restored = of_item[name](audio, missing, sampling_rate=item.sampling_rate, generator=generator)
                except ValueError as refusal:
                    # Methods raise for what they cannot fill; the tables count these rows.
                    rows.append([{**row, "refusal": str(refusal)}])
                    continue
                row["seconds"] = time.perf_counter() - started
                with naming(f"{named}, {name}"):
                    if cells is None and name not in MAY_OVERWRITE:
                        check_intact(segment, restored, mask)
                    measured = _measure(segment, restored, item, missing, metrics)
                    embeddings.append(embedding_rows(item, name, restored, mask, embedder))
                if item.key in kept:
                    keep_audio(output_dir, item.key, name, restored)
                # The row comes last: it marks the item and method as done.
                rows.append([row | measured])


def check_intact(segment: np.ndarray, restored: np.ndarray, mask: np.ndarray) -> None:
    """
    Checks the promise of every method: samples outside the mask come back identical.

    Raises:
        ValueError: restored audio of another type, shape or dtype, or with other samples outside the mask.
    """
    if not isinstance(restored, np.ndarray):
        raise ValueError(f"expected restored audio as a numpy array, got {type(restored).__name__}")
    if (restored.shape, restored.dtype) != (segment.shape, segment.dtype):
        raise ValueError(
            f"expected restored audio of shape {segment.shape} and type {segment.dtype}, got {restored.shape} and "
            f"{restored.dtype}"
        )
    changed = np.count_nonzero(restored[~mask] != segment[~mask])
    if changed:
        raise ValueError(f"expected every sample outside the gaps as it was, got {changed} others")


def _measure(
    segment: np.ndarray,
    restored: np.ndarray,
    item: Item,
    missing: np.ndarray,
    metrics: Mapping[str, ItemMetric],
) -> dict[str, float | str]:
    if item.condition.takes_cells:
        return finite_or_text(measure_cells(segment, restored, missing, item.sampling_rate))
    arguments = (segment, restored, missing, item.sampling_rate)
    return finite_or_text({**measure_item(*arguments), **measure_with(metrics, *arguments)})


def _done(
    rows: Journal, keys: set[str], provenance: Mapping[str, str | int], models: Mapping[str, Mapping[str, str]]
) -> set[tuple[str, str]]:
    """Pairs of item and method that have a row. Raises `ValueError` for rows of other items, another run or model."""
    done = set()
    for row in rows.read():
        if row["item"] not in keys:
            raise ValueError(
                f"{rows.folder} holds rows of other items, of {row['recording']} for one; choose another folder"
            )
        # Rows of a run without further metrics, or of the default embedder, have no such column.
        expected = {"metrics": None, "embedder": None, **provenance, **models.get(row["method"], {})}
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
    """Puts what was being done before the message of a `ValueError`."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def audio_file(output_dir: str | Path, key: str, method: str) -> Path:
    """Where the restored audio of an item is kept."""
    # A colon, as in `module:function`, is no part of a file's name everywhere. Names in a journal may be anybody's.
    name = re.sub(r"[^\w.-]", "-", method)
    return Path(output_dir) / "audio" / f"{key}-{name}.npy"


def keep_audio(output_dir: str | Path, key: str, method: str, audio: np.ndarray) -> None:
    """Keeps restored audio as float32 `(samples,)`."""
    path = audio_file(output_dir, key, method)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, audio.astype(np.float32))


def describe(item: Item, missing: np.ndarray) -> dict[str, Any]:
    """
    The columns that describe an item. `missing` is bool, True = missing: samples `(samples,)` or cells
    `(bins, frames)`.
    """
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
        "missing_seconds": sum(stop - start for start, stop in item.gaps) / item.sampling_rate,
        "coverage": float(missing.mean()),
    }
