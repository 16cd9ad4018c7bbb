"""
Time the repair of one gap with the default model, and show which parts take the time.

    python benchmarks/one_gap.py --output benchmarks/results/one_gap.json

The recording is converted to 44.1 kHz in stereo and repeated up to the given length; the gap is in its middle. The
model is loaded, and has filled a gap before. Each row is the repetition of median length, in seconds. Besides codec,
network and scheduler, the rest is resampling, the continuation of the edges and the splice. Calls are counted for
every variation; on a processor, a pipeline predicts them one after another. In bfloat16, `dtype=torch.bfloat16` of
`from_pretrained`, the network is faster on processors that compute in it, and draws other codes here and there.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import numpy as np
import torch
from measuring import DTYPES, PRELUDE, Results, argument_parser, stopwatch

import aidd
from aidd.signals.files import read_audio
from aidd.signals.resampling import resample


SAMPLING_RATE = 44_100
# The time that a repair of one gap of 750 ms may take on two cores, in seconds.
ASKED = {"first hitting": 1.5, "entropy bound": 0.8}
SAMPLERS = {"first hitting": aidd.MaskedDiscreteScheduler, "entropy bound": aidd.MaskedEntropyBoundScheduler}


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=20.0, help="Length to bring the recording to.")
    parser.add_argument("--gap_ms", type=float, default=750.0, help="Length of the gap.")
    parser.add_argument("--num_variations", type=int, default=16, help="Drawn at once, beside a single one.")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES), help="Of the network.")
    parser.add_argument("--repeats", type=int, default=3, help="Runs of each kind.")
    return parser.parse_args()


def stereo(path: Path, seconds: float) -> np.ndarray:
    """The recording at 44.1 kHz, repeated and cut: float64 `(2, samples)`."""
    audio = read_audio(path)
    samples = resample(
        np.broadcast_to(audio.samples, (2, audio.samples.shape[-1])), audio.sampling_rate, SAMPLING_RATE
    )
    num_samples = round(seconds * SAMPLING_RATE)
    return np.tile(samples, -(-num_samples // samples.shape[-1]))[:, :num_samples]


@contextmanager
def timed_parts(pipe: aidd.AIDDPipeline) -> Iterator[Counter]:
    """Seconds in the parts of a pipeline, and calls of its network, by name."""
    parts = {
        "encode": (pipe.codec, "encode"),
        "network": (pipe.transformer, "forward"),
        "scheduler": (pipe.scheduler, "step"),
        "decode": (pipe.codec, "decode"),
    }
    totals = Counter()

    def timed(name: str, function: Callable) -> Callable:
        @wraps(function)
        def call(*args, **kwargs):
            with stopwatch() as elapsed:
                result = function(*args, **kwargs)
            totals[name] += elapsed.seconds
            totals["calls"] += name == "network"
            return result

        return call

    for name, (part, method) in parts.items():
        setattr(part, method, timed(name, getattr(part, method)))
    yield totals
    for part, method in parts.values():
        delattr(part, method)


def median_run(
    pipe: aidd.AIDDPipeline, audio: np.ndarray, args: argparse.Namespace, num_variations: int
) -> tuple[float, Counter]:
    """Seconds of the repetition of median length, and what [`timed_parts`] counts of it."""
    start = args.seconds / 2 - args.gap_ms / 2000
    gap = {"mask_start_seconds": start, "mask_end_seconds": start + args.gap_ms / 1000}
    runs = []
    for _ in range(args.repeats):
        generator = torch.Generator().manual_seed(0)
        with timed_parts(pipe) as parts, stopwatch() as elapsed:
            pipe(audio, sampling_rate=SAMPLING_RATE, **gap, num_variations=num_variations, generator=generator)
        runs.append((elapsed.seconds, parts))
    return sorted(runs, key=lambda one: one[0])[(len(runs) - 1) // 2]


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    results = Results(args)
    audio = stereo(args.audio, args.seconds)
    for dtype in args.dtypes:
        pipe = aidd.AIDDPipeline.from_pretrained(args.model, dtype=getattr(torch, dtype))
        pipe.set_progress_bar_config(disable=True)
        median_run(pipe, audio, args, 1)
        for name, scheduler_class in SAMPLERS.items():
            pipe.scheduler = scheduler_class.from_config(pipe.scheduler.config)
            one, parts_of_one = median_run(pipe, audio, args, 1)
            many, parts_of_many = median_run(pipe, audio, args, args.num_variations)
            for number, seconds, parts, asked in (
                (1, one, parts_of_one, ASKED[name]),
                (args.num_variations, many, parts_of_many, args.num_variations * one),
            ):
                row = {"sampler": name, "dtype": dtype, "variations": number, "calls": parts.pop("calls")}
                rest = seconds - sum(parts.values())
                results.add(**row, seconds=seconds, asked_at_most=asked, **parts, rest=rest)
            results.findings.append(
                f"With {name} in {dtype}, {args.num_variations} variations take {many / one:.1f} times as long as one."
            )
    share = statistics.median(row["rest"] / row["seconds"] for row in results.rows)
    results.findings.append(f"What is neither codec, network nor scheduler takes {100 * share:.0f} % of the time.")
    results.write()


if __name__ == "__main__":
    main()
