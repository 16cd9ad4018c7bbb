"""Repairs as visitors ask for them, on this machine or with a GPU that the Hub lends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gaps import parse_boxes, parse_gaps
from repair import Recording, has_model, repair, repair_boxes, request_for, sentence
from zero_gpu import with_gpu

from aidd import RepairReport
from aidd.repair.regions import Region


if TYPE_CHECKING:
    from aidd import AIDDPipeline

# Seconds that a GPU is asked for: to load models and read the recording, then for each variation, for each gap or box
# and for each second of it. One core without a GPU takes a third of it (benchmarks/README.md, gaps_and_lengths).
START_SECONDS, SECONDS_EACH, SECONDS_A_SECOND = 10, 2, 5
MOST_GPU_SECONDS = 120


@dataclass(frozen=True)
class Work:
    """
    A repair that a visitor asks for. It can be sent to another process.

    Args:
        recording: the recording.
        text: gaps or boxes, a line each.
        folder: where to write.
        method, seed, num_variations: see [`request_for`].
        as_float: whether to write files of 32-bit floats.
        has_boxes: whether the lines are boxes.
    """

    recording: Recording
    text: str
    folder: Path
    method: str
    seed: int | None
    num_variations: int
    as_float: bool
    has_boxes: bool = False


# The report, what the page says of the repair, and the seconds that loading its model took.
Done = tuple[RepairReport, list[str], float]
Progress = Callable[[list[Region]], Iterable[Region]]


def gpu_seconds(work: Work, progress: Progress = iter) -> int:
    """Seconds for which a GPU is asked for. Lines that cannot be read are told of by the repair itself."""
    try:
        if work.has_boxes:
            lengths = [end - start for *_, start, end in parse_boxes(work.text)]
        else:
            lengths = [line.end - line.start for line in parse_gaps(work.text)]
    except ValueError:
        return START_SECONDS
    seconds = work.num_variations * sum(SECONDS_EACH + SECONDS_A_SECOND * max(length, 0.0) for length in lengths)
    # A line may be read that no recording has, such as one that ends at infinity.
    return min(START_SECONDS + math.ceil(seconds), MOST_GPU_SECONDS) if math.isfinite(seconds) else START_SECONDS


def worker(pipeline: AIDDPipeline | None = None) -> Callable[[Work, Progress], Done]:
    """
    What repairs on this machine, with a GPU for methods with a model where the Hub lends one.

    Args:
        pipeline: as of [`request_for`].
    """

    def done(work: Work, progress: Progress) -> Done:
        began = time.perf_counter()
        request = request_for(work.method, work.seed, work.num_variations, pipeline)
        loading_seconds = time.perf_counter() - began
        if work.has_boxes:
            filled = repair_boxes(work.recording, work.text, work.folder, request, as_float=work.as_float)
        else:
            filled = repair(work.recording, work.text, work.folder, request, as_float=work.as_float, progress=progress)
        return *filled, loading_seconds

    with_model = with_gpu(done, gpu_seconds, sentence)

    def by_method(work: Work, progress: Progress) -> Done:
        return (with_model if has_model(work.method) else done)(work, progress)

    return by_method
