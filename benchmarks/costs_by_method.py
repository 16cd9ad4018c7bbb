"""
Measure what one gap costs, seconds of a processor and memory, for several methods and lengths.

    python benchmarks/costs_by_method.py --output benchmarks/results/costs_by_method.json

Each gap lies in the middle of 4.17 s of the recording, in mono at its rate, and is filled in a process of its own, by
one thread. `loaded` is the most memory that the process has held before it fills, with Python, torch and the model,
and `added` is what filling adds. Seconds are those of the second time, as some things are made but once. `cqtdiff`
needs a model of yours, `--cqtdiff_model`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from gaps_and_lengths import peak_memory
from measuring import PRELUDE, Results, argument_parser, stopwatch


SECONDS = 4.17
METHODS = ("envelope_noise", "lines", "sinusoidal", "u_phain", "janssen", "aidd", "spectrogram_repaint")


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="Methods, as of `aidd evaluate`.")
    parser.add_argument("--cqtdiff_model", default="", help="Folder or Hub id of the pipeline of cqtdiff.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[50.0, 200.0, 375.0], help="Lengths of the gap.")
    parser.add_argument("--single", action="store_true", help="Measure the first method and gap, and print JSON.")
    return parser.parse_args()


def costs_of_gap(args: argparse.Namespace) -> dict[str, float]:
    """CPU seconds, and the memory that was held before and added, in MiB."""
    # Here: a process starts with the peak of the one that started it, which must therefore stay small.
    import numpy as np
    import torch

    import aidd
    from aidd.evaluation.methods.loading import load_methods
    from aidd.evaluation.protocols.geometry import centred_gap
    from aidd.signals.recordings import read_excerpt, recording_length

    torch.set_num_threads(args.threads)
    methods = load_methods(
        args.methods[:1],
        model=aidd.DEFAULT_MODEL,
        spectrogram_model=aidd.DEFAULT_SPECTROGRAM_MODEL,
        cqtdiff_model=args.cqtdiff_model,
    )
    num_samples, rate = recording_length(args.audio)
    length = round(SECONDS * rate)
    audio = read_excerpt(args.audio, (num_samples - length) // 2, length)
    mask = centred_gap(length, rate, gap_seconds=args.gap_ms[0] / 1000)
    fill = methods.for_gaps[args.methods[0]]
    loaded = peak_memory()
    for _ in range(2):
        with stopwatch() as elapsed:
            fill(np.where(mask, 0, audio), mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0))
    return {"CPU seconds": elapsed.cpu_seconds, "loaded MiB": loaded, "added MiB": peak_memory() - loaded}


def main() -> None:
    args = parse_args()
    if args.single:
        print(json.dumps(costs_of_gap(args)))
        return
    results = Results(args)
    for method in args.methods:
        for gap_ms in args.gap_ms:
            options = ["--audio", args.audio, "--output", args.output, "--threads", args.threads, "--single"]
            options += ["--methods", method, "--gap_ms", gap_ms, "--cqtdiff_model", args.cqtdiff_model]
            command = [sys.executable, __file__, *map(str, options)]
            result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results.add(method=method, gap_ms=gap_ms, **json.loads(result.stdout.splitlines()[-1]))
    results.write()


if __name__ == "__main__":
    main()
