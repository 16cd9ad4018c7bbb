"""
A page on which recordings are repaired: gaps are marked or found, filled, played, drawn and downloaded.

    python examples/space/app.py
    python examples/space/app.py --model outputs/pipeline --port 8000

It runs until it is interrupted, at the address that it prints.
"""

from __future__ import annotations

import argparse
import html
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import gradio as gr
from pictures import compare, draw, view_of
from repair import (
    ENCODINGS,
    Recording,
    describe,
    find,
    first_gap,
    open_recording,
    repair,
    request_for,
    sentence,
    write_examples,
)

from aidd.pipelines.loading import load_pipeline
from aidd.repair.methods import METHODS, ROWS, check_model
from aidd.repair.regions import Region
from aidd.repair.request import DETECTED_KINDS


if TYPE_CHECKING:
    from aidd import AIDDPipeline

MAX_VARIATIONS = 4
SHOWN_SECONDS = (1, 3, 10, 30, 60)
# Files of visitors are deleted after this, and looked for as often.
KEPT_SECONDS = 3600
INTRODUCTION = """\
# Repair music with gaps in it
Gaps of up to {longest:.2g} s are filled, by a model of music or by signal processing. Every other sample stays as it
was.\
"""
FONTS = ("system-ui", "sans-serif")
CSS = """
#picture img { cursor: crosshair; width: 100%; height: auto; }
#players { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); }
.toast-wrap { top: auto !important; bottom: 16px; }
"""
NOT_YET = "Nothing is repaired yet."
PAGE_WIDTH = "() => Math.max(300, Math.min(document.documentElement.clientWidth - 60, 1200))"


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


@contextmanager
def in_sentences() -> Iterator[None]:
    """Shows the visitor what is wrong with a recording or a setting, and ends the block there."""
    try:
        yield
    except ValueError as error:
        # Gradio's own errors would also cover parts of the page.
        gr.Warning(html.escape(sentence(error)), duration=None)


def status_of(recording: Recording, begun: float | None) -> str:
    hint = "Click on the picture where a gap **begins**, write its seconds below, or find damage."
    if begun is not None:
        hint = f"A gap begins at {begun:.3f} s. Click where it **ends**."
    return f"{html.escape(describe(recording))}\n\n{hint}"


def opened(path: str | None, seconds: float, width: float) -> Iterator[tuple]:
    """Shows another recording, without any gaps. A file that cannot be read leaves nothing on the page."""
    yield None, "", None, 0.0, "", None, NOT_YET, gr.Column(visible=False), gr.Column(visible=False)
    if path is None:
        return
    with in_sentences():
        recording = open_recording(path)
        picture = draw(recording, "", None, view_of(recording, 0.0, seconds, width))
        start = gr.Slider(maximum=max(recording.seconds, 0.1))
        workbench = gr.Column(visible=True)
        yield recording, "", None, start, status_of(recording, None), picture, gr.skip(), workbench, gr.skip()


def redrawn(recording: Recording | None, marked: str, begun: float | None, start: float, seconds: float, width: float):
    # A page whose recording is gone has nothing to draw.
    if recording is None:
        return None
    with in_sentences():
        return draw(recording, marked, begun, view_of(recording, start, seconds, width))
    return gr.skip()


def clicked(
    click: gr.SelectData,
    recording: Recording,
    marked: str,
    begun: float | None,
    start: float,
    seconds: float,
    width: float,
) -> tuple:
    """Begins a gap at one click and ends it at the next, on whichever side."""
    with in_sentences():
        view = view_of(recording, start, seconds, width)
        place = view.at(click.index[0])
        if begun is None:
            begun = place
        elif begun == place:
            raise ValueError(f"the gap would begin and end at {place:.3f} s: click where it ends")
        else:
            first, last = sorted((begun, place))
            marked, begun = "\n".join([*marked.splitlines(), f"{first:.3f} {last:.3f}"]), None
        return marked, begun, status_of(recording, begun), draw(recording, marked, begun, view)
    return gr.skip()


def searched(
    kinds: list[str],
    recording: Recording,
    marked: str,
    begun: float | None,
    start: float,
    seconds: float,
    width: float,
) -> tuple:
    """Takes the damage of these kinds, and no other, as gaps, and shows the first of them."""
    with in_sentences():
        if not kinds:
            raise ValueError(f"nothing to find is chosen: choose among {', '.join(DETECTED_KINDS)}")
        recording = find(recording, kinds)
        view = view_of(recording, start, seconds, width)
        place = first_gap(recording)
        if place is not None and not view.start <= place < view.start + view.seconds:
            start = round(max(place - seconds / 4, 0.0), 1)
            view = view_of(recording, start, seconds, width)
        return recording, start, status_of(recording, begun), draw(recording, marked, begun, view)
    return gr.skip()


def cleared(recording: Recording, start: float, seconds: float, width: float) -> tuple:
    recording = find(recording, [])
    picture = draw(recording, "", None, view_of(recording, start, seconds, width))
    return recording, "", None, status_of(recording, None), picture


def with_progress(progress: gr.Progress, regions: list[Region]) -> Iterable[Region]:
    for number, region in enumerate(regions):
        progress((number, len(regions)), desc="Filling gaps", unit="regions")
        yield region


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
    with in_sentences(), TemporaryDirectory() as folder:
        if recording is None:
            raise ValueError("There is no recording yet: upload or record one, or take an example.")
        report, sentences = repair(
            recording,
            marked,
            Path(folder),
            request_for(method, seed, num_variations, pipeline),
            as_float=encoding == ENCODINGS[1],
            progress=partial(with_progress, progress),
        )
        outputs = list(map(Path, report.outputs))
        files, picture, (start, stop) = compare(recording, report.gaps, outputs, Path(folder), width)
        played = f"Below is what lies from {start:.2f} s to {stop:.2f} s; the downloads are whole."
        unused = [None] * (MAX_VARIATIONS - num_variations)
        yield (
            gr.Column(visible=True),
            "\n\n".join([" ".join([sentences[0], played]), *map(html.escape, sentences[1:])]),
            *files,
            *unused,
            *outputs,
            *unused,
            *(gr.Column(visible=number < num_variations) for number in range(MAX_VARIATIONS)),
            picture,
        )


def player(name: str) -> gr.Audio:
    return gr.Audio(label=name, interactive=False, buttons=[], elem_id=name.lower().replace(" ", "-"))


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

        with gr.Column(visible=False) as workbench:
            status = gr.Markdown(elem_id="status")
            picture = image("Waveform above spectrogram, with the gaps", "picture")
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
                    clear = gr.Button("Remove all gaps", size="sm", elem_id="clear")
                with gr.Column(min_width=280):
                    kinds = gr.CheckboxGroup(
                        DETECTED_KINDS, value=["dropouts"], label="Damage to find", elem_id="kinds"
                    )
                    search = gr.Button("Find damage", size="sm", elem_id="find")
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
            run = gr.Button("Repair", variant="primary", elem_id="run")
            summary = gr.Markdown(NOT_YET, min_height=80, elem_id="summary")

        with gr.Column(visible=False) as results:
            players, downloads, columns = [], [], []
            with gr.Row(elem_id="players"):
                for name in ("Original", "Damaged"):
                    with gr.Column(min_width=280):
                        players.append(player(name))
                for number in range(1, MAX_VARIATIONS + 1):
                    with gr.Column(min_width=280) as column:
                        players.append(player(f"Variation {number}"))
                        downloads.append(
                            gr.DownloadButton(f"Download variation {number}", size="sm", elem_id=f"download-{number}")
                        )
                    columns.append(column)
            spectrograms = image("Spectrograms of the above, in this order", "spectrograms")

        showing = [recording, marked, begun, start, seconds, width]
        blocks.load(None, None, width, js=PAGE_WIDTH)
        audio.change(
            opened,
            [audio, seconds, width],
            [recording, marked, begun, start, status, picture, summary, workbench, results],
            show_progress_on=audio,
        )
        quietly = {"show_progress": "hidden", "trigger_mode": "multiple"}
        picture.select(clicked, showing, [marked, begun, status, picture], **quietly)
        gr.on([start.input, seconds.input, marked.blur], redrawn, showing, picture, show_progress="hidden")
        search.click(searched, [kinds, *showing], [recording, start, status, picture], show_progress_on=status)
        clear.click(
            cleared, [recording, start, seconds, width], [recording, marked, begun, status, picture], **quietly
        )
        run.click(
            partial(repaired, pipeline),
            [recording, marked, method, seed, variations, encoding, width],
            [results, summary, *players, *downloads, *columns, spectrograms],
            show_progress_on=summary,
        )
    return blocks


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
            max_file_size="500mb",
            show_error=True,
        )


if __name__ == "__main__":
    main()
