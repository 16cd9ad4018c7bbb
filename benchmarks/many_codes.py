"""
Measure what a token model of as many codes as XCodec2 and NeuCodec have costs, in memory and time.

    python benchmarks/many_codes.py --output benchmarks/results/many_codes.json

The sizes are those of the default model, with random weights. A step is one of training: a batch of windows half of
whose tokens are missing, the loss, its gradient and AdamW. A call predicts the tokens of a gap in one window. Heads:
`all tokens` has its output at every token, `missing tokens` at those that are read alone (`positions`), as training,
adaptation and pipelines have it. `tied` takes the embedding for the output's weights. `digits` has an embedding and an
output for each digit of a code, as finite scalar quantisation has digits: those of a token are independent of one
another given the visible tokens, and a step has no tensor of all codes. These two are prototypes
(`benchmarks/output_heads.py`), which the package does not have.

Each figure is measured in a process of its own, by one thread. MiB are the most that the process has held beyond what
it held with its libraries imported, the weights included; there, tensors have memory of their own, which is returned
as soon as they are gone (glibc's `MALLOC_MMAP_THRESHOLD_`). Seconds are those that the processor computed for the
second step or call, without this setting.
"""

import argparse
import json
import os
import subprocess
import sys

from gaps_and_lengths import peak_memory
from measuring import Results, argument_parser, stopwatch


DIGITS = {"256 x 256": (256, 256), "8 x 4": (4,) * 8}
# Bytes from which on glibc maps memory for each block, and gives it back when the block is freed.
OWN_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "65536"}
HEADS = (
    *("all tokens", "missing tokens", "tied, all tokens", "tied, missing tokens"),
    *(f"digits {name}, missing tokens" for name in DIGITS),
)


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--codes", type=int, default=65_536, help="Number of codes; digits have as many alone.")
    parser.add_argument("--base_codes", type=int, default=1024, help="Number of codes of the first row.")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS), help="What to measure.")
    parser.add_argument("--batch_size", type=int, default=16, help="Windows of a step.")
    parser.add_argument("--num_missing", type=int, default=20, help="Tokens of a call: 300 ms and their guard tokens.")
    parser.add_argument("--hidden_size", type=int, default=320, help="Width of the network.")
    parser.add_argument("--num_layers", type=int, default=6, help="Blocks of the network.")
    parser.add_argument("--num_heads", type=int, default=5, help="Attention heads of a block.")
    parser.add_argument("--num_tokens", type=int, default=150, help="Tokens of a window.")
    parser.add_argument("--single", choices=("step", "call"), help="Measure this with the first head, and print JSON.")
    return parser.parse_args()


def costs(args: argparse.Namespace) -> dict[str, float]:
    """Parameters in millions, the memory that is added in MiB, and seconds."""
    # Here: a process starts with the peak of the one that started it, which must therefore stay small.
    import torch
    from output_heads import build

    from aidd.schedulers import LogLinearSchedule
    from aidd.training.losses.score_entropy import score_entropy_loss

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    head = args.heads[0]
    sizes = next((sizes for name, sizes in DIGITS.items() if name in head), ())
    architecture = {
        "hidden_size": args.hidden_size,
        "num_hidden_layers": args.num_layers,
        "num_attention_heads": args.num_heads,
        "intermediate_size": 4 * args.hidden_size,
        "max_position_embeddings": args.num_tokens,
    }
    # A small one first, as it imports what models need.
    build(2, tied=False, sizes=(), **architecture)
    loaded = peak_memory()
    model = build(args.codes, tied=head.startswith("tied"), sizes=sizes, **architecture)
    num_windows = args.batch_size if args.single == "step" else 1
    tokens = torch.randint(args.codes, (num_windows, args.num_tokens))
    missing = torch.zeros(tokens.shape, dtype=torch.bool)
    missing[:, : args.num_missing] = True
    if args.single == "step":
        missing = torch.rand(tokens.shape) < 0.5
    positions = None if head.endswith("all tokens") else missing
    optimizer = torch.optim.AdamW(model.parameters())
    t = torch.full((num_windows,), 0.5)

    def step() -> None:
        log_probs = model.train()(tokens, missing, positions=positions).log_probs
        if sizes:
            loss = model.head.loss(tokens[missing])
        else:
            at_missing = log_probs[missing] if positions is None else log_probs
            loss = score_entropy_loss(at_missing, tokens, missing, t, LogLinearSchedule())
        loss.sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def call() -> None:
        model.eval()(tokens, missing, positions=positions)

    for _ in range(2):
        with stopwatch() as elapsed:
            (step if args.single == "step" else call)()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters / 1e6, "MiB": peak_memory() - loaded, "seconds": elapsed.cpu_seconds}


def costs_apart(command: list[str], settings: dict[str, str]) -> dict[str, float]:
    """What [`costs`] measures in a process of its own, with settings of its environment."""
    result = subprocess.run(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    args = parse_args()
    if args.single:
        print(json.dumps(costs(args)))
        return
    results = Results(args)
    sizes = ("batch_size", "num_missing", "hidden_size", "num_layers", "num_heads", "num_tokens", "threads", "output")
    options = [str(part) for name in sizes for part in (f"--{name}", getattr(args, name))]
    for codes, head in [(args.base_codes, "missing tokens"), *((args.codes, head) for head in args.heads)]:
        cells = {}
        for what in ("step", "call"):
            command = [sys.executable, __file__, *options, "--codes", str(codes), "--heads", head, "--single", what]
            timed, weighed = costs_apart(command, {}), costs_apart(command, OWN_MEMORY)
            cells |= {f"{what}_MiB": weighed["MiB"], f"{what}_CPU_s": timed["seconds"]}
        results.add(codes=codes, head=head, parameters_M=timed["parameters"], **cells)
    results.write()


if __name__ == "__main__":
    main()
