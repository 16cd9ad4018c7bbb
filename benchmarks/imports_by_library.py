"""
Attribute what the import of the default pipeline takes to the libraries that it imports.

    python benchmarks/imports_by_library.py --output benchmarks/results/imports_by_library.json

Python times the code of each module without that of the modules that it imports in turn (`python -X importtime`). A
row adds up the modules of one library, in the repetition of median length, and names the libraries that import these
first; libraries that take less than a hundredth of the whole share a row. Some are imported where they are installed,
such as peft and trio. The timing itself makes the import longer.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator

from import_time import STARTS
from measuring import Results, argument_parser, compile_package


LINE = re.compile(r"import time: +(\d+) \| +\d+ \|( .+)")
PYTHON = "Python's own"
LEAST_SHARE = 0.01


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="Processes to run.")
    parser.add_argument("--start", choices=list(STARTS), default=list(STARTS)[-1], help="What they run.")
    return parser.parse_args()


def import_times(log: str) -> Iterator[tuple[str, float, str | None]]:
    """
    Reads what `-X importtime` writes to stderr: a line for each module, indented by two further spaces below the
    module that imports it, which follows.

    Yields:
        The module's name, its own seconds, and the name of the module that imports it, None for the program itself.
    """
    waiting: list[tuple[int, str, float]] = []
    for line in log.splitlines():
        found = LINE.fullmatch(line)
        if found is None:
            continue
        microseconds, indented = found.groups()
        name = indented.strip()
        depth = len(indented) - len(name)
        while waiting and waiting[-1][0] > depth:
            _, imported, seconds = waiting.pop()
            yield imported, seconds, name
        waiting.append((depth, name, int(microseconds) / 1e6))
    for _, name, seconds in waiting:
        yield name, seconds, None


def library_of(module: str) -> str:
    name = module.partition(".")[0]
    return PYTHON if name in sys.stdlib_module_names else name


def by_library(log: str) -> dict[str, dict]:
    """Number of modules, their seconds, and the libraries that import them first, by the library's name."""
    found: dict[str, dict] = {}
    for module, seconds, importer in import_times(log):
        library = library_of(module)
        row = found.setdefault(library, {"modules": 0, "seconds": 0.0, "importers": set()})
        row["modules"] += 1
        row["seconds"] += seconds
        if importer is not None and PYTHON not in (library, library_of(importer)) and library_of(importer) != library:
            row["importers"].add(library_of(importer))
    return found


def main() -> None:
    args = parse_args()
    results = Results(args)
    compile_package()
    command = [sys.executable, "-X", "importtime", "-c", STARTS[args.start]]
    logs = [subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(args.repeats)]
    wholes = sorted(map(by_library, logs), key=lambda found: sum(row["seconds"] for row in found.values()))
    whole = wholes[(len(wholes) - 1) // 2]
    seconds = sum(row["seconds"] for row in whole.values())
    small = {library for library, row in whole.items() if row["seconds"] < LEAST_SHARE * seconds}

    def add(library: str, rows: list[dict], importers: str) -> None:
        taken = sum(row["seconds"] for row in rows)
        modules = sum(row["modules"] for row in rows)
        results.add(
            library=library, modules=modules, seconds=taken, share=taken / seconds, first_imported_by=importers
        )

    for library, row in sorted(whole.items(), key=lambda item: -item[1]["seconds"]):
        if library not in small:
            add(library, [row], ", ".join(sorted(row["importers"])))
    add(f"{len(small)} others", [whole[library] for library in small], "")
    results.findings.append(f"All together take {seconds:.2f} s.")
    results.write()


if __name__ == "__main__":
    main()
