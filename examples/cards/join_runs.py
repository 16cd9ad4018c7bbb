"""
Join a run of an evaluation with the rows of methods that it lacks, from a former run of the same items.

    aidd evaluate --protocol maestro_one_gap --method aidd --method codec --output outputs/maestro_one_gap
    python examples/cards/join_runs.py --run outputs/maestro_one_gap --former docs/report/maestro_one_gap \
        --output_dir outputs/joined/maestro_one_gap

A new default model changes the rows of the methods that have it, and no others: those of slow methods need not be made
again. KAD and FAD are of the methods in `--run` alone, as a report keeps no embeddings. Tables name the versions of
packages of both runs. The result is a folder for `write_report.py`.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evaluations import read_items

from aidd.evaluation.reports.report import write_report
from aidd.evaluation.runs.journal import Journal
from aidd.evaluation.runs.results import collect


SAME = ("protocol", "protocol_digest", "seed")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="Output folder of `aidd evaluate`, with its journals.")
    parser.add_argument("--former", type=Path, required=True, help="Folder with items.parquet of a former run.")
    parser.add_argument("--output_dir", type=Path, required=True, help="New folder for both together.")
    return parser.parse_args()


def check_same(run: pd.DataFrame, former: pd.DataFrame) -> None:
    """Raises `SystemExit` unless both are of the same items, drawn in the same way."""
    for name in SAME:
        values = [sorted(rows[name].unique().tolist()) for rows in (run, former)]
        if values[0] != values[1]:
            raise SystemExit(f"expected runs of one {name}, got {values[0]} and {values[1]}")
    differing = set(run["item"]) ^ set(former["item"])
    if differing:
        raise SystemExit(f"expected runs of the same items, got {len(differing)} that only one of them has")


def as_json_rows(rows: pd.DataFrame) -> list[dict]:
    """Rows as a journal has them: without what is missing, and with text for what JSON has no number for."""
    return [
        {name: as_json(value) for name, value in row.items() if isinstance(value, np.ndarray) or pd.notna(value)}
        for row in rows.to_dict("records")
    ]


def as_json(value: Any) -> Any:
    """Parquet gives lists, such as the starts of gaps, as arrays."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value) if isinstance(value, float) and np.isinf(value) else value


def main() -> None:
    args = parse_args()
    if args.output_dir.exists():
        raise SystemExit(f"expected a new folder, got {args.output_dir}, which exists")
    run, former = read_items(args.run), read_items(args.former)
    check_same(run, former)
    kept = former[~former["method"].isin(run["method"].unique())]
    Journal(args.output_dir, "rows").append([*as_json_rows(run), *as_json_rows(kept)])
    Journal(args.output_dir, "embeddings").append(Journal(args.run, "embeddings").read())
    shutil.copyfile(args.run / "manifest.jsonl", args.output_dir / "manifest.jsonl")
    rows, embeddings = collect(args.output_dir)
    write_report(rows, embeddings, args.output_dir, title=f"aidd: {rows['protocol'].iloc[0]}")
    for picture in (args.run / "plots").glob("example-*.png"):
        shutil.copyfile(picture, args.output_dir / "plots" / picture.name)


if __name__ == "__main__":
    main()
