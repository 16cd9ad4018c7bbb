"""What example scripts share at the command line: help with defaults, and errors in one line."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help with the description as it is written, and with the defaults of all options that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """
    Inside, a `ValueError` or `OSError` ends the program as `ArgumentParser.error` does: with one line on stderr and
    code 2. It is meant for code that reads what the user gave; elsewhere, such errors are bugs, and should leave their
    traceback.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{Path(sys.argv[0]).name}: error: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from error
