"""The recipe of an evaluation: from a request to items, rows, tables and pages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..classical.cells import zeroing
from ..repair.methods import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL, load_method, row_of
from ..signals.samples import sample_recordings
from .embedders import BasicPitchEmbedder, Embedder, RandomProjectionEmbedder
from .methods.loading import load_methods
from .methods.names import ANCHORS, CELL_METHODS, EMBEDDERS, EVALUATED_METHODS, is_custom
from .metrics import estoi, note_onset_agreement, note_pitch_agreement, stoi, visqol
from .metrics.note_posteriors import INSTALLED_BY as NOTES_INSTALLED_BY
from .protocols.manifest import freeze, thaw
from .protocols.protocol import Item, Protocol, check_items, read_item
from .protocols.recordings import join_recordings, recordings_of
from .protocols.selection import Selection, select_items
from .protocols.tf_geometry import GRID
from .reports.page import DAMAGED, ORIGINAL, Example
from .reports.report import write_report
from .runs.measuring import ItemMetric, load_metrics, of_segment
from .runs.provenance import provenance_of_items, provenance_of_metrics, provenance_of_packages
from .runs.results import collect
from .runs.runner import audio_file, run


MANIFEST = "manifest.jsonl"
# Items on the page to listen to.
NUM_EXAMPLES = 4


@dataclass(frozen=True)
class EvaluationRequest:
    """
    What is to be evaluated, and where the results go.

    Args:
        output: folder of the results.
        protocol: name of a protocol that comes with the package, a protocol's JSON file, or a manifest (`.jsonl`).
        data: folders of intact recordings, or ids of data sets on the Hub; the package's own recordings if empty.
        layout: how `data` is laid out, one of `LAYOUTS`.
        split: split of the layouts that have several.
        methods: names of methods, or `module:function` of a user's for gaps; the anchors, and all methods for cells,
            if empty.
        metrics: `module:function` of further metrics of gaps, see [`~aidd.evaluation.runs.measuring.load_metrics`].
        model, spectrogram_model: folders or Hub ids of the models.
        spectrogram_dtype: `float32` or `bfloat16`, what the network of the spectrogram model computes in.
        cqtdiff_model: folder or Hub id of the model of `cqtdiff`, which has no default.
        seed: seed of the items and of the methods' draws; 0 if None, and a manifest's own.
        with_visqol: measures ViSQOL too.
        embedder: name of what embeds windows for KAD and FAD, one of `EMBEDDERS`.
        with_notes: measures the agreement of notes too, as Basic Pitch hears them.
        with_speech: measures STOI and ESTOI too.
        freeze: only writes down the items.

    Raises:
        ValueError: a seed outside [0, 2^63), an unknown embedder, or `cqtdiff` without a model.
    """

    output: Path
    protocol: str = "one_gap"
    data: Sequence[str] = ()
    layout: str = "folder"
    split: str | None = None
    methods: Sequence[str] = ()
    metrics: Sequence[str] = ()
    model: str = DEFAULT_MODEL
    spectrogram_model: str = DEFAULT_SPECTROGRAM_MODEL
    spectrogram_dtype: str = "float32"
    cqtdiff_model: str = ""
    seed: int | None = None
    embedder: str = EMBEDDERS[0]
    with_visqol: bool = False
    with_notes: bool = False
    with_speech: bool = False
    freeze: bool = False

    def __post_init__(self) -> None:
        if self.embedder not in EMBEDDERS:
            raise ValueError(f"embedder must be one of {', '.join(EMBEDDERS)}, got {self.embedder!r}")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise ValueError(f"the seed must lie in [0, 2^63), got {self.seed}")
        if "cqtdiff" in self.methods and not self.cqtdiff_model:
            raise ValueError(f"cqtdiff_model must be given for cqtdiff: it needs {row_of('cqtdiff').needs_own_model}")


def prepare(request: EvaluationRequest) -> Selection:
    """
    Checks a request, selects its items, and writes them to the manifest in the output folder.

    Raises:
        ValueError: a package that is needed and not installed; recordings, methods or metrics that do not fit; or a
            folder that holds another run.
    """
    _check_packages(request)
    selection = _selection(request)
    check_items(selection.items, recordings(request))
    chosen_methods(request, selection)
    chosen_metrics(request, selection)
    path = request.output / MANIFEST
    if path.exists() and thaw(path) != selection:
        raise ValueError(
            f"{path} lists other items than these: a folder holds one protocol, seed and set of recordings; choose "
            "another folder"
        )
    if (request.output / "items.parquet").exists() and not list(request.output.glob("rows-*.jsonl")):
        raise ValueError(
            f"{request.output} holds the results of a run without its journals, rows-*.jsonl, which would be "
            "replaced; choose another folder"
        )
    request.output.mkdir(parents=True, exist_ok=True)
    freeze(selection, path)
    return selection


def _check_packages(request: EvaluationRequest) -> None:
    """Finds out what is not installed before any work, not after it."""
    needed = {"matplotlib": 'pip install "aidd[report]"'}
    if request.with_visqol:
        needed["visqol"] = 'pip install "aidd[visqol]"'
    if request.with_notes or request.embedder == "basic_pitch":
        needed |= {"onnxruntime": NOTES_INSTALLED_BY, "basic_pitch": NOTES_INSTALLED_BY}
    if request.with_speech:
        needed["pystoi"] = 'pip install "aidd[speech]"'
    for package, installed_by in needed.items():
        if not request.freeze and importlib.util.find_spec(package) is None:
            raise ValueError(f"{package} is needed, and is not installed: {installed_by}")


def _selection(request: EvaluationRequest) -> Selection:
    if Path(request.protocol).suffix != ".jsonl":
        return select_items(Protocol.load(request.protocol), recordings(request), seed=request.seed or 0)
    selection = thaw(request.protocol)
    if request.seed not in (None, selection.seed):
        raise ValueError(f"{request.protocol} was drawn with seed {selection.seed}, got seed {request.seed}")
    return selection


def recordings(request: EvaluationRequest) -> dict[str, Path]:
    """The recordings of a request, files by name."""
    if not request.data:
        return sample_recordings()
    return join_recordings(*(recordings_of(folder, request.layout, request.split) for folder in request.data))


def chosen_methods(request: EvaluationRequest, selection: Selection) -> tuple[list[str], list[str]]:
    """
    Names of the methods for gaps and for cells, as far as the items miss such.

    Raises:
        ValueError: a method that fits no item, or a user's method that cannot be loaded.
    """
    kinds = _kinds(selection)
    gap_methods = (*EVALUATED_METHODS, *filter(is_custom, request.methods))
    for_gaps = [name for name in request.methods or ANCHORS if name in gap_methods and False in kinds]
    for_cells = [name for name in request.methods or CELL_METHODS if name in CELL_METHODS and True in kinds]
    for name in request.methods:
        if name not in (*for_gaps, *for_cells):
            what, methods = ("cells", CELL_METHODS) if kinds == {True} else ("samples", EVALUATED_METHODS)
            raise ValueError(
                f"method {name}: in {selection.protocol.name}, {what} are missing; expected one of "
                f"{', '.join(methods)}"
            )
        if is_custom(name):
            load_method(name)
    return for_gaps, for_cells


def chosen_metrics(request: EvaluationRequest, selection: Selection) -> dict[str, ItemMetric]:
    """
    The metrics of a request besides the package's, by the name of their column.

    Raises:
        ValueError: a metric that cannot be loaded, or items whose cells are missing alone.
    """
    metrics: dict[str, ItemMetric] = {"visqol": of_segment(visqol)} if request.with_visqol else {}
    if request.with_notes:
        metrics |= {one.__name__: one for one in (note_onset_agreement, note_pitch_agreement)}
    if request.with_speech:
        metrics |= {one.__name__: of_segment(one) for one in (stoi, estoi)}
    metrics |= load_metrics(request.metrics)
    if metrics and _kinds(selection) == {True}:
        raise ValueError(
            f"{', '.join(metrics)}: expected missing samples to measure, and in {selection.protocol.name}, cells are "
            "missing alone"
        )
    return metrics


def _embedder(name: str) -> Embedder:
    return BasicPitchEmbedder() if name == "basic_pitch" else RandomProjectionEmbedder()


def _kinds(selection: Selection) -> set[bool]:
    return {condition.takes_cells for condition in selection.protocol.conditions}


def fill_and_measure(
    request: EvaluationRequest,
    selection: Selection,
    *,
    share: tuple[int, int] = (0, 1),
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """
    Runs the methods on the items, and journals their rows. Arguments as of [`~aidd.evaluation.runs.runner.run`].

    Raises:
        ValueError: as `run`, or a model that cannot be loaded.
    """
    for_gaps, for_cells = chosen_methods(request, selection)
    methods = load_methods(
        for_gaps,
        for_cells,
        model=request.model,
        spectrogram_model=request.spectrogram_model,
        spectrogram_dtype=request.spectrogram_dtype,
        cqtdiff_model=request.cqtdiff_model,
    )
    metrics = chosen_metrics(request, selection)
    run(
        selection.items,
        recordings(request),
        methods,
        output_dir=request.output,
        provenance={
            **provenance_of_items(selection),
            "with_visqol": request.with_visqol,
            "with_notes": request.with_notes,
            **({"with_speech": True} if request.with_speech else {}),
            **({"embedder": request.embedder} if request.embedder != EMBEDDERS[0] else {}),
            **provenance_of_metrics(request.metrics),
            **provenance_of_packages(),
        },
        embedder=_embedder(request.embedder),
        metrics=metrics,
        kept=[item.key for item in example_items(selection.items)],
        share=share,
        progress=progress,
    )


def example_items(items: Sequence[Item]) -> list[Item]:
    """Items to listen to, spread over the recordings and the conditions."""
    number = min(NUM_EXAMPLES, len(items))
    conditions = list(dict.fromkeys(item.condition.label for item in items))
    spread = [conditions[(2 * one + 1) * len(conditions) // (2 * number)] for one in range(number)]
    chosen = []
    for one, condition in enumerate(spread):
        of_condition = [item for item in items if item.condition.label == condition]
        chosen.append(of_condition[(2 * one + 1) * len(of_condition) // (2 * number)])
    return list({item.key: item for item in chosen}.values())


def report(request: EvaluationRequest, selection: Selection) -> None:
    """Writes tables, plots and pages of all rows that the output folder holds."""
    rows, embeddings = collect(request.output)
    files, methods = recordings(request), rows["method"].unique()
    examples = [_example(request.output, item, methods, files) for item in example_items(selection.items)]
    write_report(rows, embeddings, request.output, examples=examples, title=f"aidd: {selection.protocol.name}")


def _example(output: Path, item: Item, methods: Iterable[str], files: Mapping[str, Path]) -> Example:
    segment, mask = read_item(item, files)
    kept = {name: audio_file(output, item.key, name) for name in methods}
    audios = {name: np.load(file) for name, file in kept.items() if file.exists()}
    # Restored audio is kept in this type: what is equal stays equal.
    segment = segment.astype(np.float32)
    rate, cells = item.sampling_rate, item.cells
    damaged = np.where(mask, 0.0, segment) if cells is None else zeroing(segment, cells, sampling_rate=rate, grid=GRID)
    return Example(
        key=item.key,
        title=f"{item.recording}, {item.start / rate:.1f} s, {item.condition.label}",
        sampling_rate=rate,
        gaps=[(start / rate, stop / rate) for start, stop in item.gaps],
        audios={ORIGINAL: segment, DAMAGED: damaged, **audios},
    )
