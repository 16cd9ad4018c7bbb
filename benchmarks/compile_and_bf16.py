"""
Time the sampling of tokens on a processor with `torch.compile` and with bfloat16 autocast, and without both.

    python benchmarks/compile_and_bf16.py --output benchmarks/results/compile_and_bf16.json

The default model's network fills a short gap in a window by first hitting: in one row, in 16 rows one after another,
as a pipeline does, and in 16 rows at once. The first run of a compiled network includes its compilation, without any
cache of earlier ones. The last column is the largest difference of log-probabilities above -10 from those of float32.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from measuring import Results, argument_parser, stopwatch
from token_sampling import sample_tokens

import aidd


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--num_missing", type=int, default=20, help="Tokens to fill: 200 ms and their guard tokens.")
    parser.add_argument("--num_rows", type=int, default=16, help="Rows beside a single one.")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), help="What to run.")
    return parser.parse_args()


def as_it_is(model: aidd.DiTTokenModel) -> Callable:
    return model


def compiled(model: aidd.DiTTokenModel) -> Callable:
    torch.compiler.reset()
    return torch.compile(model)


bfloat16 = partial(torch.autocast, "cpu", torch.bfloat16)
VARIANTS = {
    "float32": (as_it_is, nullcontext),
    "bfloat16 autocast": (as_it_is, bfloat16),
    "compiled": (compiled, nullcontext),
    "compiled, bfloat16 autocast": (compiled, bfloat16),
}


def main() -> None:
    args = parse_args()
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    results = Results(args)
    model = aidd.DiTTokenModel.from_pretrained(args.model, subfolder="transformer", dtype=torch.float32).eval()
    num_tokens = model.config.max_position_embeddings
    tokens = torch.randint(model.config.codebook_size, (args.num_rows, num_tokens))
    missing = torch.zeros(args.num_rows, num_tokens, dtype=torch.bool)
    first = (num_tokens - args.num_missing) // 2
    missing[:, first : first + args.num_missing] = True
    with torch.no_grad():
        expected = model(tokens[:1], missing[:1]).log_probs
    for name in args.variants:
        prepare, context = VARIANTS[name]
        for rows, rows_per_call in dict.fromkeys([(1, 1), (args.num_rows, 1), (args.num_rows, args.num_rows)]):
            with context(), stopwatch() as first_run:
                network = prepare(model)
                sample_tokens(
                    network, aidd.MaskedDiscreteScheduler(), tokens[:rows], missing[:rows], rows_per_call=rows_per_call
                )
            with context(), stopwatch() as second_run:
                sample_tokens(
                    network, aidd.MaskedDiscreteScheduler(), tokens[:rows], missing[:rows], rows_per_call=rows_per_call
                )
            with context(), torch.no_grad():
                log_probs = network(tokens[:1], missing[:1]).log_probs
            results.add(
                variant=name,
                rows=rows,
                rows_a_call=rows_per_call,
                first_run_s=first_run.seconds,
                next_run_s=second_run.seconds,
                log_prob_difference=(log_probs - expected)[expected > -10].abs().max().item(),
            )
    results.write()


if __name__ == "__main__":
    main()
