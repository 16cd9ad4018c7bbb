"""
Measure what one gap in an hour of stereo costs by `aidd inpaint`, by several methods: time, and peak memory.

    python benchmarks/one_gap_in_an_hour.py --output benchmarks/results/one_gap_in_an_hour.json

A recording is repeated up to the given length, at 44.1 kHz in stereo and 16 bit, with a gap from its middle on. Every
repair runs once, in a process of its own, and its figures include its start, the loading of the model, and reading
and writing the file, which is all that `linear` takes. `similarity` searches the whole file, `best` tries its
candidates near the gap, and `adapted` is `aidd` with a model that has learned the recording for 30 s.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import PRELUDE, Results, argument_parser
from whole_recording import music_of, resources_of, write_recording


BY_MODEL = ("--method", "aidd")
# What `aidd inpaint` is called with.
OPTIONS = {
    **{name: ("--method", name) for name in ("linear", "lines", "envelope_noise", "sinusoidal", "u_phain")},
    "similarity": ("--method", "similarity"),
    "aidd": BY_MODEL,
    "best": ("--method", "best"),
    "adapted": (*BY_MODEL, "--adapt", "30"),
}
WITH_MODEL = ("aidd", "best", "adapted")


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=3600.0, help="Length of the file.")
    parser.add_argument("--gap_ms", type=float, default=375.0, help="Length of the gap.")
    parser.add_argument("--repairs", nargs="+", choices=list(OPTIONS), default=list(OPTIONS), help="What fills it.")
    parser.add_argument("--write", type=Path, help="Write the file that is repaired to this place, and stop.")
    return parser.parse_args()


def write_elsewhere(args: argparse.Namespace, path: Path) -> None:
    """Writes the file in another process: one starts with the peak of its parent, which must therefore stay small."""
    options = ["--audio", args.audio, "--seconds", args.seconds, "--output", args.output, "--write", path]
    subprocess.run([sys.executable, __file__, *map(str, options)], check=True)


def main() -> None:
    args = parse_args()
    if args.write is not None:
        write_recording(args.write, music_of(args.audio), args.seconds, None, 0)
        return
    results = Results(args)
    first, last = args.seconds / 2, args.seconds / 2 + args.gap_ms / 1000
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name, "in.wav"), Path(name, "out.wav")
        write_elsewhere(args, source)
        for repair in args.repairs:
            options = list(OPTIONS[repair])
            if repair in WITH_MODEL:
                # Others draw nothing, but for the noise of envelope_noise, lines and sinusoidal.
                options += ["--seed", "0", *(("--model", args.model) if args.model else ())]
            command = ["-m", "aidd.cli.main", "inpaint", source, output, "--gap", first, last, *options]
            used = resources_of([*map(str, command)], args.threads)
            output.unlink()
            results.add(repair=repair, CPU_seconds=used.cpu_seconds, seconds=used.seconds, peak_MiB=used.peak_mib)
    results.write()


if __name__ == "__main__":
    main()
