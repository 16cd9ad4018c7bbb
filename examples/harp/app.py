"""
An endpoint for HARP, with which a DAW sends audio to models: gaps in it are filled.

    python examples/harp/app.py

It prints the address to load in HARP, and runs until it is interrupted. It needs pyharp, which is installed from its
repository, as README.md beside this file says.
"""

from __future__ import annotations

import argparse

import gradio as gr
from pyharp import AudioLabel, LabelList, ModelCard, build_endpoint
from repairing import repair

from aidd.repair.methods import ROWS


CARD = ModelCard(
    name="aidd",
    description="Fills gaps in music: scratches, dropouts and lost packets of up to 1.4 seconds.",
    author="The aidd contributors",
    tags=["inpainting", "restoration", "repair"],
)
# Kinds of damage by what HARP calls their switches.
SWITCHES = {"dropouts": "Find dropouts", "clicks": "Find clicks", "clipping": "Find clipping"}
METHODS = [name for name, row in ROWS.items() if not row.needs_own_model]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, help="Port. Default: the first free one from 7860 on.")
    return parser.parse_args()


def process(
    path: str, gaps: str, dropouts: bool, clicks: bool, clipping: bool, method: str, seed: float
) -> tuple[str, LabelList]:
    """Repairs a file. What does not fit is shown in HARP."""
    wanted = zip(SWITCHES, (dropouts, clicks, clipping), strict=True)
    try:
        output, filled = repair(path, gaps, [kind for kind, is_wanted in wanted if is_wanted], method, int(seed))
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from error
    labels = [AudioLabel(t=start, label="filled", duration=end - start) for start, end in filled]
    return output, LabelList(labels=labels)


def endpoint() -> gr.Blocks:
    """The page that HARP reads: inputs, outputs, and how they are processed."""
    with gr.Blocks(title="aidd") as page:
        inputs = [
            gr.Audio(type="filepath", label="Audio with gaps").harp_required(True),
            gr.Textbox(label="Gaps", value="", info="Their times, such as 3.2-3.5, 1:02.5-1:02.6. May stay empty."),
            *(gr.Checkbox(label=label, value=kind == "dropouts") for kind, label in SWITCHES.items()),
            gr.Dropdown(METHODS, value="auto", label="Method", info="auto chooses by the gap's length."),
            gr.Slider(0, 99, value=0, step=1, label="Seed", info="Another seed, another filling."),
        ]
        outputs = [
            gr.Audio(type="filepath", label="Repaired").set_info("Unchanged outside the gaps."),
            gr.JSON(label="What was filled"),
        ]
        build_endpoint(model_card=CARD, input_components=inputs, output_components=outputs, process_fn=process)
    return page


def main() -> None:
    args = parse_args()
    # HARP cancels what stands in a queue.
    endpoint().queue().launch(server_port=args.port, show_error=True)


if __name__ == "__main__":
    main()
