"""Options of `aidd inpaint` that write down what was changed."""

from __future__ import annotations

import argparse
from pathlib import Path


EPILOG = """\
what was changed:
  --difference writes OUT - IN at the level of both, silent outside the gaps. It is FLOAT for integers of up to 24
  bits, as it may need a bit more than they have, and DOUBLE otherwise; both hold it exactly. The difference of floats
  is rounded, and a chunk of the file holds its exact bits. With --variations, each has one, numbered as OUT is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the command's."""
    parser.add_argument(
        "--difference",
        type=Path,
        metavar="FILE",
        help="write what was taken away or put in, OUT - IN, as a WAV file: to listen to, and to undo the repair",
    )


def check(arguments: argparse.Namespace) -> None:
    """Raises `ValueError` where what is asked for cannot be written."""
    if arguments.difference is None:
        return
    from ..repair.difference import check_difference_path

    path = arguments.difference
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"--difference {path}: {'is a folder' if path.is_dir() else f'no such folder: {path.parent}'}"
        )
    for path, output in differences(arguments).items():
        try:
            check_difference_path(path, arguments.input, output)
        except ValueError as error:
            raise ValueError(f"--difference {error}") from error


def write(arguments: argparse.Namespace) -> list[str]:
    """Writes what is asked for, once the outputs are there. Returns a line about each file."""
    lines = []
    for path, output in differences(arguments).items():
        from ..repair.difference import write_difference

        write_difference(path, arguments.input, output)
        lines.append(f"{path}: {output} minus {arguments.input}")
    return lines


def differences(arguments: argparse.Namespace) -> dict[Path, Path]:
    """The differences that are asked for, and the output of each."""
    if arguments.difference is None:
        return {}
    from ..repair.recipe import numbered

    files = (numbered(path, arguments.variations) for path in (arguments.difference, arguments.output))
    return dict(zip(*files, strict=True))
