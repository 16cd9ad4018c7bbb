"""The journals of a run as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...signals.replacing import replacing
from ..methods.names import ANCHORS, CELL_METHODS, EVALUATED_METHODS
from .journal import Journal


if TYPE_CHECKING:
    import pandas as pd

# Columns that an embedding's row takes over from the row of its item.
EMBEDDING_COLUMNS = ("recording", "condition", "geometry", "num_gaps", "missing_seconds", "coverage")


def collect(output_dir: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Writes the rows of all processes to `items.parquet` and `embeddings.parquet`, each to a temporary file that is then
    renamed, and returns them.

    Returns:
        A row for each item and method, and one for each window and method, in an order that does not depend on which
        process made them. Embeddings have the columns of their item's conditions too.

    Raises:
        ValueError: a folder without rows, or without the embeddings of its rows.
    """
    import pandas as pd

    folder = Path(output_dir)
    rows = pd.DataFrame(Journal(folder, "rows").read())
    if rows.empty:
        raise ValueError(f"{folder} holds no row of a run")
    # A process that was killed may have written embeddings that are written again with the row.
    embeddings = pd.DataFrame(Journal(folder, "embeddings").read())
    if embeddings.empty:
        raise ValueError(f"{folder} holds rows of a run, but no embedding")
    embeddings = embeddings.drop_duplicates(["item", "method", "window"])
    rows = rows.drop_duplicates(["item", "method"])
    # JSON has no number for these.
    texts = [name for name in rows if rows[name].isin(["inf", "-inf", "nan"]).any()]
    rows = rows.astype(dict.fromkeys(texts, float))
    rows = rows.assign(place=rows["method"].map(_place))
    rows = rows.sort_values(["recording", "start", "condition", "place", "method"]).reset_index(drop=True)
    rows = rows.drop(columns="place")
    columns = [*EMBEDDING_COLUMNS, *(name for name in rows if name.startswith("param_"))]
    embeddings = embeddings.merge(rows.drop_duplicates("item")[["item", *columns]], on="item")
    embeddings = embeddings.sort_values(["recording", "item", "method", "window"]).reset_index(drop=True)
    for name, frame in {"items": rows, "embeddings": embeddings}.items():
        with replacing(folder / f"{name}.parquet") as unfinished:
            frame.to_parquet(unfinished, index=False)
    return rows, embeddings


def _place(method: str) -> int:
    """Place in tables: the anchors of every run, then the package's other methods, then any others."""
    order = list(dict.fromkeys([*ANCHORS, *EVALUATED_METHODS, *CELL_METHODS]))
    return order.index(method) if method in order else len(order)
