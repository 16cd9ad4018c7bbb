"""
Make a pipeline folder of what `examples/train_cqtdiff.py` has trained, or of a converted network.

    python examples/assemble_cqtdiff_pipeline.py --model outputs/cqtdiff --output_dir pipeline --dtype bfloat16

The folder loads with `CQTDiffPipeline.from_pretrained`, and can be pushed to the Hub.
"""

import argparse
import json
from pathlib import Path

import torch

import aidd
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line


NETWORKS = {network.__name__: network for network in (aidd.CQTDiffPlusUNet, aidd.CQTDiffUNet)}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        "--model", type=Path, required=True, help="Output of the training, or folder of the network as unet."
    )
    parser.add_argument("--output_dir", required=True, help="Where the pipeline is written.")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="Type of saved weights.")
    parser.add_argument(
        "--scheduler",
        choices=["EDMAncestralScheduler", "EDMHeunScheduler"],
        default="EDMAncestralScheduler",
        help="The sampler: the first needs half of the network's calls, the second is that of the papers.",
    )
    parser.add_argument("--num_inference_steps", type=int, default=24, help="Steps of the sampler.")
    parser.add_argument("--guidance_scale", type=float, default=0.0, help="How far each step is guided.")
    parser.add_argument(
        "--reach_seconds", type=float, default=0.01, help="How far into a gap the continuation of an edge is audible."
    )
    parser.add_argument(
        "--short_gap_seconds", type=float, default=0.02, help="Longest gap that is filled by the continuation alone."
    )
    return parser.parse_args()


def load_unet(folder: Path, dtype: torch.dtype) -> aidd.CQTDiffPlusUNet | aidd.CQTDiffUNet:
    """The network of a folder, of the class that its configuration names."""
    name = json.loads((folder / "config.json").read_text())["_class_name"]
    if name not in NETWORKS:
        raise ValueError(f"{folder} has a {name}, expected a {' or '.join(NETWORKS)}")
    return NETWORKS[name].from_pretrained(folder, dtype=dtype)


def main() -> None:
    args = parse_args()
    with errors_in_one_line():
        pipe = aidd.CQTDiffPipeline(
            load_unet(args.model / "unet", getattr(torch, args.dtype)),
            getattr(aidd, args.scheduler)(),
            num_inference_steps=args.num_inference_steps,
            guidance_scale=args.guidance_scale,
            reach_seconds=args.reach_seconds,
            short_gap_seconds=args.short_gap_seconds,
        )
    # The path that the network was loaded from is not published.
    pipe.unet.register_to_config(_name_or_path="")
    pipe.save_pretrained(args.output_dir)
    print(f"{args.output_dir} has the pipeline, for aidd.CQTDiffPipeline.from_pretrained")


if __name__ == "__main__":
    main()
