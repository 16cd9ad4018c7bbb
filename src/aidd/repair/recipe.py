"""From a damaged file to a repaired one, with a report: the command line, the Space and the scripts follow it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..masks.files import Marks, read_marks
from ..masks.gaps import unite
from ..signals.blocks import AudioReader, read_stretches
from ..signals.warning import warn_at_caller
from .adapting import adapted
from .alike import alike_sources, filling_alike_first, plan_with, tried
from .best import candidates_of, plan_by_trial
from .box_repair import marks_for, repair_boxes
from .boxes import Box
from .clipping import within_bounds
from .damage import Damage
from .density import check_crackle
from .encoded import HeldFillings, check_range
from .examination import Examination, NothingToRepairError, destination, examine, numbered
from .filling import FillRegion, fill_as_planned, fill_file, unobserved
from .loading import generator_of, model_name, pipeline_for, short_gap_seconds_of
from .methods import BEST, CELL_FUNCTIONS, SIMILARITY, method_of, row_of
from .places import imported
from .plan import LEAST_TRIED_SECONDS, RepairPlan
from .recorder import Recorder
from .regions import Reach, Region, furthest, reach_of
from .report import RepairReport
from .request import RepairRequest, RequestError
from .scan import Scan, scan_audio
from .trials import Trial, warning_of


if TYPE_CHECKING:
    from ..classical.source_search import Source
    from ..pipelines import InpaintingPipeline

__all__ = ["NothingToRepairError", "marks_of", "numbered", "preview_file", "repair_file"]


def repair_file(
    source: str | Path | Scan,
    output: str | Path,
    request: RepairRequest,
    *,
    damage: Damage | None = None,
    recorder: Recorder | None = None,
    progress: Callable[[list[Region]], Iterable[Region]] = iter,
) -> RepairReport:
    """
    Repairs an audio file of any length: fills gaps, or boxes of frequency and time. Samples outside the gaps, or the
    boxes' frames, are those of the source, to the bit where the encoding is lossless and no narrower. Rate and
    channels are the source's; format and subtype are too, as far as the suffix of `output` allows.

    ```python
    report = repair_file("damaged.wav", "restored.wav", RepairRequest(gaps=[(3.2, 3.95)], detect=["clicks"], seed=0))
    ```

    Args:
        source: the damaged file, or its scan ([`~aidd.repair.scan.scan_audio`]), which spares a pass over it.
        output: the file to write. An existing one is replaced once the repair is done. Of several variations, the
            numbers stand before the suffix: `restored-1.wav`, `restored-2.wav`.
        request: what is missing or to be looked for, what fills it, and how the result is encoded.
        damage: what [`~aidd.repair.damage.find_damage`] has found in the scan already for the kinds of the request,
            which spares another search.
        recorder: what watches the repair, to make a record of it.
        progress: what the regions are passed through as they are filled, such as `tqdm`.

    Raises:
        NothingToRepairError: no gap is given, and none was found.
        RequestError: variations of gaps that no model fills.
        ValueError: an output that is the source, gaps outside the recording, damage of other kinds, a gap longer than
            the method can fill, and as [`~aidd.repair.filling.inpaint_file`], [`~aidd.masks.files.read_mask`] and
            [`~aidd.pipelines.loading.load_pipeline`]. Nothing is written then.

    Warns:
        UnmarkedSilenceWarning: a dropout that is marked as missing in part.
        UserWarning: silences that are left as pauses, where dropouts are looked for.
        UserWarning: as [`~aidd.repair.filling.inpaint_file`].
    """
    began = time.perf_counter()
    scan = source if isinstance(source, Scan) else scan_audio(source)
    outputs, subtype, format = destination(scan, output, request)
    marks = marks_for(request.method, scan, marks_of(scan, request.masks))
    boxes = {"given": request.boxes, "mask": marks.boxes}
    if any(map(len, boxes.values())):
        if request.gaps or request.detect or any(map(len, marks.gaps)):
            raise RequestError(
                "boxes", "must stand alone, without gaps; fill the gaps, and then the boxes in the output"
            )
        encoding = (subtype, format)
        report = repair_boxes(scan, outputs, request, boxes, encoding=encoding, recorder=recorder, progress=progress)
        return replace(report, seconds=time.perf_counter() - began)
    if request.method in CELL_FUNCTIONS:
        raise RequestError("method", f"must be one that fills gaps, got {request.method}, which fills boxes alone")
    examined = examine(scan, request, marks, damage)
    check_crackle(examined.damage.found, num_samples=scan.num_samples, sampling_rate=scan.sampling_rate)
    check_range(scan, outputs[0], examined.gaps, format=format, subtype=subtype)
    planned, pipeline, loading_seconds = examined.plan(), None, 0.0
    trials: list[Trial] = []
    if planned.needs_model and request.uses_pipeline:
        began_loading = time.perf_counter()
        pipeline = pipeline_for(request)
        loading_seconds = time.perf_counter() - began_loading
        planned = examined.plan(pipeline.config.short_gap_seconds, pipeline.max_gap_seconds)
    sources: list[Source] = []
    with adapted(pipeline, scan, examined.gaps, request) as adaptation:
        if request.method == BEST:
            planned, trials, reach, sources = _tried(examined, pipeline)
        else:
            reach = reach_of(request.method, sampling_rate=scan.sampling_rate, pipeline=pipeline)
        options = {"num_variations": request.num_variations, "select": "agreement"}
        method: Callable[..., np.ndarray] = (
            method_of(request.method) if pipeline is None else pipeline.as_method(**options)
        )
        in_parts = row_of(request.method).in_parts
        if in_parts is not None:
            method, reach = _searched(in_parts, scan, examined.gaps, observe=sources.append)
        seen = unobserved if recorder is None else recorder.filled
        fill: FillRegion = partial(
            fill_as_planned,
            method=method,
            sampling_rate=scan.sampling_rate,
            generator=generator_of(request.seed),
            observe=seen,
        )
        if recorder is not None:
            recorder.reasons = examined.reasons
        if request.method == BEST and sources:
            stretches = partial(read_stretches, scan.path)
            fill = filling_alike_first(fill, sources, stretches, **_extent(scan), observe=seen)

        def shown(regions: list[Region]) -> Iterable[Region]:
            # The bar of a pipeline that was loaded here is for a single region; several have one of their own.
            if pipeline is not None and pipeline is not request.model and len(regions) > 1:
                pipeline.set_progress_bar_config(disable=True)
            return progress(regions)

        # Restored peaks lie beyond the level that they were clipped at, be it full scale.
        held = None if "clipping" in examined.damage.kinds else HeldFillings(fill, scan, subtype)
        fill_file(
            scan,
            outputs,
            planned,
            within_bounds(fill, examined.damage) if held is None else held,
            reach=reach,
            subtype=subtype,
            format=format,
            progress=shown,
            observe=unobserved if recorder is None else recorder.region,
        )
        if held is not None:
            held.warn(outputs[0])
    return replace(
        examined.report,
        outputs=list(map(str, outputs)),
        model=model_name(request) if planned.needs_model else None,
        filled_by=planned.filled_by,
        gaps=planned.gaps,
        sources=sources,
        seconds=time.perf_counter() - began,
        loading_seconds=loading_seconds,
        trials=trials,
        adaptation=None if adaptation is None else adaptation.to_dict(),
    )


def _extent(scan: Scan) -> dict[str, int]:
    return {"num_samples": scan.num_samples, "sampling_rate": scan.sampling_rate}


def _tried(
    examined: Examination, pipeline: InpaintingPipeline | None
) -> tuple[RepairPlan, list[Trial], Reach, list[Source]]:
    """
    A plan of `best` after its trials, these, how much the methods that they chose read, and the parts of the recording
    that fill gaps like theirs.
    """
    scan, request = examined.scan, examined.request
    planned = examined.plan(LEAST_TRIED_SECONDS)
    shortest = reach_of("janssen", sampling_rate=scan.sampling_rate)
    if not planned.needs_model:
        return planned, [], shortest, []
    if pipeline is not None and pipeline is not request.model:
        pipeline.set_progress_bar_config(disable=True)
    candidates = candidates_of(tried(request.candidates), sampling_rate=scan.sampling_rate, pipeline=pipeline)
    sources: list[Source] = []
    if SIMILARITY in request.candidates:
        sources = alike_sources(planned, partial(read_stretches, scan.path), **_extent(scan))
        planned = plan_with(planned, sources)
    with AudioReader(scan.path) as reader:
        planned, trials = plan_by_trial(
            planned, reader.read, candidates, seconds=request.trial_seconds, seed=request.seed, **_extent(scan)
        )
    if said := warning_of(trials, seconds=request.trial_seconds, sampling_rate=scan.sampling_rate):
        warn_at_caller(f"{scan.path}: {said}")
    examined.check_variations(planned)
    return planned, trials, furthest([shortest, *(candidates[trial.chosen].reach for trial in trials)]), sources


def _searched(
    in_parts: str, scan: Scan, gaps: Sequence[np.ndarray], *, observe: Callable[[Source], None]
) -> tuple[Callable[..., np.ndarray], Reach]:
    """
    What fills gaps with other parts of a file, which it has searched (`in_parts` in the table of methods), and how
    much it reads around a gap then.
    """
    try:
        fill = imported(in_parts)(partial(read_stretches, scan.path), unite(gaps), **_extent(scan), observe=observe)
    except ValueError as error:
        raise ValueError(f"{scan.path}: {error}") from error
    return fill, reach_of("lines", sampling_rate=scan.sampling_rate)


def preview_file(source: str | Path | Scan, output: str | Path, request: RepairRequest) -> RepairReport:
    """
    What [`repair_file`] would do, without loading a model, filling or writing anything.

    Args:
        source, output, request: as of `repair_file`.

    Returns:
        The report, without outputs: gaps, what was found and how dense it is, and what would fill each gap. Without
        gaps where the repair would be refused for crackle.

    Raises:
        RequestError: boxes, which cannot be examined so.
        ValueError: as `repair_file`, but for crackle.

    Warns:
        UserWarning: as `repair_file`, and where it would refuse crackle.
    """
    scan = source if isinstance(source, Scan) else scan_audio(source)
    destination(scan, output, request)
    marks = marks_for(request.method, scan, marks_of(scan, request.masks))
    if request.boxes or marks.boxes:
        raise RequestError("boxes", "cannot be examined beforehand, gaps can")
    examined = examine(scan, request, marks)
    try:
        check_crackle(examined.damage.found, num_samples=scan.num_samples, sampling_rate=scan.sampling_rate)
    except ValueError as error:
        warn_at_caller(f"{scan.path}: a repair is refused: {error}")
        return replace(examined.report, gaps=[unite([])] * scan.channels)
    planned = examined.plan(LEAST_TRIED_SECONDS if request.method == BEST else short_gap_seconds_of(request))
    return replace(examined.report, filled_by=planned.filled_by, gaps=planned.gaps)


def marks_of(scan: Scan, masks: Sequence[str | Path]) -> Marks:
    """
    What mask files mark, together.

    Args:
        scan: of the recording.
        masks: files of masks, of all channels alike or of each.

    Returns:
        Gaps of every channel, and boxes.

    Raises:
        ValueError: as [`~aidd.masks.files.read_marks`], or a mask of another number of channels.
    """
    channels: list[list[np.ndarray]] = [[] for _ in range(scan.channels)]
    boxes: list[Box] = []
    for path in masks:
        marks = read_marks(path, num_samples=scan.num_samples, sampling_rate=scan.sampling_rate)
        num_masks = len(marks.gaps)
        if num_masks not in (1, scan.channels):
            raise ValueError(f"{path}: expected a mask of {scan.channels} channels, or of 1 for all, got {num_masks}")
        for number, channel in enumerate(channels):
            channel.append(marks.gaps[number % num_masks])
        boxes += marks.boxes
    return Marks([unite(channel) for channel in channels], boxes)
