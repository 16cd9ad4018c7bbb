"""
A page on which recordings are repaired: gaps are marked or found, filled, played, drawn and downloaded.

    python examples/space/app.py
    python examples/space/app.py --model outputs/pipeline --port 8000

It runs until it is interrupted, at the address that it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np
from gaps import MAX_LINES, Line, found_lines, parse_gaps
from pictures import Comparison, compare_boxes, compare_gaps, draw, view_of
from repair import (
    ENCODINGS,
    Recording,
    describe,
    find,
    open_recording,
    repair,
    repair_boxes,
    request_for,
    sentence,
    times,
    write_examples,
)

from aidd.evaluation.reports.tables import escaped
from aidd.pipelines.loading import load_pipeline
from aidd.repair.methods import CELL_AUTO_METHOD, CELL_FUNCTIONS, CELL_MODEL_METHOD, METHODS, ROWS, check_model
from aidd.repair.regions import Region
from aidd.repair.request import DETECTED_KINDS


if TYPE_CHECKING:
    from aidd import AIDDPipeline

MAX_VARIATIONS = 4
# What can be heard of a result, in the order of the page.
PLAYERS = ("Recording", "Gaps silenced", *(f"Variation {number}" for number in range(1, MAX_VARIATIONS + 1)))
PLAYERS += ("Difference", "Box alone")
LABELS = {"Difference": "Difference of variation 1"}
# What fills boxes, the default first.
BOX_METHODS = list(dict.fromkeys([CELL_AUTO_METHOD, *CELL_FUNCTIONS, CELL_MODEL_METHOD]))
# Outputs behind the column of results and the summary.
NUM_SHOWN = 2 * len(PLAYERS) + MAX_VARIATIONS + 2
# Visitors that wait for their turn, and the size of a file.
MAX_WAITING, MAX_FILE_SIZE = 20, "200mb"
SHOWN_SECONDS = (1, 3, 10, 30, 60)
# Files of visitors are deleted after this, and looked for as often.
KEPT_SECONDS = 3600
INTRODUCTION = """\
# Repair music with gaps in it
Gaps of up to {longest:.2g} s are filled, by a model of music or by signal processing. Every other sample stays as it
was.\
"""
COMPARER = """\
<div id="comparer">
<button type="button" data-do="play">Play the loop</button>
<button type="button" data-hear="A">A: recording</button>
<button type="button" data-hear="B">B: variation 1</button>
<button type="button" data-hear="X">X: one of them</button>
<button type="button" data-do="reveal">Which is X?</button>
<button type="button" data-do="next">Next place</button>
<span class="told">The key x changes from A to B to X, while what lies around a repair is repeated.</span>
</div>
"""
FONTS = ("system-ui", "sans-serif")
CSS = """
#picture img { cursor: crosshair; width: 100%; height: auto; }
#players { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); }
.toast-wrap { top: auto !important; bottom: 16px; }
#picture img { touch-action: pan-y; user-select: none; }
#corners, #loops, .form:has(> #corners), .form:has(> #loops) { display: none; }
#dragged { position: fixed; border: 2px dashed #ff8c2e; pointer-events: none; z-index: 10; }
#comparer { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
#comparer button { padding: 4px 12px; border: 1px solid var(--border-color-primary); border-radius: 6px; }
#comparer button[aria-pressed=true] { background: var(--primary-500); color: white; }
"""
NOT_YET = "Nothing is repaired yet."
NO_RECORDING = "there is no recording yet: upload or record one, or take an example"
# What the page does by itself: it says how wide it is, what was dragged over, and plays loops.
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
COMPARE = "(loops, before, after) => window.compareLoops(loops, before, after)"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model",
        default=os.environ.get("AIDD_MODEL"),
        help="Folder or Hub id of the AIDD model for the methods aidd and auto. Default: that of the environment "
        "variable AIDD_MODEL, or the one that comes with the package.",
    )
    parser.add_argument(
        "--host", help="Address to listen at. Default: that of GRADIO_SERVER_NAME, or this machine alone."
    )
    parser.add_argument(
        "--port", type=int, help="Port. Default: that of GRADIO_SERVER_PORT, or the first free one from 7860 on."
    )
    return parser.parse_args()


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


def shown(comparison: Comparison, outputs: Sequence[Path], sentences: Sequence[str]) -> tuple:
    start, stop = comparison.stretch
    played = f"Below is what lies from {start:.2f} s to {stop:.2f} s; the downloads are whole."
    unused = [None] * (MAX_VARIATIONS - len(outputs))
    return (
        gr.Column(visible=True),
        "\n\n".join([f"{sentences[0]} {played}", *map(escaped, sentences[1:])]),
        *map(comparison.files.get, PLAYERS),
        *outputs,
        *unused,
        *(gr.Column(visible=name in comparison.files) for name in PLAYERS),
        comparison.picture,
        json.dumps(comparison.loops),
    )


def repaired(
    pipeline: AIDDPipeline | None,
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
    progress(0.0, desc="Starting")
    # What is yielded has been copied to where it is served from when the folder goes.
    with TemporaryDirectory() as folder:
        try:
            if recording is None:
                raise ValueError(NO_RECORDING)
            if not 1 <= num_variations <= MAX_VARIATIONS:
                raise ValueError(f"variations must be 1 to {MAX_VARIATIONS}, got {num_variations}")
            began = time.perf_counter()
            request = request_for(method, seed, num_variations, pipeline)
            loading_seconds = time.perf_counter() - began
            report, sentences = repair(
                recording,
                marked,
                Path(folder),
                request,
                as_float=encoding == ENCODINGS[1],
                progress=partial(with_progress, progress),
            )
            outputs = list(map(Path, report.outputs))
            comparison = compare_gaps(recording, report.gaps, outputs, Path(folder), width)
        except ValueError as error:
            yield not_repaired(error)
            return
        done = f"{sentences[0]} {times(loading_seconds, report.seconds)}"
        yield shown(comparison, outputs, [done, *sentences[1:]])


def boxes_filled(
    recording: Recording | None,
    boxes: str,
    method: str,
    seed: int | None,
    encoding: str,
    width: float,
    progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008
) -> Iterator[tuple]:
    progress(0.0, desc="Starting")
    with TemporaryDirectory() as folder:
        try:
            if recording is None:
                raise ValueError(NO_RECORDING)
            began = time.perf_counter()
            request = request_for(method, seed, 1)
            loading_seconds = time.perf_counter() - began
            report, sentences = repair_boxes(
                recording, boxes, Path(folder), request, as_float=encoding == ENCODINGS[1]
            )
            comparison = compare_boxes(recording, report, Path(folder), width)
        except ValueError as error:
            yield not_repaired(error)
            return
        done = f"{sentences[0]} {times(loading_seconds, report.seconds)}"
        if report.other_frequencies_db is not None:
            done += (
                f" Beside the boxes, other frequencies change by {report.other_frequencies_db:.0f} dB of their level."
            )
        yield shown(comparison, list(map(Path, report.outputs)), [done, *sentences[1:]])


def player(name: str) -> gr.Audio:
    label = LABELS.get(name, name)
    return gr.Audio(label=label, interactive=False, buttons=[], elem_id=f"play-{name.lower().replace(' ', '-')}")


def image(description: str, name: str) -> gr.Image:
    return gr.Image(show_label=False, interactive=False, format="png", buttons=[], alt_text=description, elem_id=name)


def page(examples: dict[str, Path], pipeline: AIDDPipeline | None = None) -> gr.Blocks:
    """
    The page. What a visitor does is kept with the visitor's own page; nothing else is kept but the models.

    Args:
        examples: recordings by their names.
        pipeline: the pipeline of the methods `aidd` and `auto`. Default: that of the package.
    """
    longest = ROWS["aidd"].longest_gap_seconds if pipeline is None else pipeline.max_gap_seconds
    with gr.Blocks(
        title="Repair music with gaps in it", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)
    ) as blocks:
        recording, begun = gr.State(), gr.State()
        width = gr.Number(1000, visible=False)
        gr.Markdown(INTRODUCTION.format(longest=longest))
        # Its editor would change the rate.
        audio = gr.Audio(
            sources=["upload", "microphone"],
            type="filepath",
            label="Recording",
            editable=False,
            buttons=[],
            elem_id="recording",
        )
        gr.Examples(
            [[str(path)] for path in examples.values()],
            audio,
            example_labels=list(examples),
            cache_examples=False,
            label="Or take an example",
        )
        message = gr.Markdown(elem_id="message")

        with gr.Column(visible=False) as workbench:
            status = gr.Markdown(elem_id="status")
            picture = image("Waveform above spectrogram, with the gaps and boxes", "picture")
            # What the page's script writes: where the picture was dragged over.
            corners = gr.Textbox(elem_id="corners")
            with gr.Row():
                start = gr.Slider(
                    0.0, 10.0, 0.0, step=0.1, label="Show from (seconds)", min_width=280, elem_id="start"
                )
                seconds = gr.Radio(
                    SHOWN_SECONDS, value=SHOWN_SECONDS[2], label="Seconds shown", min_width=280, elem_id="seconds"
                )
            with gr.Row():
                with gr.Column(min_width=280):
                    marked = gr.Textbox(
                        lines=3,
                        max_lines=10,
                        label="Gaps in seconds: start and end, a line each",
                        placeholder="3.2 3.5",
                        elem_id="marked",
                    )
                    clear = gr.Button("Remove all gaps and boxes", size="sm", elem_id="clear")
                with gr.Column(min_width=280):
                    kinds = gr.CheckboxGroup(
                        DETECTED_KINDS, value=["dropouts"], label="Damage to find", elem_id="kinds"
                    )
                    search = gr.Button("Find damage, to be edited among the gaps", size="sm", elem_id="find")
            with gr.Row():
                method = gr.Dropdown(list(METHODS), value="auto", label="Method", min_width=140, elem_id="method")
                variations = gr.Slider(
                    1, MAX_VARIATIONS, 2, step=1, label="Variations", min_width=200, elem_id="variations"
                )
                seed = gr.Number(
                    0,
                    precision=0,
                    minimum=0,
                    maximum=2**32,
                    label="Seed (none: by chance)",
                    min_width=140,
                    elem_id="seed",
                )
                encoding = gr.Dropdown(
                    ENCODINGS, value=ENCODINGS[0], label="Download", min_width=200, elem_id="encoding"
                )
            run = gr.Button("Repair the gaps", variant="primary", elem_id="run")
            with gr.Accordion("Boxes: a part of the frequencies is damaged", open=True), gr.Row():
                with gr.Column(min_width=280):
                    boxes = gr.Textbox(
                        lines=2,
                        max_lines=10,
                        label="Boxes: lowest and highest Hz, start and end in seconds, a line each",
                        placeholder="2000 4000 3.2 3.5",
                        elem_id="boxes",
                    )
                with gr.Column(min_width=280):
                    box_method = gr.Dropdown(BOX_METHODS, value=BOX_METHODS[0], label="Method", elem_id="box-method")
                    fill = gr.Button("Fill the boxes", elem_id="fill")
            summary = gr.Markdown(NOT_YET, min_height=80, elem_id="summary")

        with gr.Column(visible=False) as results:
            players, downloads, columns = [], [], []
            gr.HTML(COMPARER)
            loops = gr.Textbox(elem_id="loops")
            with gr.Row(elem_id="players"):
                for name in PLAYERS:
                    with gr.Column(min_width=280) as column:
                        players.append(player(name))
                        if name.startswith("Variation"):
                            number = len(downloads) + 1
                            downloads.append(
                                gr.DownloadButton(
                                    f"Download variation {number}", size="sm", elem_id=f"download-{number}"
                                )
                            )
                    columns.append(column)
            spectrograms = image("Spectrograms of the above, in this order", "spectrograms")

        showing = [recording, marked, boxes, begun, start, seconds, width]
        blocks.load(None, None, width, js=SCRIPT)
        # One visitor's at a time: each takes all of the processor.
        working = {"concurrency_id": "working", "concurrency_limit": 1, "api_visibility": "private"}
        quietly = {"show_progress": "hidden", "trigger_mode": "multiple", "api_visibility": "private"}
        audio.change(
            opened,
            [audio, seconds, width],
            [recording, marked, boxes, begun, start, status, picture, summary, workbench, results, message],
            show_progress_on=audio,
            **working,
        )
        picture.select(clicked, showing, [marked, begun, status, picture], **quietly)
        corners.change(dragged, [corners, *showing], [marked, boxes, begun, status, picture], **quietly)
        gr.on(
            [start.input, seconds.input, marked.blur, boxes.blur],
            redrawn,
            showing,
            [status, picture],
            show_progress="hidden",
            api_visibility="private",
        )
        search.click(
            searched,
            [kinds, *showing],
            [recording, marked, start, status, picture],
            show_progress_on=status,
            **working,
        )
        clear.click(
            cleared,
            [recording, start, seconds, width],
            [recording, marked, boxes, begun, status, picture],
            **quietly,
        )
        result = [results, summary, *players, *downloads, *columns, spectrograms, loops]
        first_two = [players[PLAYERS.index(name)] for name in ("Recording", "Variation 1")]
        for button, handler, inputs in (
            (run, partial(repaired, pipeline), [recording, marked, method, seed, variations, encoding, width]),
            (fill, boxes_filled, [recording, boxes, box_method, seed, encoding, width]),
        ):
            button.click(handler, inputs, result, show_progress_on=summary, **working).then(
                None, [loops, *first_two], None, js=COMPARE, api_visibility="private"
            )
    return blocks.queue(max_size=MAX_WAITING)


def load(model: str) -> AIDDPipeline:
    try:
        check_model(model)
        pipeline = load_pipeline(model)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def main() -> None:
    args = parse_args()
    pipeline = load(args.model) if args.model else None
    with TemporaryDirectory() as folder:
        page(write_examples(Path(folder)), pipeline).launch(
            server_name=args.host,
            server_port=args.port,
            theme=gr.themes.Default(font=FONTS),
            css=CSS,
            footer_links=["gradio"],
            run_history=False,
            ssr_mode=False,
            max_file_size=MAX_FILE_SIZE,
            show_error=True,
        )


if __name__ == "__main__":
    main()
