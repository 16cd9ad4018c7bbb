"""The command line: `aidd inpaint`, `aidd evaluate`, `aidd info`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TextIO

from .. import __version__
from . import evaluate, info, inpaint


DESCRIPTION = """\
Repairs music with gaps in it. Say where samples are missing; they are filled in, and everything else is written as it
was read, to the bit where the file format is lossless."""


# What the command line adds to warnings of the library, by their category: the option that helps.
HINTS = {"UnmarkedSilenceWarning": ", or add --detect dropouts"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, _error_line(message))


def main(argv: list[str] | None = None) -> int:
    """
    Runs the command line, and returns its exit code: 0; 2 for bad input, explained in one line on stderr; 130 when
    interrupted.

    Raises:
        SystemExit: with code 143 on SIGTERM, with code 2 on arguments that cannot be parsed.
    """
    arguments = _parser().parse_args(argv)
    with warnings.catch_warnings(), _unwinding_on_sigterm():
        # Warnings belong to the command's output, whatever filters Python was started with.
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            arguments.run(arguments)
        except (ValueError, OSError, ImportError) as error:
            sys.stderr.write(_error_line(str(error)))
            return 2
        except KeyboardInterrupt:
            sys.stderr.write(_error_line("interrupted"))
            return 128 + signal.SIGINT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="aidd", description=DESCRIPTION, epilog="`aidd inpaint --help` shows examples.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"aidd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    inpaint.add_parser(commands)
    evaluate.add_parser(commands)
    info.add_parser(commands)
    return parser


@contextmanager
def _unwinding_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM unwind the stack inside, as an exception does, so that no temporary file is left."""
    # Only the main thread may set handlers.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _error_line(message: str) -> str:
    return f"aidd: error: {' '.join(message.split())}\n"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    hint = HINTS.get(category.__name__, "")
    sys.stderr.write(f"aidd: warning: {' '.join(str(message).split())}{hint}\n")


if __name__ == "__main__":
    sys.exit(main())
