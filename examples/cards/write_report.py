"""
Put finished evaluations together to a page, with pictures, and bring the README's tables up to date.

    python examples/cards/write_report.py --evaluation outputs/musicnet_four_gap --evaluation outputs/maestro_one_gap
    \\
        --evaluation outputs/geometry_sweep --report_dir docs/report --readme README.md

Evaluations are output folders of `aidd evaluate`. The report folder holds `description.md`, what a person says of
them: the commands, the machine, the time, what is to be seen. Of each evaluation, tables, rows, manifest and some
plots are copied into a folder of its own name there, and `README.md` shows them. In the README of the project, what
stands between `<!-- NAME -->` and `<!-- end -->` is replaced by the summary of the evaluation of that name, and what
stands between `<!-- NAME, NAME -->` and `<!-- end -->` by one table of all of them.
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

from aidd.signals.replacing import replacing


FILES = ("results.md", "summary.md", "items.parquet", "manifest.jsonl")
# Of what is drawn, what the page shows.
SHOWN_CURVES = (
    *("lsd", "lsd_gap", "snr", "odg", "chroma_agreement", "onset_agreement", "kad"),
    *("snr_cells", "lsd_cells", "level_error_cells"),
)
SHOWN_MAPS = ("snr", "lsd_gap", "snr_cells", "lsd_cells", "level_error_cells")
# By kind of recording, of each geometry.
KIND_METRICS = {"snr": "SNR in gap (dB)", "snr_cells": "SNR in missing cells (dB)"}
NUM_COLOURS = 64


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--evaluation", type=Path, action="append", required=True, help="Output folder of a run; once or more."
    )
    parser.add_argument("--report_dir", type=Path, required=True, help="Folder of the page, with description.md.")
    parser.add_argument("--picture", type=Path, action="append", default=[], help="A picture to show first.")
    parser.add_argument("--readme", type=Path, help="Where tables between markers are replaced.")
    return parser.parse_args()


def evaluations_by_name(evaluations: list[Path]) -> dict[str, Path]:
    """Folders of runs; no two of one name."""
    found: dict[str, Path] = {}
    for evaluation in evaluations:
        if evaluation.name in found:
            raise SystemExit(
                f"expected one run of the name {evaluation.name}, got {found[evaluation.name]} and {evaluation}"
            )
        found[evaluation.name] = evaluation
    return found


def copy(evaluation: Path, target: Path) -> None:
    """Tables, rows, and the pictures that the page shows."""
    (target / "plots").mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(evaluation / name, target / name)
    for path in shown(evaluation / "plots"):
        if path.suffix == ".svg":
            shutil.copyfile(path, target / "plots" / path.name)
        else:
            # A third of the size; the page does not need more colours.
            Image.open(path).quantize(NUM_COLOURS).save(target / "plots" / path.name, optimize=True)


def shown(plots: Path) -> list[Path]:
    """
    Curves where there is one kind of damage. Where there are several, maps, and curves of those kinds that have none;
    and an example.
    """
    curves = [plots / f"{name}.svg" for name in SHOWN_CURVES]
    maps = [path for name in SHOWN_MAPS for path in sorted(plots.glob(f"*-map-{name}.svg"))]
    mapped = tuple(path.name.split("-map-")[0] for path in maps)
    others = [path for name in SHOWN_MAPS[:4] for path in sorted(plots.glob(f"*-{name}.svg"))]
    others = [path for path in others if not path.name.startswith(mapped)]
    return [path for path in (*curves, *maps, *others, *sorted(plots.glob("example-*.png"))[-1:]) if path.exists()]


def cost_table(rows: pd.DataFrame) -> str:
    """Seconds that each method took, in all and for a second of missing audio; refused items took none."""
    filled = rows.dropna(subset="seconds").groupby("method", sort=False)[["seconds", "missing_seconds"]].sum()
    counts = rows.groupby("method", sort=False).agg(items=("item", "size"), refused=("refusal", "count"))
    lines = ["| method | items | refused | seconds | seconds a second missing |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {method} | {counts.loc[method, 'items']} | {counts.loc[method, 'refused']} | {total:.0f} | "
        f"{total / missing:.2f} |"
        for method, (total, missing) in filled.iterrows()
    ]
    return "\n".join(lines)


def kinds_table(rows: pd.DataFrame) -> str:
    """Where recordings are of several folders: means of the SNR of each geometry and method by folder."""
    rows = rows.assign(kind=rows["recording"].str.split("/").str[0])
    kinds = sorted(rows["kind"].unique())
    if len(kinds) == 1:
        return ""
    parts = []
    for metric, title in KIND_METRICS.items():
        if metric not in rows:
            continue
        finite = rows[np.isfinite(rows[metric].astype(float))]
        for geometry, of_geometry in finite.groupby("geometry", sort=False):
            means = of_geometry.pivot_table(index="method", columns="kind", values=metric, sort=False)
            lines = [f"| {title}, {geometry} | {' | '.join(kinds)} |", "| --- " * (len(kinds) + 1) + "|"]
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
        # Of a sweep, the summary is as long as its tables.
        *([(folder / "summary.md").read_text().strip()] if rows["geometry"].nunique() == 1 else []),
        kinds_table(rows),
        "### Time",
        cost_table(rows),
    ]
    return "\n\n".join(part for part in parts if part)


def tables_of(summary: str) -> list[list[list[str]]]:
    """The tables of a page of Markdown: lines of cells, the heading first."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        for line in summary.splitlines()
    ]
    parted = [list(part) for is_line, part in groupby(lines, key=lambda line: line is not None) if is_line]
    return [[heading, *body] for heading, _, *body in parted]


def joined_table(summaries: list[str]) -> str:
    """
    What summaries say of each method, side by side: a column a column of theirs, a cell the figures of all tables
    of a summary. Methods that a summary does not have are empty there.
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
            # What was refused is so in all tables.
            line += [" / ".join(dict.fromkeys(figures)) for figures in columns]
        for line in lines.values():
            line += (len(heading) - 1 - len(line)) * [""]
    texts = [heading, ["---"] * len(heading), *([name, *cells] for name, cells in lines.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)


def check_models(report_dir: Path, names: list[str]) -> None:
    """Raises `SystemExit` where a method of one line of a table would be of several models."""
    rows = pd.concat(pd.read_parquet(report_dir / name / "items.parquet") for name in names)
    for column in (name for name in rows if name.endswith("model_digest")):
        counts = rows.dropna(subset=column).groupby("method")[column].nunique()
        if several := counts[counts > 1].index.tolist():
            raise SystemExit(f"{', '.join(names)}: expected one {column} a method, got several of {several}")


def with_tables(readme: str, report_dir: Path, names: Collection[str]) -> str:
    """Between markers, the summary of the run that they name, or the joined table of several."""

    def replaced(marked: re.Match) -> str:
        wanted = marked[2].split(", ")
        if not set(wanted) <= set(names):
            return marked[0]
        check_models(report_dir, wanted)
        summaries = [(report_dir / name / "summary.md").read_text().strip() for name in wanted]
        text = summaries[0] if len(summaries) == 1 else joined_table(summaries)
        return f"{marked[1]}\n{text}\n\n{marked[3]}"

    return re.sub(r"(<!-- ([\w, -]+) -->\n).*?(<!-- end -->)", replaced, readme, flags=re.DOTALL)


def main() -> None:
    args = parse_args()
    description = (args.report_dir / "description.md").read_text().strip()
    evaluations = evaluations_by_name(args.evaluation)
    for name, evaluation in evaluations.items():
        if evaluation.resolve() == (args.report_dir / name).resolve():
            raise SystemExit(f"expected runs outside the report, got {evaluation}: it would be replaced")
    # Each in its place only when it is whole.
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
    if args.readme is not None:
        readme = with_tables(args.readme.read_text(), args.report_dir, evaluations)
        with replacing(args.readme) as unfinished:
            unfinished.write_text(readme)


if __name__ == "__main__":
    main()
