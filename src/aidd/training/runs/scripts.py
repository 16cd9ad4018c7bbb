"""What the training scripts share of the command line: help that tells defaults, and errors in one line."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate.tracking import get_available_trackers


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The description as it is written, and every default that there is."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """
    Inside, a `ValueError` or `OSError` ends the program as `ArgumentParser.error` does: with one line on stderr and
    code 2. For what reads what the user gave; elsewhere, such errors are bugs, and should leave their traceback.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{Path(sys.argv[0]).name}: error: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from error


def check_tracker(parser: argparse.ArgumentParser, report_to: str) -> None:
    """Ends the program where `--report_to` is neither `none` nor a tracker that is installed."""
    if report_to not in ("none", *map(str, get_available_trackers())):
        parser.error(f"--report_to: {report_to} is not installed: pip install aidd[train], or give none")


def is_due(step: int, every: int, last_step: int) -> bool:
    """Whether what is done every so many steps is to be done after this one: after the last, it always is."""
    return step % every == 0 or step == last_step
