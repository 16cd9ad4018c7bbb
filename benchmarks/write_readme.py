"""
Write the page of the benchmarks: the purpose, command, table, findings and machine of each.

    python benchmarks/write_readme.py

Nothing on the page is typed in: its texts are the scripts' docstrings, and its figures come from their JSON files.
"""

import argparse
import ast
import json
from pathlib import Path


HERE = Path(__file__).parent
INTRODUCTION = """\
# Benchmarks

These small scripts measure what the package costs, with no tools but those of Python and torch. Each writes a JSON
file, and `python benchmarks/write_readme.py` makes this page from the files in `results/`. Times are those of one
machine, and depend on what else it did. The load below each table is the mean number of running processes in the
minute before the benchmark began; on an idle machine it is near 0. Where versions of transformers below 5.24 are
named, the codec was the package's own class of that time, with the same weights.
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="Folder of the JSON files.")
    parser.add_argument("--output", type=Path, default=HERE / "README.md", help="Markdown file to write.")
    return parser.parse_args()


def cell(value: str | int | float | None) -> str:
    """Writes measured numbers with three digits, and counts and words unchanged."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "" if value is None else str(value)


def table(rows: list[dict]) -> list[str]:
    titles = list(dict.fromkeys(title for row in rows for title in row))
    lines = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    return [*lines, *(f"| {' | '.join(cell(row.get(title)) for title in titles)} |" for row in rows)]


def section(path: Path) -> list[str]:
    content = json.loads(path.read_text())
    text = ast.get_docstring(ast.parse((HERE / f"{path.stem}.py").read_text()))
    purpose, command, details = text.split("\n\n", 2)
    arguments = ", ".join(f"{name} {value}" for name, value in content["arguments"].items() if value is not None)
    machine = ", ".join(f"{name} {value}" for name, value in content["machine"].items())
    load = content["load average"]
    return [
        *("", f"## {path.stem}", "", purpose, "", "```bash", command.strip(), "```", "", details, ""),
        *table(content["rows"]),
        "",
        *(f"{finding}" for finding in content["findings"]),
        *(("",) if content["findings"] else ()),
        f"Measured with {arguments}; {machine}; load {load['before']:g} before, {load['after']:g} after.",
    ]


def page(results: Path) -> str:
    return "\n".join(
        [INTRODUCTION.strip(), *(line for path in sorted(results.glob("*.json")) for line in section(path))]
    )


def main() -> None:
    args = parse_args()
    args.output.write_text(page(args.results) + "\n")


if __name__ == "__main__":
    main()
