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
from measuring import PRELUDE, Results, argument_parser, stopwatch

import aidd
from aidd.signals.files import read_audio
from aidd.signals.resampling import resample


SAMPLING_RATE = 44_100
# The time that a repair of one gap of 750 ms may take on two cores, in seconds.
ASKED = {"first hitting": 1.5, "entropy bound": 0.8}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=20.0, help="Length to bring the recording to.")
    parser.add_argument("--gap_ms", type=float, default=750.0, help="Length of the gap.")
    parser.add_argument("--num_variations", type=int, default=16, help="Drawn at once, beside a single one.")
    parser.add_argument("--dtypes", nargs="+", choices=list(DTYPES), default=list(DTYPES), help="Of the network.")
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


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    results = Results(args)
    audio = stereo(args.audio, args.seconds)
    start = args.seconds / 2 - args.gap_ms / 2000
    gap = {"mask_start_seconds": start, "mask_end_seconds": start + args.gap_ms / 1000}

    def run(pipe: aidd.AIDDPipeline, num_variations: int) -> tuple[float, Counter]:
        generator = torch.Generator().manual_seed(0)
        with timed_parts(pipe) as parts, stopwatch() as elapsed:
            pipe(audio, sampling_rate=SAMPLING_RATE, **gap, num_variations=num_variations, generator=generator)
        return elapsed.seconds, parts

    for dtype in args.dtypes:
        pipe = aidd.AIDDPipeline.from_pretrained(args.model, dtype=DTYPES[dtype])
        pipe.set_progress_bar_config(disable=True)
        run(pipe, 1)
        for name, scheduler_class in (
            ("first hitting", aidd.MaskedDiscreteScheduler),
            ("entropy bound", aidd.MaskedEntropyBoundScheduler),
        ):
            pipe.scheduler = scheduler_class.from_config(pipe.scheduler.config)
            medians = {}
            for num_variations in (1, args.num_variations):
                runs = sorted((run(pipe, num_variations) for _ in range(args.repeats)), key=lambda one: one[0])
                seconds, parts = runs[(len(runs) - 1) // 2]
                asked = ASKED[name] if num_variations == 1 else args.num_variations * medians[1]
                medians[num_variations] = seconds
                calls = parts.pop("calls")
                results.add(
                    sampler=name,
                    dtype=dtype,
                    variations=num_variations,
                    calls=calls,
                    seconds=seconds,
                    asked_at_most=asked,
                    **parts,
                    rest=seconds - sum(parts.values()),
                )
            ratio = medians[args.num_variations] / medians[1]
            results.findings.append(
                f"With {name} in {dtype}, {args.num_variations} variations take {ratio:.1f} times as long as one."
            )
    spread = statistics.median(row["rest"] / row["seconds"] for row in results.rows)
    results.findings.append(f"What is neither codec, network nor scheduler takes {100 * spread:.0f} % of the time.")
    results.write()


if __name__ == "__main__":
    main()
