"""Options of `aidd inpaint` that write down what was changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .places import check_place


if TYPE_CHECKING:
    from ..repair.recorder import Recorder
    from ..repair.report import RepairReport

EPILOG = """\
what was changed:
  --difference writes OUT - IN at the level of both, silent outside the gaps. It is FLOAT for integers of up to 24
  bits, as it may need a bit more than they have, and DOUBLE otherwise; both hold it exactly. The difference of floats
  is rounded, and a chunk of the file holds its exact bits. --report lists each repair: place, length, channels, what
  filled it and why, how far it can be trusted (from 0 to 1), and the hashes of IN and OUT. `aidd audit` shows the
  riskiest ones to look at and listen to, and `aidd revert` takes some of them or all back. With --variations, each
  result has its own files, numbered as OUT is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the command's."""
    parser.add_argument(
        "--difference",
        type=Path,
        metavar="FILE",
        help="write what was taken away or put in, OUT - IN, as a WAV file: to listen to, and to undo the repair",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write a list of the repairs as a JSON file, for aidd audit and aidd revert",
    )


def check(arguments: argparse.Namespace) -> None:
    """Raises `ValueError` where what is asked for cannot be written."""
    for option, path in {"--difference": arguments.difference, "--report": arguments.report}.items():
        if path is not None:
            check_place(option, path)
    if arguments.report is not None and arguments.report.suffix.lower() != ".json":
        raise ValueError(f"--report {arguments.report}: expected a name that ends in .json")
    if arguments.difference is None:
        return
    from ..repair.difference import check_difference_path

    for path, output in zip(*_numbered(arguments, arguments.difference, arguments.output), strict=True):
        try:
            check_difference_path(path, arguments.input, output)
        except ValueError as error:
            raise ValueError(f"--difference {error}") from error


def recorder_for(arguments: argparse.Namespace) -> Recorder | None:
    """What watches the repair, if a record of it is asked for."""
    if arguments.report is None:
        return None
    from ..repair.recorder import Recorder

    return Recorder()


def write(arguments: argparse.Namespace, report: RepairReport, recorder: Recorder | None) -> list[str]:
    """Writes what is asked for, once the outputs are there. Returns a line about each file."""
    lines = []
    differences: list[Path | None] = [None] * len(report.outputs)
    if arguments.difference is not None:
        from ..repair.difference import write_difference

        (paths,) = _numbered(arguments, arguments.difference)
        for number, (path, output) in enumerate(zip(paths, report.outputs, strict=True)):
            write_difference(path, report.input, output)
            differences[number] = path
            lines.append(f"{path}: {output} minus {report.input}")
    if recorder is not None:
        from ..repair.record import write_record

        (paths,) = _numbered(arguments, arguments.report)
        for number, (path, difference) in enumerate(zip(paths, differences, strict=True), 1):
            record = recorder.record(report, number, difference)
            write_record(path, record)
            lowest = min(one.confidence for one in record.repairs)
            repairs = "1 repair" if len(record.repairs) == 1 else f"{len(record.repairs)} repairs"
            lines.append(f"{path}: {repairs}, the lowest confidence is {lowest:.2f}")
    return lines


def _numbered(arguments: argparse.Namespace, *paths: Path) -> list[list[Path]]:
    """Files of each variation."""
    from ..repair.recipe import numbered

    return [numbered(path, arguments.variations) for path in paths]
