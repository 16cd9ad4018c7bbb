"""`aidd audit`: the riskiest repairs on a page, to look at, to listen to, and to accept or reject."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .console import DONE, NOTHING_TO_REPAIR, Console
from .places import check_place
from .revert import source_of


if TYPE_CHECKING:
    from ..repair.record import Repair

# Repairs on a page by default: a repair takes about half a megabyte.
MOST = 40

DESCRIPTION = """\
Writes a page with the repairs of `aidd inpaint`, the riskiest first: each as a clip before and after, with its
waveform and spectrogram. Repairs are accepted or rejected by a key, and the page gives the command that takes back
what was rejected. It is one file that opens without a server or a network."""

EPILOG = """\
examples:
  aidd inpaint damaged.wav restored.wav --detect clicks,dropouts --report report.json
  aidd audit restored.wav --report report.json
  aidd audit restored.wav --report report.json --below 0.5 --most 200 --page doubtful.html

keys of the page:
  J K  next, previous      B A  play before, after     X  go on with the other one
  Y N  accept, reject      U    undecided

Recordings of more than two channels are played as the mean of the repaired ones. Needs matplotlib:
pip install "aidd[report]"

exit code: as of aidd inpaint; 3 where there is no repair to show."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command's arguments, and help, to the command line."""
    parser = commands.add_parser(
        "audit",
        help="look at and listen to the riskiest repairs",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=audit)
    parser.add_argument("output", metavar="OUT", type=Path, help="the repaired audio file")
    parser.add_argument(
        "--report", type=Path, required=True, metavar="FILE", help="the list of repairs that aidd inpaint has written"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="the page to write (default: OUT.html)")
    parser.add_argument("--most", type=int, default=MOST, metavar="N", help="repairs to show at most (%(default)s)")
    parser.add_argument(
        "--below", type=float, metavar="C", help="show only repairs whose confidence is below C, from 0 to 1"
    )
    parser.add_argument(
        "--input", type=Path, metavar="IN", help="the recording before the repair (default: where the report has it)"
    )
    parser.add_argument(
        "--difference", type=Path, metavar="FILE", help="the file of aidd inpaint --difference, to use in place of IN"
    )


def audit(arguments: argparse.Namespace, console: Console) -> int:
    """Writes the page, and prints where it is. Returns the exit code."""
    page = arguments.page or arguments.output.with_name(f"{arguments.output.name}.html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--page {page}: expected a name that ends in .html")
    check_place("--page", page)
    if arguments.most < 1:
        raise ValueError(f"--most must be at least 1, got {arguments.most}")
    if arguments.below is not None and not 0 <= arguments.below <= 1:
        raise ValueError(f"--below must lie in [0, 1], got {arguments.below}")
    if arguments.input is not None and arguments.difference is not None:
        raise ValueError("expected --input IN or --difference FILE, got both")
    from ..audit.page import riskiest, write_audit
    from ..repair.record import read_record
    from ..repair.revert import repairs_in

    record = read_record(arguments.report)
    held = repairs_in(arguments.output, record)
    shown = riskiest(held, arguments.most, arguments.below)
    if not shown:
        why = (
            f"it holds {len(held)}, none of them as doubtful as asked for" if held else "it holds none that changed it"
        )
        console.error(f"{arguments.output}: no repair to show: {why}")
        return NOTHING_TO_REPAIR
    write_audit(
        page,
        arguments.output,
        record,
        shown,
        command=shlex.join(["aidd", "revert", str(arguments.output), "--report", str(arguments.report), "--gaps"]),
        source=None if arguments.difference is not None else source_of(arguments, record),
        difference=arguments.difference,
        progress=_with_bar,
    )
    print(f"{page}: {len(shown)} of {len(held)} repairs")
    return DONE


def _with_bar(repairs: list[Repair]) -> Iterable[Repair]:
    from tqdm.auto import tqdm

    return tqdm(repairs, unit="repair", delay=1)
