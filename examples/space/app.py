"""
A page on which recordings are repaired: gaps are marked or found, filled, played, drawn and downloaded.

    python examples/space/app.py
    python examples/space/app.py --model outputs/pipeline --port 8000

It runs until it is interrupted, at the address that it prints.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import gradio as gr
from page import CSS, page
from repair import write_examples
from zero_gpu import is_lent

from aidd.pipelines.loading import load_pipeline
from aidd.repair.methods import check_model, default_pipeline


if TYPE_CHECKING:
    from aidd import AIDDPipeline

FONTS = ("system-ui", "sans-serif")
# Largest file that is taken.
MAX_FILE_SIZE = "200mb"


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
    # Where a GPU is lent, processes that have it start as copies of this one, and need not load the model again.
    pipeline = load(args.model) if args.model else default_pipeline() if is_lent() else None
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
