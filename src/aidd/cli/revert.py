"""`aidd revert`: takes repairs back."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .console import DONE, NOTHING_TO_REPAIR, Console


if TYPE_CHECKING:
    from ..repair.record import Repair, RepairRecord

DESCRIPTION = """\
Takes repairs of `aidd inpaint` back: the samples that were there before are put back to the bit, all others stay as
they are, and OUT is replaced once all is written. The samples come from the recording before the repair, which the
report names, or from the file of --difference."""

EPILOG = """\
examples:
  aidd inpaint damaged.wav restored.wav --detect clicks,dropouts --report report.json --difference difference.wav
  aidd revert restored.wav --report report.json --gaps 3 7
  aidd revert restored.wav --report report.json --below 0.5 --difference difference.wav
  aidd revert restored.wav --report report.json --rejected rejected.json
  aidd revert restored.wav --report report.json --all

which repairs:
  --gaps, --below, --rejected and --all unite. Repairs have the numbers of the report, from 1 on, which stay the same.
  What is taken back already is passed over.

what is refused:
  OUT must be what the repair has written, with or without some of its repairs: each sample is held against the hashes
  of the report, and so is what is put back. Tags and the file's name may have changed. OUT must be lossless, and able
  to hold the samples of IN.

exit code: as of aidd inpaint; 3 where there is nothing to take back."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command's arguments, and help, to the command line."""
    parser = commands.add_parser(
        "revert",
        help="take repairs back",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=revert)
    parser.add_argument("output", metavar="OUT", type=Path, help="the repaired audio file, which is rewritten")
    parser.add_argument(
        "--report", type=Path, required=True, metavar="FILE", help="the list of repairs that aidd inpaint has written"
    )
    parser.add_argument("--gaps", type=int, nargs="+", default=[], metavar="N", help="numbers of repairs to take back")
    parser.add_argument(
        "--below", type=float, metavar="C", help="take back repairs whose confidence is below C, from 0 to 1"
    )
    parser.add_argument(
        "--rejected", type=Path, metavar="FILE", help="take back what was rejected on the page of aidd audit (.json)"
    )
    parser.add_argument("--all", action="store_true", help="take all repairs back")
    parser.add_argument(
        "--input", type=Path, metavar="IN", help="the recording before the repair (default: where the report has it)"
    )
    parser.add_argument(
        "--difference", type=Path, metavar="FILE", help="the file of aidd inpaint --difference, to use in place of IN"
    )
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")


def revert(arguments: argparse.Namespace, console: Console) -> int:
    """Takes repairs back as the arguments say, and prints which. Returns the exit code."""
    if arguments.input is not None and arguments.difference is not None:
        raise ValueError("expected --input IN or --difference FILE, got both")
    if not (arguments.gaps or arguments.rejected or arguments.all) and arguments.below is None:
        raise ValueError("say which repairs to take back: --gaps N ..., --below C, --rejected FILE, or --all")
    if arguments.below is not None and not 0 <= arguments.below <= 1:
        raise ValueError(f"--below must lie in [0, 1], got {arguments.below}")
    from ..repair.record import read_record
    from ..repair.revert import repairs_in, revert_repairs

    record = read_record(arguments.report)
    wanted = {repair.number for repair in chosen(arguments, record)}
    held = repairs_in(arguments.output, record)
    reverted = [repair for repair in held if repair.number in wanted]
    if reverted:
        source = None if arguments.difference is not None else source_of(arguments, record)
        revert_repairs(arguments.output, record, reverted, source=source, difference=arguments.difference)
        console.done = True
    left = [repair.number for repair in held if repair.number not in wanted]
    numbers = [repair.number for repair in reverted]
    if arguments.json:
        console.answer = {"output": str(arguments.output), "reverted": numbers, "left": left}
    if not reverted:
        changing = [one for one in record.repairs if one.number in wanted and one.before_sha256 != one.after_sha256]
        why = "none of these repairs is in it" if changing or not wanted else "these repairs have changed nothing"
        console.error(f"{arguments.output}: nothing to take back: {why}")
        return NOTHING_TO_REPAIR
    if not arguments.json:
        print(f"{arguments.output}: took back {len(numbers)} of {len(held)} repairs: {', '.join(map(str, numbers))}")
    return DONE


def chosen(arguments: argparse.Namespace, record: RepairRecord) -> list[Repair]:
    """The repairs that the arguments name. Raises `ValueError` for numbers that the record lacks."""
    numbers = {*arguments.gaps, *(rejected(arguments.rejected) if arguments.rejected is not None else ())}
    if unknown := sorted(numbers - {repair.number for repair in record.repairs}):
        raise ValueError(
            f"{arguments.report}: expected numbers of repairs from 1 to {len(record.repairs)}, "
            f"got {', '.join(map(str, unknown))}"
        )
    below = 0.0 if arguments.below is None else arguments.below
    return [
        repair for repair in record.repairs if arguments.all or repair.number in numbers or repair.confidence < below
    ]


def rejected(path: Path) -> list[int]:
    """Numbers of repairs that were rejected on the page of `aidd audit`. Raises `ValueError` for another file."""
    from ..signals.formats import check_is_file

    check_is_file(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read as JSON ({error})") from error
    numbers = value.get("rejected") if isinstance(value, dict) else None
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise ValueError(f"{path}: expected an object whose field rejected is a list of numbers of repairs")
    return numbers


def source_of(arguments: argparse.Namespace, record: RepairRecord) -> Path:
    """The recording before the repair. Raises `ValueError` where it is not there, saying what to do."""
    if arguments.input is not None:
        return arguments.input
    path = Path(record.input.path)
    if not path.is_file():
        raise ValueError(
            f"{path}: the recording before the repair is not there; say where it is with --input IN, or give "
            "--difference FILE"
        )
    return path
