"""The command line: `aidd inpaint`, `aidd audit`, `aidd revert`, `aidd evaluate`, `aidd info`."""

from __future__ import annotations

import argparse
import atexit
import gc
import sys
from functools import partial
from typing import NoReturn

from .. import __version__
from . import audit, evaluate, info, inpaint, revert
from .console import BAD_INPUT, Console


DESCRIPTION = """\
Repairs music with gaps in it. Say where samples are missing; they are filled in, and everything else is written as it
was read, to the bit where the file format is lossless."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        Console().error(message)
        self.exit(BAD_INPUT)


def main(argv: list[str] | None = None) -> int:
    """
    Runs the command line.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        The exit code, see [`~aidd.cli.console.EXIT_CODES`].
    """
    # All that is loaded ends with the process, and the collection at its end would look through it in vain.
    atexit.register(gc.freeze)
    try:
        return Console().run(partial(_run, argv))
    finally:
        # Whoever calls this from a program gets their collector back.
        gc.unfreeze()


def _run(argv: list[str] | None, console: Console) -> int:
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments, console)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="aidd", description=DESCRIPTION, epilog="`aidd inpaint --help` shows examples.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"aidd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    inpaint.add_parser(commands)
    audit.add_parser(commands)
    revert.add_parser(commands)
    evaluate.add_parser(commands)
    info.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
