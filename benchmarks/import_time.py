"""
Time what happens before any work: `import aidd`, `aidd --help`, and the first use of a pipeline's name.

    python benchmarks/import_time.py --output benchmarks/results/import_time.json

Each time is the median of several processes, from their start to their end, and `CPU seconds` are the median of what
processors computed. One more process counts the modules. torch and diffusers' base class of pipelines show what the
pipeline cannot do without: it takes less than its base class alone where it saves more passes of the garbage collector
than its own modules cost.
"""

import argparse
import statistics
import subprocess
import sys

from measuring import Results, argument_parser, compile_package, stopwatch


STARTS = {
    "python alone": "pass",
    "import aidd": "import aidd",
    "aidd --help": "import sys; from aidd.cli.main import main; sys.argv[1:] = ['--help']; main()",
    "import torch": "import torch",
    "diffusers' DiffusionPipeline": "from diffusers.pipelines.pipeline_utils import DiffusionPipeline",
    "aidd.AIDDPipeline": "import aidd; aidd.AIDDPipeline",
}
FRAMEWORKS = ("numpy", "scipy", "soundfile", "torch", "transformers", "diffusers")


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="Processes of each kind.")
    parser.add_argument("--starts", nargs="+", choices=list(STARTS), default=list(STARTS), help="What to start.")
    return parser.parse_args()


def start(code: str) -> str:
    """What a process says that runs the code."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def modules(code: str) -> list[str]:
    """Modules that are imported when the code has run, and so are those that Python itself imports."""
    listed = start(f"import atexit, sys; atexit.register(lambda: print('', *sys.modules, sep='\\n'))\n{code}")
    return listed.split("\n\n")[-1].split()


def main() -> None:
    args = parse_args()
    results = Results(args)
    compile_package()
    for name in args.starts:
        seconds, computed = [], []
        for _ in range(args.repeats):
            with stopwatch() as elapsed:
                start(STARTS[name])
            seconds.append(elapsed.seconds)
            computed.append(elapsed.children_cpu_seconds)
        imported = modules(STARTS[name])
        results.add(
            start=name,
            seconds=statistics.median(seconds),
            shortest=min(seconds),
            longest=max(seconds),
            CPU_seconds=statistics.median(computed),
            modules=len(imported),
            of_which=", ".join(framework for framework in FRAMEWORKS if framework in imported),
        )
    results.write()


if __name__ == "__main__":
    main()
