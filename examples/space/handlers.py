"""What the page does when a visitor acts: handlers of Gradio's events, from values of the page to new ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr
import numpy as np
from gaps import MAX_LINES, Line, found_lines, parse_gaps
from pictures import Comparison, compare_boxes, compare_gaps, draw, view_of
from repair import ENCODINGS, Recording, describe, find, open_recording, sentence, times
from work import Done, Progress, Work

from aidd import RepairReport
from aidd.evaluation.reports.tables import escaped
from aidd.repair.regions import Region
from aidd.repair.request import DETECTED_KINDS


MAX_VARIATIONS = 4
# What can be heard of a result, in the order of the page.
PLAYERS = ("Recording", "Gaps silenced", *(f"Variation {number}" for number in range(1, MAX_VARIATIONS + 1)))
PLAYERS += ("Difference", "Box alone")
# Outputs behind the column of results and the summary.
NUM_SHOWN = 2 * len(PLAYERS) + MAX_VARIATIONS + 2
# What was done, and what there is to hear and see of it.
Filled = tuple[RepairReport, list[str], float, Comparison]
NOT_YET = "Nothing is repaired yet."
NO_RECORDING = "there is no recording yet: upload or record one, or take an example"


def trouble(error: ValueError) -> str:
    """What is wrong with a recording or a setting, as Markdown. The next attempt takes its place."""
    return f"⚠ **{escaped(sentence(error))}**"


def telling(place: int, num_outputs: int) -> Callable[[Callable], Callable]:
    """Lets a handler say what is wrong in one of its outputs, and leave the others as they are."""

    def decorate(handler: Callable) -> Callable:
        @wraps(handler)
        def handle(*arguments):
            try:
                return handler(*arguments)
            except ValueError as error:
                return tuple(trouble(error) if place == number else gr.skip() for number in range(num_outputs))

        return handle

    return decorate


def status_of(recording: Recording, begun: float | None) -> str:
    hint = "Drag on the waveform to mark a **gap**, or on the spectrogram to draw a **box**; or find damage."
    if begun is not None:
        hint = f"A gap begins at {begun:.3f} s. Click where it **ends**."
    return f"{escaped(describe(recording))}\n\n{hint}"


def opened(path: str | None, seconds: float, width: float) -> Iterator[tuple]:
    """Shows another recording, without any gaps. A file that cannot be read leaves nothing on the page but why."""
    nothing = (None, "", "", None, 0.0, "", None, NOT_YET)
    yield *nothing, gr.Column(visible=False), gr.Column(visible=False), ""
    if path is None:
        return
    try:
        recording = open_recording(path)
        picture = draw(recording, "", "", None, view_of(recording, 0.0, seconds, width))
    except ValueError as error:
        yield *nothing, gr.skip(), gr.skip(), trouble(error)
        return
    start = gr.Slider(maximum=max(recording.seconds, 0.1))
    status = status_of(recording, None)
    yield recording, "", "", None, start, status, picture, gr.skip(), gr.Column(visible=True), gr.skip(), ""


@telling(0, 2)
def redrawn(
    recording: Recording | None,
    marked: str,
    boxes: str,
    begun: float | None,
    start: float,
    seconds: float,
    width: float,
) -> tuple:
    # A page whose recording is gone has nothing to draw.
    if recording is None:
        return "", None
    view = view_of(recording, start, seconds, width)
    return status_of(recording, begun), draw(recording, marked, boxes, begun, view)


@telling(2, 4)
def clicked(
    click: gr.SelectData,
    recording: Recording,
    marked: str,
    boxes: str,
    begun: float | None,
    start: float,
    seconds: float,
    width: float,
) -> tuple:
    """Begins a gap at one click and ends it at the next, on whichever side."""
    view = view_of(recording, start, seconds, width)
    place = view.at(click.index[0])
    if begun is None:
        begun = place
    elif begun == place:
        raise ValueError(f"the gap would begin and end at {place:.3f} s: click where it ends")
    else:
        marked, begun = with_line(marked, Line(*sorted((begun, place)))), None
    return marked, begun, status_of(recording, begun), draw(recording, marked, boxes, begun, view)


@telling(3, 5)
def dragged(
    corners: str,
    recording: Recording,
    marked: str,
    boxes: str,
    begun: float | None,
    start: float,
    seconds: float,
    width: float,
) -> tuple:
    """Marks a gap where the waveform was dragged over, and a box where the spectrogram was."""
    columns, rows = np.sort(np.array(json.loads(corners)["pixels"], float).reshape(2, 2).T)
    view = view_of(recording, start, seconds, width)
    first, last = map(view.at, columns)
    high, low = (view.frequency_at(row, recording.scan.sampling_rate) for row in rows)
    if first == last:
        raise ValueError(f"what was dragged over begins and ends at {first:.3f} s")
    if low is None:
        marked = with_line(marked, Line(first, last))
    else:
        high = recording.scan.sampling_rate / 2 if high is None else high
        if low == high:
            raise ValueError(f"the box would begin and end at {low} Hz")
        boxes = with_line(boxes, f"{low:g} {high:g} {first:.3f} {last:.3f}")
    return marked, boxes, None, status_of(recording, None), draw(recording, marked, boxes, None, view)


def with_line(text: str, line: Line | str) -> str:
    return "\n".join([*text.splitlines(), str(line)])


@telling(3, 5)
def searched(
    kinds: list[str],
    recording: Recording,
    marked: str,
    boxes: str,
    begun: float | None,
    start: float,
    seconds: float,
    width: float,
) -> tuple:
    """Writes the damage of these kinds among the gaps, in place of what was found before, and shows the first."""
    if not kinds:
        raise ValueError(f"nothing to find is chosen: choose among {', '.join(DETECTED_KINDS)}")
    own = [line for line in parse_gaps(marked) if line.kind is None]
    recording = find(recording, kinds)
    found = found_lines(recording.damage, recording.scan)
    if len(own) + len(found) > MAX_LINES:
        raise ValueError(f"this page takes up to {MAX_LINES} gaps, and {len(found)} were found")
    marked = "\n".join(map(str, [*own, *found]))
    view = view_of(recording, start, seconds, width)
    if found and not view.start <= found[0].start < view.start + view.seconds:
        start = round(max(found[0].start - seconds / 4, 0.0), 1)
        view = view_of(recording, start, seconds, width)
    return recording, marked, start, status_of(recording, begun), draw(recording, marked, boxes, begun, view)


def cleared(recording: Recording, start: float, seconds: float, width: float) -> tuple:
    recording = find(recording, [])
    picture = draw(recording, "", "", None, view_of(recording, start, seconds, width))
    return recording, "", "", None, status_of(recording, None), picture


def with_progress(progress: gr.Progress, regions: list[Region]) -> Iterable[Region]:
    for number, region in enumerate(regions):
        progress((number, len(regions)), desc="Filling gaps", unit="regions")
        yield region


def not_repaired(error: ValueError) -> tuple:
    """An attempt that failed says why, and leaves the result of the one before as it is."""
    return gr.skip(), f"{trouble(error)}\n\nNothing was repaired this time.", *[gr.skip()] * NUM_SHOWN


def shown(comparison: Comparison, report: RepairReport, sentences: Sequence[str]) -> tuple:
    start, stop = comparison.stretch
    played = f"Below is what lies from {start:.2f} s to {stop:.2f} s; the downloads are whole."
    unused = [None] * (MAX_VARIATIONS - len(report.outputs))
    return (
        gr.Column(visible=True),
        "\n\n".join([f"{sentences[0]} {played}", *map(escaped, sentences[1:])]),
        *map(comparison.files.get, PLAYERS),
        *map(Path, report.outputs),
        *unused,
        *(gr.Column(visible=name in comparison.files) for name in PLAYERS),
        comparison.picture,
        json.dumps(comparison.loops),
    )


def repaired(
    worker: Callable[[Work, Progress], Done],
    recording: Recording | None,
    marked: str,
    method: str,
    seed: int | None,
    num_variations: int,
    encoding: str,
    width: float,
    # The model's own steps are shown, too.
    progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008
) -> Iterator[tuple]:
    """Fills the gaps."""

    def fill(recording: Recording, folder: Path) -> Filled:
        if not 1 <= num_variations <= MAX_VARIATIONS:
            raise ValueError(f"variations must be 1 to {MAX_VARIATIONS}, got {num_variations}")
        work = Work(recording, marked, folder, method, seed, num_variations, as_float=encoding == ENCODINGS[1])
        done = worker(work, partial(with_progress, progress))
        return *done, compare_gaps(recording, done[0], folder, width)

    yield from results(recording, fill, progress)


def boxes_filled(
    worker: Callable[[Work, Progress], Done],
    recording: Recording | None,
    boxes: str,
    method: str,
    seed: int | None,
    encoding: str,
    width: float,
    progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008
) -> Iterator[tuple]:
    """Fills the boxes."""

    def fill(recording: Recording, folder: Path) -> Filled:
        as_float = encoding == ENCODINGS[1]
        done = worker(Work(recording, boxes, folder, method, seed, 1, as_float=as_float, has_boxes=True), iter)
        return *done, compare_boxes(recording, done[0], folder, width)

    yield from results(recording, fill, progress)


def results(
    recording: Recording | None, fill: Callable[[Recording, Path], Filled], progress: gr.Progress
) -> Iterator[tuple]:
    """
    What the page shows after a repair, or why nothing was repaired.

    Args:
        recording: the recording, if there is one.
        fill: repairs the recording into a folder.
        progress: of the page.
    """
    progress(0.0, desc="Starting")
    # What is yielded has been copied to where it is served from when the folder goes.
    with TemporaryDirectory() as folder:
        try:
            if recording is None:
                raise ValueError(NO_RECORDING)
            report, sentences, loading_seconds, comparison = fill(recording, Path(folder))
        except ValueError as error:
            yield not_repaired(error)
            return
        done = f"{sentences[0]} {times(loading_seconds, report.seconds)}"
        if report.other_frequencies_db is not None:
            done += (
                f" Beside the boxes, other frequencies change by {report.other_frequencies_db:.0f} dB of their level."
            )
        yield shown(comparison, report, [done, *sentences[1:]])
