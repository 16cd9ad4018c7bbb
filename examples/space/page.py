"""The page: what it consists of, how it looks, and which handler answers which event."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from handlers import (
    MAX_VARIATIONS,
    NOT_YET,
    PLAYERS,
    boxes_filled,
    cleared,
    clicked,
    dragged,
    opened,
    redrawn,
    repaired,
    searched,
)
from repair import ENCODINGS
from work import worker

from aidd.repair.methods import CELL_AUTO_METHOD, CELL_FUNCTIONS, CELL_MODEL_METHOD, ROWS
from aidd.repair.request import DETECTED_KINDS


if TYPE_CHECKING:
    from aidd import AIDDPipeline

LABELS = {"Difference": "Difference of variation 1"}
# What fills gaps: methods that need no model of the visitor's.
GAP_METHODS = [name for name, row in ROWS.items() if not row.needs_own_model]
# What fills boxes, the default first.
BOX_METHODS = list(dict.fromkeys([CELL_AUTO_METHOD, *CELL_FUNCTIONS, CELL_MODEL_METHOD]))
# Visitors that wait for their turn.
MAX_WAITING = 20
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
# What the page does by itself: it says how wide it is, what was dragged over, and plays loops.
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
COMPARE = "(loops, before, after) => window.compareLoops(loops, before, after)"


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
                method = gr.Dropdown(GAP_METHODS, value="auto", label="Method", min_width=140, elem_id="method")
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
        work_done = worker(pipeline)
        for button, handler, inputs in (
            (run, partial(repaired, work_done), [recording, marked, method, seed, variations, encoding, width]),
            (fill, partial(boxes_filled, work_done), [recording, boxes, box_method, seed, encoding, width]),
        ):
            button.click(handler, inputs, result, show_progress_on=summary, **working).then(
                None, [loops, *first_two], None, js=COMPARE, api_visibility="private"
            )
    return blocks.queue(max_size=MAX_WAITING)
