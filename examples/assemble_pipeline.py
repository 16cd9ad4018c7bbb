"""
Put a trained codec and a trained token model together into a pipeline folder.

    python examples/assemble_pipeline.py --codec outputs/wavtokenizer --transformer outputs/dit --output_dir pipeline

The folder loads with `AIDDPipeline.from_pretrained`, and can be pushed to the Hub.
"""

import argparse
from pathlib import Path

import torch

import aidd
from aidd.models.codecs import Codec
from aidd.models.loading_codecs import load_codec
from aidd.models.model_types import check_model_type
from aidd.schedulers import DiscreteScheduler
from aidd.training.codec.codec_record import codec_digest
from aidd.training.runs.arguments import read_arguments
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line


SCHEDULERS = [
    name for name in aidd.__all__ if name.endswith("Scheduler") and issubclass(getattr(aidd, name), DiscreteScheduler)
]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--codec", required=True, help="Folder or Hub id of a codec, in transformers' format.")
    parser.add_argument("--transformer", required=True, help="A DiTTokenModel folder or Hub id, trained on its codes.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the pipeline is written.")
    parser.add_argument(
        "--scheduler", choices=SCHEDULERS, default="MaskedDiscreteScheduler", help="Sampler of tokens."
    )
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="Type of saved weights.")
    parser.add_argument(
        "--guard_tokens", type=int, default=2, help="Tokens on each side of a gap that are sampled too."
    )
    parser.add_argument(
        "--reach_seconds", type=float, default=0.08, help="How far into a gap the continuation of an edge is audible."
    )
    parser.add_argument(
        "--short_gap_seconds", type=float, default=0.02, help="Longest gap that is filled by the continuation alone."
    )
    parser.add_argument(
        "--fine_structure",
        type=float,
        default=1.0,
        help="How much of the spectral lines around a gap its filling takes on.",
    )
    parser.add_argument(
        "--edge_lines",
        type=float,
        default=1.0,
        help="How much of a filling is lines and noise that run from edge to edge, at the levels of its tokens.",
    )
    parser.add_argument(
        "--expected_levels",
        type=float,
        default=0.5,
        help="How far levels of a filling move towards those that run from edge to edge.",
    )
    parser.add_argument(
        "--steady_partials",
        type=float,
        default=1.0,
        help="How much of the partials that sound on steadily from edge to edge a filling gets.",
    )
    parser.add_argument(
        "--num_candidates", type=int, default=1, help="Draws of a gap, of which the most agreed with is taken."
    )
    parser.add_argument("--temperature", type=float, default=1.0, help="Of the sampler: below 1, likelier tokens.")
    return parser.parse_args()


def load_models(args: argparse.Namespace) -> tuple[Codec, aidd.DiTTokenModel]:
    """Loads both in float32. The codec has to be the one that the token model was trained with, if it has a record."""
    codec = load_codec(args.codec)
    check_model_type(args.transformer, aidd.DiTTokenConfig)
    digest = codec_digest(codec)
    expected = read_arguments(args.transformer).get("codec_digest") or digest
    if digest != expected:
        raise ValueError(
            f"{args.transformer} was trained on the tokens of another codec: expected digest {expected[:12]}, got "
            f"{digest[:12]} of {args.codec}. Take the codec that it was trained with, or tokenise the recordings "
            "again with this one and train on those tokens"
        )
    return codec, aidd.DiTTokenModel.from_pretrained(args.transformer, dtype=torch.float32)


def main() -> None:
    args = parse_args()
    with errors_in_one_line():
        if (args.output_dir / "model_index.json").exists():
            raise ValueError(
                f"{args.output_dir} holds a pipeline, whose card would describe other weights: choose another "
                "--output_dir"
            )
        codec, transformer = load_models(args)
        pipe = aidd.AIDDPipeline(
            codec,
            transformer,
            getattr(aidd, args.scheduler)(temperature=args.temperature),
            guard_tokens=args.guard_tokens,
            reach_seconds=args.reach_seconds,
            short_gap_seconds=args.short_gap_seconds,
            fine_structure=args.fine_structure,
            edge_lines=args.edge_lines,
            expected_levels=args.expected_levels,
            steady_partials=args.steady_partials,
            num_candidates=args.num_candidates,
        )
    pipe.save_pretrained(args.output_dir)
    if args.dtype == "bfloat16":
        # The pipeline keeps its codec in float32, so parts are saved one by one.
        for name, model in {"codec": codec, "transformer": transformer}.items():
            model.to(torch.bfloat16).save_pretrained(args.output_dir / name)
    print(
        f"{args.output_dir} has the pipeline. Next: aidd inpaint DAMAGED REPAIRED --gap START END "
        f"--model {args.output_dir}"
    )


if __name__ == "__main__":
    main()
