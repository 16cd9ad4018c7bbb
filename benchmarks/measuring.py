"""What the benchmarks share: their arguments, stopwatches, the machine in words, and the form of their results."""

import argparse
import compileall
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import aidd


GIB = 2**30
# Types that networks compute in, by their names in torch.
DTYPES = ("float32", "bfloat16")
PRELUDE = Path(__file__).parents[1] / "examples" / "audio" / "prelude_bwv848.flac"


@dataclass
class Elapsed:
    """
    Seconds on the clock, and seconds that processors computed for the threads of this process, and for processes that
    it started and waited for.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    children_cpu_seconds: float = 0.0


@contextmanager
def stopwatch() -> Iterator[Elapsed]:
    """Measures its block; the result is complete behind it."""
    elapsed, start, cpu_start, children_start = Elapsed(), time.perf_counter(), time.process_time(), _of_children()
    yield elapsed
    elapsed.seconds, elapsed.cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    elapsed.children_cpu_seconds = _of_children() - children_start


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def compile_package() -> None:
    """Compiles the package's modules, as an installation does, for processes that would do so each time."""
    # What comes with the models' weights is code of theirs, which no benchmark runs.
    compileall.compile_dir(Path(aidd.__file__).parent, rx=re.compile("pretrained"), quiet=1)


def argument_parser(description: str, threads: int = 1) -> argparse.ArgumentParser:
    """A parser with the arguments of every benchmark."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write the results to.")
    parser.add_argument("--threads", type=int, default=threads, help=f"Threads of torch. Default: {threads}.")
    return parser


def describe_machine(threads: int) -> dict[str, str]:
    """What the figures depend on, and nothing that tells whose machine it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "scipy", "transformers", "diffusers")},
        "threads": str(threads),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1] for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].strip()
    return platform.processor() or platform.machine()


class Results:
    """
    Collects rows of one table and what they say, and writes them with the arguments and the machine.

    Args:
        args: of the benchmark. Of files and folders, the name is kept and the place is not.
    """

    def __init__(self, args: argparse.Namespace):
        self.args, self.rows, self.findings = args, [], []
        self.load = os.getloadavg()[0]

    def add(self, **cells: str | int | float | None) -> None:
        """A row of the table, columns by their titles; None stays empty."""
        self.rows.append({title.replace("_", " "): cell for title, cell in cells.items()})

    def write(self) -> None:
        arguments = {name: value for name, value in vars(self.args).items() if name != "output"}
        content = {
            "arguments": {name: _without_place(value) for name, value in arguments.items()},
            "machine": describe_machine(self.args.threads),
            # The load of the minute before shows what else the machine did. A benchmark adds its own threads to it.
            "load average": {"before": round(self.load, 2), "after": round(os.getloadavg()[0], 2)},
            "rows": self.rows,
            "findings": self.findings,
        }
        self.args.output.parent.mkdir(parents=True, exist_ok=True)
        self.args.output.write_text(json.dumps(content, indent=2, default=str) + "\n")


def _without_place(value: object) -> object:
    if isinstance(value, list):
        return [_without_place(one) for one in value]
    return Path(value).name if isinstance(value, (str, Path)) else value
