"""`aidd evaluate`: methods on the items of a protocol, on recordings of the user."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.methods.names import (
    AIDD_METHODS,
    ANCHORS,
    CELL_METHODS,
    EVALUATED_METHODS,
    LAYOUTS,
    shipped_protocols,
)
from ..repair.methods import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL, check_model


if TYPE_CHECKING:
    from ..evaluation.protocols.protocol import Item
    from ..evaluation.protocols.selection import Selection
    from ..evaluation.reports.page import Example

DESCRIPTION = """\
Makes holes in intact recordings as a protocol says, has methods fill them, and measures what comes out. A run that was
stopped goes on where it stood when it is started again with the same arguments; more methods can be added to it."""
EPILOG = """\
examples:
  aidd evaluate --protocol tiny --output results
      the recordings that come with the package, in a few minutes
  aidd evaluate --protocol one_gap --data recordings --method aidd --method janssen --output results
      two methods on a folder of recordings
  aidd evaluate --protocol tf_masks --output results
      missing boxes, bands and scattered cells of spectrograms
  aidd evaluate --protocol musicnet_four_gap --data musicnet --layout musicnet --split test --freeze --output results
      only write down which samples would be taken away: results/manifest.jsonl
  aidd evaluate --protocol results/manifest.jsonl --data musicnet --layout musicnet --split test --output results
      evaluate on exactly these
  accelerate launch examples/evaluate.py --protocol one_gap --data recordings --output results
      the same arguments, in many processes

results: manifest.jsonl; items.parquet, a row an item and method; embeddings.parquet; results.md and summary.md, tables
with 95 % intervals by recording; plots and index.html, to look and listen; blind.html, to rate without names."""
MANIFEST = "manifest.jsonl"
# Of the page to listen to.
NUM_EXAMPLES = 4


def add_parser(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="compare methods on intact recordings",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        default="one_gap",
        help=f"One of {', '.join(shipped_protocols())}, a protocol's JSON file, or a manifest (.jsonl); "
        "%(default)s by default.",
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="DIR",
        help="Folder of intact recordings, once or more; those that come with the package by default.",
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="folder",
        help="How --data is laid out; with hub, it is the id of a data set on the Hugging Face Hub, with a column "
        "audio.",
    )
    parser.add_argument("--split", help="Of --layout musicnet, maestro or hub.")
    parser.add_argument(
        "--method",
        action="append",
        choices=dict.fromkeys([*EVALUATED_METHODS, *CELL_METHODS]),
        metavar="METHOD",
        help=f"Once or more, for gaps: {', '.join(EVALUATED_METHODS)}; by default {', '.join(ANCHORS)}. For missing "
        f"cells of spectrograms: {', '.join(CELL_METHODS)}; by default all.",
    )
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="Folder or Hub id of the AIDD model; the one of the package by default."
    )
    parser.add_argument(
        "--spectrogram_model",
        default=DEFAULT_SPECTROGRAM_MODEL,
        help="Folder or Hub id of the model of spectrogram_repaint; the one of the package by default.",
    )
    parser.add_argument(
        "--spectrogram_dtype",
        choices=["float32", "bfloat16"],
        default="float32",
        help="What its network computes in; bfloat16 is faster on processors that have it.",
    )
    parser.add_argument(
        "--seed", type=int, help="Of the items and of the methods' draws, 0 by default; a manifest has its own."
    )
    parser.add_argument(
        "--visqol", action="store_true", help='Measure ViSQOL too, seconds an item; needs pip install "aidd[visqol]".'
    )
    parser.add_argument("--freeze", action="store_true", help=f"Only write OUTPUT/{MANIFEST}.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="Folder of the results.")


def run(arguments: argparse.Namespace) -> None:
    selection = prepare(arguments)
    if not arguments.freeze:
        fill_and_measure(arguments, selection)
        report(arguments, selection)
        tell(arguments)


def prepare(arguments: argparse.Namespace) -> Selection:
    """The items, which are written down in the output folder. A folder takes those of one run alone."""
    from ..evaluation.protocols.manifest import freeze, thaw
    from ..evaluation.protocols.protocol import check_items

    _check_options(arguments)
    selection = _selection(arguments)
    check_items(selection.items, recordings(arguments))
    chosen_methods(arguments, selection)
    path = arguments.output / MANIFEST
    if path.exists() and thaw(path) != selection:
        raise ValueError(
            f"{path} lists other items than these: a folder holds one protocol, seed and set of recordings; choose "
            "another folder"
        )
    if (arguments.output / "items.parquet").exists() and not list(arguments.output.glob("rows-*.jsonl")):
        raise ValueError(
            f"{arguments.output} holds the results of a run without its journals, rows-*.jsonl, which would be "
            "replaced; choose another folder"
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    freeze(selection, path)
    return selection


def _check_options(arguments: argparse.Namespace) -> None:
    """What would otherwise be found missing behind all work."""
    if arguments.seed is not None and not 0 <= arguments.seed < 2**63:
        raise ValueError(f"--seed must lie in [0, 2^63), got {arguments.seed}")
    needed = {"matplotlib": "report", **({"visqol": "visqol"} if arguments.visqol else {})}
    for package, extra in needed.items():
        if not arguments.freeze and importlib.util.find_spec(package) is None:
            raise ValueError(f'{package} is needed, and is not installed: pip install "aidd[{extra}]"')


def _selection(arguments: argparse.Namespace) -> Selection:
    from ..evaluation.protocols.manifest import thaw
    from ..evaluation.protocols.protocol import Protocol
    from ..evaluation.protocols.selection import select_items

    if Path(arguments.protocol).suffix != ".jsonl":
        return select_items(Protocol.load(arguments.protocol), recordings(arguments), seed=arguments.seed or 0)
    selection = thaw(arguments.protocol)
    if arguments.seed not in (None, selection.seed):
        raise ValueError(f"{arguments.protocol} was drawn with seed {selection.seed}, got --seed {arguments.seed}")
    return selection


def recordings(arguments: argparse.Namespace) -> dict[str, Path]:
    """Files by name."""
    from ..evaluation.protocols.recordings import join_recordings, recordings_of
    from ..signals.samples import sample_recordings

    if not arguments.data:
        return sample_recordings()
    return join_recordings(*(recordings_of(folder, arguments.layout, arguments.split) for folder in arguments.data))


def chosen_methods(arguments: argparse.Namespace, selection: Selection) -> tuple[list[str], list[str]]:
    """Names of methods for gaps, and for cells, as far as the items miss such."""
    kinds = {condition.takes_cells for condition in selection.protocol.conditions}
    for_gaps = [name for name in arguments.method or ANCHORS if name in EVALUATED_METHODS and False in kinds]
    for_cells = [name for name in arguments.method or CELL_METHODS if name in CELL_METHODS and True in kinds]
    for name in arguments.method or []:
        if name not in (*for_gaps, *for_cells):
            what, methods = ("cells", CELL_METHODS) if kinds == {True} else ("samples", EVALUATED_METHODS)
            raise ValueError(
                f"--method {name}: in {selection.protocol.name}, {what} are missing; expected one of "
                f"{', '.join(methods)}"
            )
    if arguments.visqol and False not in kinds:
        raise ValueError(f"--visqol measures gaps, and in {selection.protocol.name}, cells are missing alone")
    return for_gaps, for_cells


def fill_and_measure(
    arguments: argparse.Namespace, selection: Selection, process_index: int = 0, num_processes: int = 1
) -> None:
    """The share of a process: rows in journals."""
    from tqdm.auto import tqdm

    from ..evaluation.embedders import RandomProjectionEmbedder
    from ..evaluation.methods import cell_methods, evaluated_methods
    from ..evaluation.runs import provenance, runner
    from ..pipelines.loading import load_pipeline

    for_gaps, for_cells = chosen_methods(arguments, selection)
    methods = evaluated_methods.methods_without_model()
    of_cells = cell_methods.cell_methods_without_model()
    models: dict[str, dict[str, str]] = {}
    if any(name in AIDD_METHODS for name in for_gaps):
        check_model(arguments.model)
        pipe = load_pipeline(arguments.model)
        pipe.set_progress_bar_config(disable=True)
        of_aidd = evaluated_methods.methods_of_aidd(pipe)
        methods |= of_aidd
        models |= dict.fromkeys(of_aidd, provenance.provenance_of_model(pipe, arguments.model))
    if "spectrogram_repaint" in (*for_gaps, *for_cells):
        name, dtype = arguments.spectrogram_model, arguments.spectrogram_dtype
        check_model(name)
        spectrogram_pipe = load_pipeline(name, "spectrogram_repaint", dtype)
        spectrogram_pipe.set_progress_bar_config(disable=True)
        methods |= evaluated_methods.methods_of_spectrogram(spectrogram_pipe)
        # Only where they are wanted: protocols of cells are on one grid, and a model may have another.
        of_cells |= cell_methods.cell_methods_of_spectrogram(spectrogram_pipe) if for_cells else {}
        of_model = provenance.provenance_of_model(spectrogram_pipe, name, "spectrogram_model")
        models["spectrogram_repaint"] = of_model | {"spectrogram_dtype": dtype}
    runner.run(
        selection.items,
        recordings(arguments),
        {name: methods[name] for name in for_gaps},
        {name: of_cells[name] for name in for_cells},
        output_dir=arguments.output,
        provenance={
            **provenance.provenance_of_items(selection),
            "with_visqol": arguments.visqol,
            **provenance.provenance_of_packages(),
        },
        models=models,
        embedder=RandomProjectionEmbedder(),
        heard=[item.key for item in heard(selection.items)],
        measure=runner.measure_with_visqol if arguments.visqol else runner.measure_item,
        process_index=process_index,
        num_processes=num_processes,
        progress=partial(tqdm, unit="item", file=sys.stderr, disable=process_index > 0),
    )


def heard(items: list[Item]) -> list[Item]:
    """Items to listen to, spread over the recordings and the conditions."""
    number = min(NUM_EXAMPLES, len(items))
    conditions = list(dict.fromkeys(item.condition.label for item in items))
    spread = [conditions[(2 * one + 1) * len(conditions) // (2 * number)] for one in range(number)]
    chosen = []
    for one, condition in enumerate(spread):
        of_condition = [item for item in items if item.condition.label == condition]
        chosen.append(of_condition[(2 * one + 1) * len(of_condition) // (2 * number)])
    return list({item.key: item for item in chosen}.values())


def report(arguments: argparse.Namespace, selection: Selection) -> None:
    """Tables, plots and pages of all rows that are there."""
    from ..evaluation.reports.report import write_report
    from ..evaluation.runs.results import collect

    rows, embeddings = collect(arguments.output)
    files, methods = recordings(arguments), rows["method"].unique()
    examples = [example(arguments, item, methods, files) for item in heard(selection.items)]
    write_report(rows, embeddings, arguments.output, examples=examples, title=f"aidd: {selection.protocol.name}")


def tell(arguments: argparse.Namespace) -> None:
    """What was found, in short, and where the rest is."""
    print((arguments.output / "summary.md").read_text(encoding="utf-8"))
    print(f"look and listen: {arguments.output / 'index.html'}")


def example(arguments: argparse.Namespace, item: Item, methods: list[str], files: dict[str, Path]) -> Example:
    import numpy as np

    from ..classical.cells import zeroing
    from ..evaluation.protocols.protocol import read_item
    from ..evaluation.protocols.tf_geometry import GRID
    from ..evaluation.reports.page import DAMAGED, ORIGINAL, Example
    from ..evaluation.runs.runner import audio_file

    segment, mask = read_item(item, files)
    kept = {name: audio_file(arguments.output, item.key, name) for name in methods}
    audios = {name: np.load(file) for name, file in kept.items() if file.exists()}
    # As restored audio is kept: what is equal stays so.
    segment = segment.astype(np.float32)
    rate, cells = item.sampling_rate, item.cells
    damaged = np.where(mask, 0.0, segment) if cells is None else zeroing(segment, cells, sampling_rate=rate, grid=GRID)
    return Example(
        key=item.key,
        title=f"{item.recording}, {item.start / rate:.1f} s, {item.condition.label}",
        sampling_rate=rate,
        gaps=[(start / rate, end / rate) for start, end in item.gaps],
        audios={ORIGINAL: segment, DAMAGED: damaged, **audios},
    )
