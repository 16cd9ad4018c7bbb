"""
Repair an hour of stereo with a thousand dropouts of 20 to 100 ms by `aidd inpaint`: time, and peak memory.

    python benchmarks/dropouts.py --output benchmarks/results/dropouts.json

A recording is repeated up to the given length, at 44.1 kHz in stereo and 16 bit. Dropouts lie evenly spread, and their
lengths are drawn evenly from the range, in hundredths of a second. The method is `auto`, the command line's default.
Every repair runs in a process of its own, and its time includes its start. A tenth of the hour with a tenth of the
dropouts shows whether time grows in proportion and memory does not. Samples outside the gaps are compared by their
SHA-256.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from measuring import PRELUDE, Results, argument_parser
from whole_recording import gaps_in, music_of, repair, write_recording


SHARE = 10


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=3600.0, help="Length of the whole.")
    parser.add_argument("--num_gaps", type=int, default=1000, help="Dropouts in the whole.")
    parser.add_argument("--gap_ms", type=float, nargs=2, default=[20.0, 100.0], help="Shortest and longest dropout.")
    return parser.parse_args()


def dropouts(seconds: float, num_gaps: int, gap_ms: list[float], rng: np.random.Generator) -> np.ndarray:
    """Starts and ends in seconds: float64 `(num_gaps, 2)`, hundredths, which are whole samples."""
    starts = gaps_in(seconds, num_gaps, 0.0)[:, 0]
    shortest, longest = (round(length / 10) for length in gap_ms)
    lengths = rng.integers(shortest, longest, num_gaps, endpoint=True) / 100
    return np.stack([starts, starts + lengths], -1).round(2)


def main() -> None:
    args = parse_args()
    results = Results(args)
    music = music_of(args.audio)
    options = ("--model", args.model) if args.model else ()
    with tempfile.TemporaryDirectory() as name:
        for share in (SHARE, 1):
            seconds, num_gaps = args.seconds / share, args.num_gaps // share
            gaps = dropouts(seconds, num_gaps, args.gap_ms, np.random.default_rng(0))
            write_recording(Path(name, "in.wav"), music, seconds, None, 0.0)
            cost = repair(args, Path(name), seconds, gaps, *options)
            results.add(file_s=seconds, gaps=num_gaps, **cost)
    small, whole = results.rows
    results.findings.append(
        f"The whole takes {whole['seconds'] / 60:.1f} minutes, {whole['seconds'] / small['seconds']:.1f} times as "
        f"long as a tenth of it, and {whole['peak MiB'] / small['peak MiB']:.2f} times its memory."
    )
    results.write()


if __name__ == "__main__":
    main()
