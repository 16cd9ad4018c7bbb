"""
Compare pairs of repairs in less than three minutes, and print how many times as much the second computes.

    python benchmarks/quick.py --output benchmarks/results/quick.json

`make benchmarks-quick` runs it, and so does the continuous integration, which prints what it finds and judges nothing.
The two of a pair take turns, so that a machine that slows down or works for others slows both. A ratio is the median
over the turns of what processors computed for the second over what they computed for the first, and `smallest` and
`largest` are those of single turns: where they lie far apart, the ratio says little. The recording is stereo at
44.1 kHz; the gap is 300 ms long, in a file of 10 s, and a repair of the same kind has gone before. Starts are those of
processes that do nothing else.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from import_time import STARTS, start
from measuring import PRELUDE, Results, argument_parser, compile_package, stopwatch
from one_gap import SAMPLING_RATE, stereo

import aidd


SHORT_SECONDS = 10.0
# Something to do, and what the table calls it.
Task = tuple[str, Callable[[], object]]


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--gap_ms", type=float, default=300.0, help="Length of the gaps.")
    parser.add_argument("--long_seconds", type=float, default=60.0, help="Length of the long file.")
    parser.add_argument("--repeats", type=int, default=3, help="Turns of each pair.")
    return parser.parse_args()


def repairs(args: argparse.Namespace) -> list[tuple[Task, Task]]:
    """Pairs of repairs that differ in one thing."""
    dtypes = (torch.float32, torch.float32, torch.bfloat16)
    pipe, bounded, in_bfloat16 = (aidd.AIDDPipeline.from_pretrained(args.model, dtype=dtype) for dtype in dtypes)
    bounded.scheduler = aidd.MaskedEntropyBoundScheduler.from_config(bounded.scheduler.config)
    for one in (pipe, bounded, in_bfloat16):
        one.set_progress_bar_config(disable=True)
    short, long = (stereo(args.audio, seconds) for seconds in (SHORT_SECONDS, args.long_seconds))

    def repair(one=pipe, audio=short, starts=(4.0,), **options) -> object:
        return one(
            audio,
            sampling_rate=SAMPLING_RATE,
            mask_start_seconds=list(starts),
            mask_end_seconds=[start + args.gap_ms / 1000 for start in starts],
            generator=torch.Generator().manual_seed(0),
            **options,
        )

    pairs = [
        (("first hitting", repair), ("entropy bound", partial(repair, bounded))),
        (("float32", repair), ("bfloat16", partial(repair, in_bfloat16))),
        (("1 gap", repair), ("2 gaps", partial(repair, starts=(2.0, 7.0)))),
        (("1 variation", repair), ("2 variations", partial(repair, num_variations=2))),
        (
            (f"file of {SHORT_SECONDS:g} s", repair),
            (f"file of {args.long_seconds:g} s", partial(repair, audio=long)),
        ),
    ]
    repair()
    for _, (_, task) in pairs:
        task()
    return pairs


def starts_of_processes() -> list[tuple[Task, Task]]:
    pairs = (("import torch", "import aidd"), ("import torch", "aidd.AIDDPipeline"))
    return [tuple((name, partial(start, STARTS[name])) for name in pair) for pair in pairs]


def computed(task: Callable[[], object]) -> float:
    """Seconds that processors compute for a task, in this process and in those that it waits for."""
    with stopwatch() as elapsed:
        task()
    return elapsed.cpu_seconds + elapsed.children_cpu_seconds


def compare(results: Results, pair: tuple[Task, Task], repeats: int) -> None:
    """A row of what two tasks compute, in turn."""
    turns = [[computed(task) for _, task in pair] for _ in range(repeats)]
    ratios = [second / first for first, second in turns]
    (first, _), (second, _) = pair
    results.add(
        first=first,
        CPU_seconds=statistics.median(one for one, _ in turns),
        second=second,
        times_as_much=statistics.median(ratios),
        smallest=min(ratios),
        largest=max(ratios),
    )


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    compile_package()
    results = Results(args)
    for pair in [*repairs(args), *starts_of_processes()]:
        compare(results, pair, args.repeats)
        row = results.rows[-1]
        against = f"{row['second']} against {row['first']} ({row['CPU seconds']:.3g} s)"
        ratio = f"{row['times as much']:.2f} times as much [{row['smallest']:.2f}, {row['largest']:.2f}]"
        print(f"{against}: {ratio}", flush=True)
    results.write()


if __name__ == "__main__":
    main()
