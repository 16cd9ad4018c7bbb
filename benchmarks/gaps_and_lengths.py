"""
Measure seconds and memory of a repair against the number of gaps, their length, and the length of the file.

    python benchmarks/gaps_and_lengths.py --output benchmarks/results/gaps_and_lengths.json

One quantity varies at a time. Each repair runs in a process of its own, which has loaded a model and filled another
gap before. The audio is stereo at 44.1 kHz, and the gaps are evenly spread. Memory is the maximum that the process
has held: `loaded` with Python, torch, the model and the audio, and `added` the increase during the repair, including
its result.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

from measuring import PRELUDE, Results, argument_parser, stopwatch


# `ru_maxrss` counts bytes there.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
MIB = 2**20


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--num_gaps", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="Numbers of gaps.")
    parser.add_argument(
        "--gap_ms",
        type=float,
        nargs="+",
        default=[50.0, 100.0, 200.0, 400.0, 750.0, 1000.0],
        help="Lengths of the gaps.",
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 60.0, 300.0], help="Lengths of the file.")
    parser.add_argument(
        "--base",
        type=float,
        nargs=3,
        default=[1, 200.0, 60.0],
        metavar=("NUM_GAPS", "GAP_MS", "SECONDS"),
        help="What the two that do not vary are. Default: 1 200 60.",
    )
    parser.add_argument("--single", action="store_true", help="Measure the base alone, and print it as JSON.")
    return parser.parse_args()


def peak_memory() -> float:
    """Largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / MIB


def repair(args: argparse.Namespace) -> dict[str, float]:
    # Here: a process starts with the peak of the one that started it, which must therefore stay small.
    import numpy as np
    import torch
    from one_gap import SAMPLING_RATE, stereo

    import aidd

    torch.set_num_threads(args.threads)
    pipe = aidd.AIDDPipeline.from_pretrained(args.model or aidd.DEFAULT_MODEL)
    pipe.set_progress_bar_config(disable=True)
    num_gaps, gap_ms, seconds = args.base
    pipe(stereo(args.audio, 4.0), sampling_rate=SAMPLING_RATE, mask_start_seconds=2.0, mask_end_seconds=2.05)
    audio = stereo(args.audio, seconds)
    starts = (np.arange(num_gaps) + 0.5) * seconds / num_gaps - gap_ms / 2000
    loaded = peak_memory()
    with stopwatch() as elapsed:
        pipe(
            audio,
            sampling_rate=SAMPLING_RATE,
            mask_start_seconds=starts.tolist(),
            mask_end_seconds=(starts + gap_ms / 1000).tolist(),
            generator=torch.Generator().manual_seed(0),
        )
    return {"seconds": elapsed.seconds, "loaded": loaded, "added": peak_memory() - loaded}


def in_a_process(args: argparse.Namespace, num_gaps: float, gap_ms: float, seconds: float) -> dict[str, float]:
    base = (num_gaps, gap_ms, seconds)
    options = ["--output", args.output, "--threads", args.threads, "--audio", args.audio, "--base", *base, "--single"]
    options += ["--model", args.model] if args.model else []
    command = [sys.executable, __file__, *map(str, options)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    args = parse_args()
    if args.single:
        print(json.dumps(repair(args)))
        return
    results = Results(args)
    base_gaps, base_ms, base_seconds = args.base
    cases = [(num_gaps, base_ms, base_seconds) for num_gaps in args.num_gaps]
    cases += [(base_gaps, gap_ms, base_seconds) for gap_ms in args.gap_ms]
    cases += [(base_gaps, base_ms, seconds) for seconds in args.seconds]
    for num_gaps, gap_ms, seconds in dict.fromkeys(cases):
        cost = in_a_process(args, num_gaps, gap_ms, seconds)
        results.add(
            gaps=int(num_gaps),
            gap_ms=gap_ms,
            file_s=seconds,
            seconds=cost["seconds"],
            loaded_MiB=cost["loaded"],
            added_MiB=cost["added"],
        )
    results.write()


if __name__ == "__main__":
    main()
