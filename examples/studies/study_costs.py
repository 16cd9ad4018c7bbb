"""
Study what one gap costs: seconds of a processor and memory, for several methods and lengths.

    python examples/studies/study_costs.py --audio recording.flac --method aidd --method cqtdiff \\
        --cqtdiff_model outputs/cqtdiff_pipeline --output_file outputs/costs.md

Each gap lies in the middle of 4.17 s of the recording, and is filled in a process of its own, by one thread. `loaded`
is the most memory that the process has held before it fills, with Python, torch and the model, and `added` is what
filling adds. Seconds are those of the second time, as some things are made but once.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from tables import head_of, write_page


# `ru_maxrss` counts bytes there.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
MIB = 2**20
SECONDS = 4.17


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="Recording, of 4.17 s at least.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--method", action="append", required=True, help="As of `aidd evaluate`; once or more.")
    parser.add_argument("--cqtdiff_model", default="", help="Folder or Hub id of the pipeline of cqtdiff.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[50.0, 100.0, 200.0, 375.0, 750.0])
    parser.add_argument("--single", action="store_true", help="Measure the first method and gap, and print JSON.")
    return parser.parse_args()


def peak_memory() -> float:
    """Largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / MIB


def costs_of_gap(args: argparse.Namespace) -> tuple[float, float, float]:
    """CPU seconds, and the memory that was held before and added, in MiB."""
    # Here: a process starts with the peak of the one that started it, which must therefore stay small.
    import numpy as np
    import torch

    import aidd
    from aidd.evaluation.methods.loading import load_methods
    from aidd.signals.recordings import read_excerpt, recording_length

    torch.set_num_threads(1)
    methods = load_methods(
        args.method[:1],
        model=aidd.DEFAULT_MODEL,
        spectrogram_model=aidd.DEFAULT_SPECTROGRAM_MODEL,
        cqtdiff_model=args.cqtdiff_model,
    )
    num_samples, rate = recording_length(args.audio)
    length, gap = round(SECONDS * rate), round(args.gap_ms[0] / 1000 * rate)
    audio = read_excerpt(args.audio, (num_samples - length) // 2, length)
    mask = np.zeros(length, bool)
    mask[(length - gap) // 2 :][:gap] = True
    loaded = peak_memory()
    for _ in range(2):
        started = time.process_time()
        methods.for_gaps[args.method[0]](audio, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0))
        seconds, added = time.process_time() - started, peak_memory() - loaded
    return seconds, loaded, added


def main() -> None:
    args = parse_args()
    if args.single:
        print(json.dumps(costs_of_gap(args)))
        return
    lines = [*head_of(args), "| method | gap (ms) | CPU seconds | loaded (MiB) | added (MiB) |", "| --- " * 5 + "|"]
    for method in args.method:
        for gap_ms in args.gap_ms:
            options = ["--audio", args.audio, "--output_file", args.output_file, "--method", method, "--single"]
            options += ["--cqtdiff_model", args.cqtdiff_model, "--gap_ms", gap_ms]
            command = [sys.executable, __file__, *map(str, options)]
            result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds, loaded, added = json.loads(result.stdout.splitlines()[-1])
            lines.append(f"| {method} | {gap_ms:g} | {seconds:.2f} | {loaded:.0f} | {added:.0f} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
