"""
Put a trained codec and a trained token model together into a pipeline folder.

    python examples/assemble_pipeline.py --codec outputs/wavtokenizer --transformer outputs/dit --output_dir pipeline

The folder loads with `AIDDPipeline.from_pretrained`, and can be pushed to the Hub.
"""

import argparse

import torch

import aidd


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", required=True, help="A WavTokenizer folder or Hub id.")
    parser.add_argument("--transformer", required=True, help="A DiTTokenModel folder or Hub id, trained on its codes.")
    parser.add_argument("--output_dir", required=True, help="Where the pipeline is written.")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="Type of saved weights.")
    parser.add_argument("--guard_tokens", type=int, default=2, help="Tokens beside a gap that are sampled too.")
    parser.add_argument(
        "--reach_seconds", type=float, default=0.08, help="How far from an edge its continuation is heard."
    )
    parser.add_argument(
        "--short_gap_seconds", type=float, default=0.02, help="Longest gap that is filled by the continuation alone."
    )
    parser.add_argument(
        "--fine_structure", type=float, default=0.75, help="How much of the lines beside a gap its filling takes on."
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    dtype = getattr(torch, args.dtype)
    pipe = aidd.AIDDPipeline(
        aidd.WavTokenizerModel.from_pretrained(args.codec, dtype=torch.float32).to(dtype),
        aidd.DiTTokenModel.from_pretrained(args.transformer, dtype=torch.float32).to(dtype),
        aidd.MaskedDiscreteScheduler(),
        guard_tokens=args.guard_tokens,
        reach_seconds=args.reach_seconds,
        short_gap_seconds=args.short_gap_seconds,
        fine_structure=args.fine_structure,
    )
    pipe.save_pretrained(args.output_dir)


if __name__ == "__main__":
    main()
