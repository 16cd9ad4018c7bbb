"""`aidd evaluate`: compares methods on intact recordings of the user, as a protocol describes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.methods.names import (
    ANCHORS,
    CELL_METHODS,
    EMBEDDERS,
    EVALUATED_METHODS,
    LAYOUTS,
    is_custom,
    shipped_protocols,
)
from ..repair.methods import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL
from .console import DONE, Console


if TYPE_CHECKING:
    from ..evaluation.recipe import EvaluationRequest

DESCRIPTION = """\
Makes gaps in intact recordings as a protocol describes, fills them with each method, and measures the results. A run
that was stopped continues when it is started again with the same arguments; more methods can be added to it."""
EPILOG = """\
examples:
  aidd evaluate --protocol tiny --output results
      the recordings that come with the package, in a few minutes
  aidd evaluate --protocol one_gap --data recordings --method aidd --method janssen --output results
      two methods on a folder of recordings
  aidd evaluate --protocol tiny --method my_module:my_method --metric my_module:my_metric --output results
      a method and a metric of yours
  aidd evaluate --protocol tf_masks --output results
      missing boxes, bands and scattered cells of spectrograms
  aidd evaluate --protocol musicnet_four_gap --data musicnet --layout musicnet --split test --freeze --output results
      only list which samples would be removed, in results/manifest.jsonl
  aidd evaluate --protocol results/manifest.jsonl --data musicnet --layout musicnet --split test --output results
      evaluate on exactly these samples
  accelerate launch examples/evaluate.py --protocol one_gap --data recordings --output results
      the same arguments, in many processes

results: manifest.jsonl; items.parquet, a row for each item and method; embeddings.parquet; results.md and summary.md,
tables with and without 95 % intervals by recording; plots and index.html, to look and listen; blind.html, to rate
without names."""


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
        help=f"Which gaps to make: one of {', '.join(shipped_protocols())}, a protocol's JSON file, or a manifest "
        "(.jsonl); %(default)s by default.",
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="DIR",
        help="Folder of intact recordings; may be given many times. The package's own recordings by default.",
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="folder",
        help="How --data is laid out; with hub, it is the id of a data set on the Hugging Face Hub, with a column "
        "audio.",
    )
    parser.add_argument("--split", help="Which split to take with --layout musicnet, maestro or hub.")
    parser.add_argument(
        "--method",
        action="append",
        type=method_name,
        metavar="METHOD",
        help=f"Method to evaluate; may be given many times. For gaps: {', '.join(EVALUATED_METHODS)}, or a "
        f"function of yours, MODULE:FUNCTION; by default {', '.join(ANCHORS)}. For missing cells of spectrograms: "
        f"{', '.join(CELL_METHODS)}; by default all.",
    )
    parser.add_argument(
        "--metric",
        action="append",
        metavar="MODULE:FUNCTION",
        help="Metric of yours, metric(reference, estimate, mask, *, sampling_rate), to measure besides the package's; "
        "may be given many times. Its column has the function's name.",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="AIDD model to evaluate, a folder or Hub id; the package's own by default.",
    )
    parser.add_argument(
        "--spectrogram_model",
        default=DEFAULT_SPECTROGRAM_MODEL,
        help="Model of spectrogram_repaint, a folder or Hub id; the package's own by default.",
    )
    parser.add_argument(
        "--spectrogram_dtype",
        choices=["float32", "bfloat16"],
        default="float32",
        help="Type that this model computes in; bfloat16 is faster on processors that have it.",
    )
    parser.add_argument(
        "--cqtdiff_model", default="", help="Model of cqtdiff, a folder or Hub id; none comes with the package."
    )
    parser.add_argument(
        "--seed", type=int, help="Seed of the items and of the methods' draws; 0 by default, or the manifest's own."
    )
    parser.add_argument(
        "--visqol", action="store_true", help='Measure ViSQOL too, seconds an item; needs pip install "aidd[visqol]".'
    )
    parser.add_argument(
        "--embedder",
        choices=EMBEDDERS,
        default=EMBEDDERS[0],
        help="What embeds windows for KAD and FAD; basic_pitch hears notes, and needs what --notes does.",
    )
    parser.add_argument(
        "--notes",
        action="store_true",
        help='Measure the agreement of notes too, as Basic Pitch hears them; needs pip install "aidd[notes]" and '
        "pip install --no-deps basic-pitch==0.4.0.",
    )
    parser.add_argument(
        "--speech",
        action="store_true",
        help='Measure STOI and ESTOI too, of speech; needs pip install "aidd[speech]".',
    )
    parser.add_argument("--freeze", action="store_true", help="Only write the list of items, OUTPUT/manifest.jsonl.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="Folder of the results.")


def method_name(text: str) -> str:
    """A known method, or `module:function`; raises `argparse.ArgumentTypeError` for others."""
    names = dict.fromkeys([*EVALUATED_METHODS, *CELL_METHODS])
    if text not in names and not is_custom(text):
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} (choose from {', '.join(names)}, or give MODULE:FUNCTION)"
        )
    return text


def run(arguments: argparse.Namespace, console: Console) -> int:
    from ..evaluation import recipe

    request = request_of(arguments)
    selection = recipe.prepare(request)
    if not request.freeze:
        recipe.fill_and_measure(request, selection, progress=progress_bar())
        recipe.report(request, selection)
        print_summary(request)
    return DONE


def request_of(arguments: argparse.Namespace) -> EvaluationRequest:
    """The request that parsed arguments make."""
    from ..evaluation.recipe import EvaluationRequest

    return EvaluationRequest(
        output=arguments.output,
        protocol=arguments.protocol,
        data=tuple(arguments.data or ()),
        layout=arguments.layout,
        split=arguments.split,
        methods=tuple(arguments.method or ()),
        metrics=tuple(arguments.metric or ()),
        model=arguments.model,
        spectrogram_model=arguments.spectrogram_model,
        spectrogram_dtype=arguments.spectrogram_dtype,
        cqtdiff_model=arguments.cqtdiff_model,
        seed=arguments.seed,
        with_visqol=arguments.visqol,
        with_notes=arguments.notes,
        with_speech=arguments.speech,
        embedder=arguments.embedder,
        freeze=arguments.freeze,
    )


def progress_bar(disable: bool = False) -> Callable[[Iterable], Iterable]:
    """Wraps items to show their progress on stderr."""
    from tqdm.auto import tqdm

    return partial(tqdm, unit="item", file=sys.stderr, disable=disable)


def print_summary(request: EvaluationRequest) -> None:
    """Prints the short tables, and where the pages are."""
    print((request.output / "summary.md").read_text(encoding="utf-8"))
    print(f"look and listen: {request.output / 'index.html'}")
