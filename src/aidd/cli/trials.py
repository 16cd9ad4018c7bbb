"""Options of `aidd inpaint` that use the recording itself: trials of methods, and adaptation of the model."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..repair.methods import DEFAULT_CANDIDATES, TRIAL_SECONDS


EPILOG = """\
the recording itself:
  The method best tries others on the recording. It cuts up to four pseudo-gaps as long as a gap in the intact music
  within 8 s of it, has every one of --candidates fill them, and takes the one that comes nearest to what was cut, in
  log-mel distance and chroma. Gaps of like length near one another share their trial. --trial-seconds limits the time
  of all trials: a warning says what was left untried, and the same seed may then give other audio. --json has all
  scores. Where nothing can be tried, best takes what auto takes. With similarity among the candidates, gaps of 0.375 s
  or more whose surroundings come again elsewhere are filled from there, without a trial. --adapt has the token model
  learn the intact music before it fills gaps, until pieces of IN that are held out get no better; how far it got is
  printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the command's."""
    parser.add_argument(
        "--candidates",
        type=lambda names: tuple(names.split(",")),
        default=DEFAULT_CANDIDATES,
        metavar="METHODS",
        help="what best tries: methods, or functions of yours, separated by commas (default: "
        f"{','.join(DEFAULT_CANDIDATES)})",
    )
    parser.add_argument(
        "--trial-seconds",
        type=float,
        default=TRIAL_SECONDS,
        metavar="SECONDS",
        help="how long the trials of best may take in all (default: %(default)g)",
    )
    parser.add_argument(
        "--adapt",
        type=float,
        metavar="SECONDS",
        help="let the token model learn the intact music of IN for so long, at most, before it fills gaps, and drop "
        'what it has learned afterwards; needs PEFT (pip install "aidd[adapt]")',
    )
    parser.add_argument(
        "--save-adapter", type=Path, metavar="FOLDER", help="save what the model has learned by --adapt to FOLDER"
    )
    parser.add_argument(
        "--adapter", type=Path, metavar="FOLDER", help="fill with what --save-adapter has saved, instead of learning"
    )
