"""
Write a report of finished evaluations, with tables and pictures, and update the tables of other pages.

    python examples/cards/write_report.py --report_dir docs/report \\
        --evaluation outputs/musicnet_four_gap --evaluation outputs/maestro_one_gap \\
        --evaluation outputs/geometry_sweep \\
        --page README.md --page docs/choosing_a_method.md

Evaluations are output folders of `aidd evaluate`. The report folder holds `description.md`, the part of the report
that a person writes: the commands, the machine, the time, the findings. Tables, rows, manifest and some plots of each
evaluation are copied into a folder of its name there, and the report, `README.md`, shows them.

Other pages (`--page`) mark the places of their tables by comments. What is between such a comment and `<!-- end -->`
is replaced:

    <!-- NAME -->                                         the summary of the evaluation of that name
    <!-- NAME, NAME -->                                   one table of several evaluations, side by side
    <!-- NAME, NAME: METHOD, METHOD; COLUMN, COLUMN -->   these rows and columns of that table
"""

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Collection
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from aidd.evaluation.columns import METRICS
from aidd.signals.replacing import replacing


FILES = ("results.md", "summary.md", "items.parquet", "manifest.jsonl")
# The plots that the report shows: curves by metric, and maps of metrics over two parameters.
SHOWN_CURVES = (
    *("lsd", "lsd_gap", "snr", "odg", "chroma_agreement", "onset_agreement", "kad"),
    *("snr_cells", "lsd_cells", "level_error_cells"),
)
SHOWN_MAPS = ("snr", "lsd_gap", "snr_cells", "lsd_cells", "level_error_cells")
# The metrics whose means by kind of recording are shown.
KIND_METRICS = ("snr", "snr_cells")
NUM_COLOURS = 64
# A comment that marks a table: names of evaluations, and the methods and columns to show, all where there are none.
MARKED = re.compile(r"(<!-- ([\w, -]+?)(?:: ([\w, ]+); ([^;>]+?))? -->\n).*?(<!-- end -->)", re.DOTALL)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--evaluation", type=Path, action="append", required=True, help="Output folder of a run; once or more."
    )
    parser.add_argument("--report_dir", type=Path, required=True, help="Folder of the report, with description.md.")
    parser.add_argument("--picture", type=Path, action="append", default=[], help="Picture to show first.")
    parser.add_argument(
        "--page", type=Path, action="append", default=[], help="Page whose marked tables are replaced; once or more."
    )
    return parser.parse_args()


def evaluations_by_name(evaluations: list[Path]) -> dict[str, Path]:
    """The folders of runs by name. Raises `SystemExit` if two have the same name."""
    found: dict[str, Path] = {}
    for evaluation in evaluations:
        if evaluation.name in found:
            raise SystemExit(
                f"expected one run of the name {evaluation.name}, got {found[evaluation.name]} and {evaluation}"
            )
        found[evaluation.name] = evaluation
    return found


def copy(evaluation: Path, target: Path) -> None:
    """Copies tables, rows, and the pictures that the page shows."""
    (target / "plots").mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(evaluation / name, target / name)
    for path in shown(evaluation / "plots"):
        if path.suffix == ".svg":
            shutil.copyfile(path, target / "plots" / path.name)
        else:
            # This makes pictures a third of the size, and the page does not need more colours.
            Image.open(path).quantize(NUM_COLOURS).save(target / "plots" / path.name, optimize=True)


def shown(plots: Path) -> list[Path]:
    """
    The plots that a page shows: curves where there is one kind of damage; where there are several, maps, and curves of
    those kinds that have no map; and an example.
    """
    curves = [plots / f"{name}.svg" for name in SHOWN_CURVES]
    maps = [path for name in SHOWN_MAPS for path in sorted(plots.glob(f"*-map-{name}.svg"))]
    mapped = tuple(path.name.split("-map-")[0] for path in maps)
    others = [path for name in SHOWN_MAPS[:4] for path in sorted(plots.glob(f"*-{name}.svg"))]
    others = [path for path in others if not path.name.startswith(mapped)]
    return [path for path in (*curves, *maps, *others, *sorted(plots.glob("example-*.png"))[-1:]) if path.exists()]


def cost_table(rows: pd.DataFrame) -> str:
    """Seconds that each method took, in all and for each second of missing audio; refused items take no time."""
    filled = rows.dropna(subset="seconds").groupby("method", sort=False)[["seconds", "missing_seconds"]].sum()
    counts = rows.groupby("method", sort=False).agg(items=("item", "size"), refused=("refusal", "count"))
    lines = [
        "| method | items | refused | seconds | seconds for each missing second |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {method} | {counts.loc[method, 'items']} | {counts.loc[method, 'refused']} | {total:.0f} | "
        f"{total / missing:.2f} |"
        for method, (total, missing) in filled.iterrows()
    ]
    return "\n".join(lines)


def kinds_table(rows: pd.DataFrame) -> str:
    """Means of the SNR of each geometry and method by folder of recordings; empty if there is only one folder."""
    rows = rows.assign(kind=rows["recording"].str.split("/").str[0])
    kinds = sorted(rows["kind"].unique())
    if len(kinds) == 1:
        return ""
    parts = []
    for metric in KIND_METRICS:
        if metric not in rows:
            continue
        finite = rows[np.isfinite(rows[metric].astype(float))]
        for geometry, of_geometry in finite.groupby("geometry", sort=False):
            means = of_geometry.pivot_table(index="method", columns="kind", values=metric, sort=False)
            lines = [
                f"| {METRICS[metric].title}, {geometry} | {' | '.join(kinds)} |",
                "| --- " * (len(kinds) + 1) + "|",
            ]
            for method, line in means.reindex(columns=kinds).iterrows():
                cells = ["" if np.isnan(value) else f"{value:.1f}" for value in line]
                lines.append(f"| {method} | {' | '.join(cells)} |")
            parts.append("\n".join(lines))
    return "\n\n".join(["### By kind of recording, all conditions of a geometry together", *parts])


def section(folder: Path) -> str:
    rows = pd.read_parquet(folder / "items.parquet")
    rows = rows if "refusal" in rows else rows.assign(refusal=None)
    parts = [
        f"## {folder.name}",
        f"{rows['item'].nunique()} items of {rows['recording'].nunique()} recordings. "
        f"[All tables]({folder.name}/results.md), with 95 % intervals by recording; "
        f"[rows]({folder.name}/items.parquet); [which samples were taken away]({folder.name}/manifest.jsonl).",
        *(f"![{path.stem}]({path.relative_to(folder.parent).as_posix()})" for path in shown(folder / "plots")),
        # The summary of a sweep is as long as its tables.
        *([(folder / "summary.md").read_text().strip()] if rows["geometry"].nunique() == 1 else []),
        kinds_table(rows),
        "### Time",
        cost_table(rows),
    ]
    return "\n\n".join(part for part in parts if part)


def tables_of(summary: str) -> list[list[list[str]]]:
    """The tables of a Markdown page, as lines of cells with the heading first."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        for line in summary.splitlines()
    ]
    parted = [list(part) for is_line, part in groupby(lines, key=lambda line: line is not None) if is_line]
    return [[heading, *body] for heading, _, *body in parted]


def joined_table(summaries: list[str]) -> str:
    """
    The summaries' tables side by side, with a line for each method. A cell holds the figures of all tables of a
    summary; it is empty for methods that the summary does not have.
    """
    heading, lines = [], {}
    for summary in summaries:
        tables = tables_of(summary)
        title = " / ".join(table[0][0] for table in tables)
        if heading and title != heading[0]:
            raise SystemExit(f"expected summaries with one set of metrics, got {heading[0]} and {title}")
        before = len(heading) - 1 if heading else 0
        heading = [title, *heading[1:], *tables[0][0][1:]]
        for cells in zip(*(table[1:] for table in tables), strict=True):
            names, *columns = zip(*cells, strict=True)
            line = lines.setdefault(names[0], before * [""])
            # Refusals are the same in all tables.
            line += [" / ".join(dict.fromkeys(figures)) for figures in columns]
        for line in lines.values():
            line += (len(heading) - 1 - len(line)) * [""]
    texts = [heading, ["---"] * len(heading), *([name, *cells] for name, cells in lines.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)


def check_models(report_dir: Path, names: list[str]) -> None:
    """Raises `SystemExit` if one line of a table would hold results of several models."""
    rows = pd.concat(pd.read_parquet(report_dir / name / "items.parquet") for name in names)
    for column in (name for name in rows if name.endswith("model_digest")):
        counts = rows.dropna(subset=column).groupby("method")[column].nunique()
        if several := counts[counts > 1].index.tolist():
            raise SystemExit(f"{', '.join(names)}: expected one {column} a method, got several of {several}")


def chosen_part(table: str, methods: list[str], columns: list[str]) -> str:
    """Some lines and columns of a table of Markdown, in the order asked for. Raises `SystemExit` for unknown ones."""
    ((heading, *lines),) = tables_of(table)
    by_method = {name: cells for name, *cells in lines}
    if unknown := [name for name in methods if name not in by_method]:
        raise SystemExit(f"expected methods of the table, {', '.join(by_method)}, got {', '.join(unknown)}")
    if unknown := [name for name in columns if name not in heading[1:]]:
        raise SystemExit(f"expected columns of the table, {', '.join(heading[1:])}, got {', '.join(unknown)}")
    places = [heading.index(name) - 1 for name in columns]
    texts = [[heading[0], *columns], ["---"] * (1 + len(columns))]
    texts += [[name, *(by_method[name][place] for place in places)] for name in methods]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)


def with_tables(page: str, report_dir: Path, names: Collection[str]) -> str:
    """
    The page with its marked tables replaced: by the summary of the evaluation that a comment names, by the joined
    table of several, or by a part of that. Tables of other evaluations stay as they are.
    """

    def replaced(marked: re.Match) -> str:
        comment, named, methods, columns, end = marked.groups()
        wanted = named.split(", ")
        if not set(wanted) <= set(names):
            return marked[0]
        check_models(report_dir, wanted)
        summaries = [(report_dir / name / "summary.md").read_text().strip() for name in wanted]
        if methods:
            text = chosen_part(joined_table(summaries), methods.split(", "), columns.split(", "))
        else:
            text = summaries[0] if len(summaries) == 1 else joined_table(summaries)
        return f"{comment}\n{text}\n\n{end}"

    return MARKED.sub(replaced, page)


def main() -> None:
    args = parse_args()
    description = (args.report_dir / "description.md").read_text().strip()
    evaluations = evaluations_by_name(args.evaluation)
    for name, evaluation in evaluations.items():
        if evaluation.resolve() == (args.report_dir / name).resolve():
            raise SystemExit(f"expected runs outside the report, got {evaluation}: it would be replaced")
    # A folder is moved to its place only when it is complete.
    for name, evaluation in evaluations.items():
        with tempfile.TemporaryDirectory(dir=args.report_dir) as folder:
            copy(evaluation, Path(folder) / name)
            shutil.rmtree(args.report_dir / name, ignore_errors=True)
            os.rename(Path(folder) / name, args.report_dir / name)
    for picture in args.picture:
        shutil.copyfile(picture, args.report_dir / picture.name)
    pictures = [f"![{picture.stem}]({picture.name})" for picture in args.picture]
    page = "\n\n".join([description, *pictures, *(section(args.report_dir / name) for name in evaluations)]) + "\n"
    with replacing(args.report_dir / "README.md") as unfinished:
        unfinished.write_text(page)
    for path in args.page:
        text = with_tables(path.read_text(), args.report_dir, evaluations)
        with replacing(path) as unfinished:
            unfinished.write_text(text)


if __name__ == "__main__":
    main()
