"""
Time the first file that `aidd inpaint` repairs in a new process, from the process's start to its end.

    python benchmarks/first_sound.py --output benchmarks/results/first_sound.json

The recording is repeated up to the given length, at its own rate, with one gap in its middle. Each row is the process
of median length. `imports` is the median of processes that import what the method needs, and do nothing; the rest is
loading the model, reading, filling and writing. `linear` needs no framework, and `u_phain` no model. `CPU seconds` are
the median of what processors computed, which other programs on the machine change less than time on the clock. The
package's modules are compiled first, as an installation does.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from import_time import start
from measuring import PRELUDE, Results, argument_parser, compile_package, stopwatch
from whole_recording import cost_of, gaps_in


NEEDED = {
    "linear": "import aidd; aidd.METHODS['linear']",
    "u_phain": "import aidd; aidd.METHODS['u_phain']",
    "aidd": "import aidd; aidd.AIDDPipeline",
}


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--model", help="Folder or Hub id of the AIDD model. Default: the one in the package.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--seconds", type=float, default=30.0, help="Length to bring the recording to.")
    parser.add_argument("--gap_ms", type=float, default=300.0, help="Length of the gap.")
    parser.add_argument("--methods", nargs="+", choices=list(NEEDED), default=list(NEEDED), help="What fills it.")
    parser.add_argument("--repeats", type=int, default=5, help="Processes of each kind.")
    return parser.parse_args()


def seconds_of(code: str) -> float:
    with stopwatch() as elapsed:
        start(code)
    return elapsed.seconds


def main() -> None:
    args = parse_args()
    results = Results(args)
    music, rate = sf.read(args.audio, always_2d=True)
    compile_package()
    ((first, last),) = gaps_in(args.seconds, 1, args.gap_ms / 1000)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "in.wav")
        num_samples = round(args.seconds * rate)
        sf.write(source, np.tile(music, (-(-num_samples // len(music)), 1))[:num_samples], rate)
        took: dict[str, list[float]] = {method: [] for method in args.methods}
        imports: dict[str, list[float]] = {method: [] for method in args.methods}
        computed: dict[str, list[float]] = {method: [] for method in args.methods}
        peaks: dict[str, float] = {}
        for repeat in range(args.repeats):
            for method in args.methods:
                options = ["--model", args.model] if method == "aidd" and args.model else []
                output = Path(name, f"{method}_{repeat}.wav")
                command = ["-m", "aidd.cli.main", "inpaint", source, output, "--gap", first, last, "--method", method]
                with stopwatch() as elapsed:
                    seconds, peaks[method] = cost_of([*map(str, [*command, *options])], args.threads)
                computed[method].append(elapsed.children_cpu_seconds)
                took[method].append(seconds)
                imports[method].append(seconds_of(NEEDED[method]))
    for method in args.methods:
        seconds, of_imports = statistics.median(took[method]), statistics.median(imports[method])
        results.add(
            method=method,
            seconds=seconds,
            shortest=min(took[method]),
            longest=max(took[method]),
            CPU_seconds=statistics.median(computed[method]),
            imports=of_imports,
            rest=seconds - of_imports,
            peak_MiB=peaks[method],
        )
    results.write()


if __name__ == "__main__":
    main()
