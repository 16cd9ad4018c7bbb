"""Recorded evaluations that cards quote."""

from pathlib import Path

import pandas as pd


def read_items(folder: Path) -> pd.DataFrame:
    """The rows of an output folder of `aidd evaluate`. Raises `SystemExit` if the folder has none."""
    if not (folder / "items.parquet").is_file():
        raise SystemExit(f"{folder}: expected a folder of `aidd evaluate`, found one without items.parquet")
    return pd.read_parquet(folder / "items.parquet")
