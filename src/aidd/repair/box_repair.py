"""From a file with holes in its spectrogram to a repaired one: the part of the recipe that is for boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ..masks.files import Marks
from ..masks.gaps import gaps_from_seconds, unite
from ..signals.stft import Grid
from ..signals.warning import warn_at_caller
from .boxes import (
    Box,
    BoxFilling,
    BoxObserver,
    FillCells,
    changed_places,
    check_boxes,
    own_grid,
    reach_around,
)
from .filling import fill_file
from .loading import generator_of, model_name, pipeline_for
from .methods import CELL_AUTO_METHOD, CELL_FUNCTIONS, CELL_MODEL_METHOD
from .places import imported
from .plan import RepairPlan
from .recorder import Observation, Recorder
from .regions import Reach, Region, reach_of
from .report import RepairReport
from .request import RepairRequest, RequestError
from .scan import Scan


if TYPE_CHECKING:
    from ..pipelines import SpectrogramRePaintPipeline

# What fills boxes.
BOX_METHODS = ("auto", *sorted([*CELL_FUNCTIONS, CELL_MODEL_METHOD]))


def marks_for(method: str, scan: Scan, marks: Marks) -> Marks:
    """
    What a method is to fill of what is marked: a method of gaps fills labels with frequencies at all frequencies.

    Warns:
        UserWarning: labels whose frequencies are not looked at.
    """
    if method in BOX_METHODS or not marks.boxes:
        return marks
    warn_at_caller(
        f"{len(marks.boxes)} labels have frequencies: {method} fills all frequencies there, and only "
        f"{', '.join(BOX_METHODS)} those of the label alone"
    )
    starts, ends = zip(*(box[2:] for box in marks.boxes), strict=True)
    gaps = gaps_from_seconds(starts, ends, num_samples=scan.num_samples, sampling_rate=scan.sampling_rate)
    return Marks([unite([channel, gaps]) for channel in marks.gaps], [])


def repair_boxes(
    scan: Scan,
    outputs: Sequence[Path],
    request: RepairRequest,
    reasons: dict[str, Sequence[Box]],
    *,
    encoding: tuple[str, str],
    recorder: Recorder | None,
    progress: Callable[[list[Region]], Iterable[Region]],
) -> RepairReport:
    """
    Fills boxes of all channels. Samples that no frame of a box holds are those of the source.

    Args:
        scan: of the file.
        outputs: the file to write, one.
        request: its method, model and seed.
        reasons: boxes by why they are filled.
        encoding: subtype and format of the output.
        recorder, progress: as of [`~aidd.repair.recipe.repair_file`].

    Returns:
        The report, without the time that it took.

    Raises:
        RequestError: several variations, a method that fills no boxes, or boxes beyond its frequencies or the
            recording's duration.
        ValueError: samples that are not finite, and as [`~aidd.repair.filling.inpaint_file`].
    """
    if request.num_variations > 1:
        raise RequestError("num_variations", f"must be 1 for boxes, got {request.num_variations}")
    if scan.num_non_finite:
        raise ValueError(f"{scan.path}: expected finite samples, got {scan.num_non_finite} that are not")
    method, fill_cells, grid, reach = _method(request, scan.sampling_rate)
    boxes = [box for of_reason in reasons.values() for box in of_reason]
    num_samples, rate = scan.num_samples, scan.sampling_rate
    try:
        check_boxes(boxes, num_samples=num_samples, sampling_rate=rate, grid=grid)
    except ValueError as error:
        raise RequestError("boxes", f"cannot be filled by {method}: {error}") from error
    filling = BoxFilling(boxes, fill_cells, num_samples=num_samples, sampling_rate=rate, grid=grid)
    observer = BoxObserver(filling)
    gaps = [filling.changed] * scan.channels
    filled_by = [[method] * len(filling.changed)] * scan.channels
    subtype, format = encoding
    fill_file(
        scan,
        outputs,
        RepairPlan((method,), gaps, filled_by),
        filling.fill,
        reach=reach,
        subtype=subtype,
        format=format,
        progress=filling.following(progress),
        observe=observer,
    )
    if recorder is not None:
        places = partial(changed_places, num_samples=num_samples, sampling_rate=rate, grid=grid)
        recorder.reasons = {
            reason: [unite([places(of_reason)])] * scan.channels for reason, of_reason in reasons.items()
        }
        recorder.observations += [
            Observation(
                start,
                stop,
                list(range(scan.channels)),
                method,
                [observer.evidence[start, stop]],
                [list(map(float, box)) for box in filling.boxes_in(start, stop)],
                observer.changes[start, stop],
            )
            for start, stop in filling.changed.tolist()
        ]
    changes = [change for change in observer.changes.values() if change is not None]
    return RepairReport(
        input=str(scan.path),
        outputs=list(map(str, outputs)),
        sampling_rate=scan.sampling_rate,
        channels=scan.channels,
        num_samples=scan.num_samples,
        method=request.method,
        model=model_name(request) if method == CELL_MODEL_METHOD else None,
        seed=request.seed,
        filled_by=filled_by,
        gaps=gaps,
        found={},
        seconds=0.0,
        boxes=boxes,
        other_frequencies_db=max(changes, default=None),
    )


def _method(request: RepairRequest, sampling_rate: int) -> tuple[str, FillCells, Grid, Reach]:
    """The method's name, what it does with a region, its cells, and what it reads around a box's frames."""
    method = CELL_AUTO_METHOD if request.method == "auto" else request.method
    generator = generator_of(request.seed)
    if method in CELL_FUNCTIONS:
        grid = own_grid(sampling_rate)
        function = partial(
            imported(CELL_FUNCTIONS[method]), sampling_rate=sampling_rate, grid=grid, generator=generator
        )
        return method, function, grid, reach_around(grid)
    if method != CELL_MODEL_METHOD:
        *others, last = BOX_METHODS
        raise RequestError("method", f"must be {', '.join(others)} or {last} for boxes, got {method}")
    pipeline = cast("SpectrogramRePaintPipeline", pipeline_for(request))

    def fill(audio: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return pipeline(audio, tf_mask=mask, sampling_rate=sampling_rate, generator=generator).audios

    return method, fill, pipeline.front_end.grid, reach_of(method, sampling_rate=sampling_rate, pipeline=pipeline)
