"""What the endpoint does with a file, without HARP and Gradio."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from aidd import RepairRequest, repair_file
from aidd.masks.times import seconds_of
from aidd.repair.recipe import NothingToRepairError


def parse_gaps(text: str) -> list[tuple[float, float]]:
    """
    Reads gaps such as `3.2-3.5, 1:02.5-1:02.6`.

    Args:
        text: starts and ends, joined by a hyphen, of gaps that are separated by commas. May be empty.

    Returns:
        Start and end of each gap in seconds.

    Raises:
        ValueError: a part that is no gap.
    """
    gaps = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            start, end = map(seconds_of, part.split("-"))
        except ValueError as error:
            raise ValueError(f"expected gaps such as 3.2-3.5, 1:02.5-1:02.6, got {part!r}") from error
        gaps.append((start, end))
    return gaps


def repair(path: str, gaps: str, kinds: list[str], method: str, seed: int) -> tuple[str, list[tuple[float, float]]]:
    """
    Fills the gaps of a file.

    Args:
        path: audio file.
        gaps: as [`parse_gaps`] reads them.
        kinds: damage to find, out of `dropouts`, `clicks` and `clipping`.
        method: name in `aidd.METHODS`.
        seed: of the draws.

    Returns:
        The repaired file, in a new folder, encoded as the given one, and start and end of what was filled, in seconds.

    Raises:
        ValueError: no gap, or what [`aidd.repair_file`] raises.
    """
    request = RepairRequest(gaps=parse_gaps(gaps), detect=kinds, method=method, seed=seed)
    folder = Path(tempfile.mkdtemp(prefix="aidd-harp-"))
    output = folder / Path(path).name
    try:
        report = repair_file(Path(path), output, request)
    except ValueError as error:
        shutil.rmtree(folder)
        if isinstance(error, NothingToRepairError):
            raise ValueError("nothing to repair: write the gaps' times, or silence them, to be found") from error
        raise
    rate = report.sampling_rate
    filled = {(start / rate, stop / rate) for channel in report.gaps for start, stop in channel.tolist()}
    return str(output), sorted(filled)
