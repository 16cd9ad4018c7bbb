"""
Make a pipeline folder of what `examples/train_spectrogram_ddpm.py` has trained.

    python examples/assemble_spectrogram_pipeline.py --model outputs/spectrogram --output_dir pipeline --dtype bfloat16

The folder loads with `SpectrogramRePaintPipeline.from_pretrained`, and can be pushed to the Hub.
"""

import argparse
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DModel

import aidd
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        "--model", type=Path, required=True, help="Output of the training: unet, scheduler, front_end."
    )
    parser.add_argument("--output_dir", required=True, help="Where the pipeline is written.")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="Type of saved weights.")
    parser.add_argument(
        "--reach_seconds", type=float, default=0.08, help="How far into a gap the continuation of an edge is audible."
    )
    parser.add_argument(
        "--short_gap_seconds", type=float, default=0.02, help="Longest gap that is filled by the continuation alone."
    )
    parser.add_argument(
        "--fine_structure",
        type=float,
        default=0.0,
        help="How much of the spectral lines around a gap its filling takes on.",
    )
    parser.add_argument(
        "--variance_type",
        choices=["fixed_small", "fixed_large"],
        default="fixed_large",
        help="Variance of the noise of a step. With the small one, models that leave something out fill too softly.",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with errors_in_one_line():
        pipe = aidd.SpectrogramRePaintPipeline(
            UNet2DModel.from_pretrained(args.model / "unet", dtype=getattr(torch, args.dtype)),
            DDPMScheduler.from_pretrained(args.model / "scheduler", variance_type=args.variance_type),
            aidd.SpectrogramFrontEnd.from_pretrained(args.model / "front_end"),
            reach_seconds=args.reach_seconds,
            short_gap_seconds=args.short_gap_seconds,
            fine_structure=args.fine_structure,
        )
    # The path that the network was loaded from is not published.
    pipe.unet.register_to_config(_name_or_path="")
    pipe.save_pretrained(args.output_dir)
    print(
        f"{args.output_dir} has the pipeline. Next: aidd inpaint DAMAGED REPAIRED --gap START END "
        f"--method spectrogram_repaint --model {args.output_dir}"
    )


if __name__ == "__main__":
    main()
