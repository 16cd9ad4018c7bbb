"""Rows of a study, each on disk as soon as it is measured, so that a study that was stopped goes on from there."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from aidd.evaluation.runs.journal import Journal


def kept_rows(page: Path, key: Sequence[str], measure: Callable[[set[tuple]], Iterable[dict]]) -> list[dict]:
    """
    Measures what is not done yet.

    Args:
        page: that the study writes. The rows are kept beside it.
        key: columns that tell rows apart.
        measure: from the keys of the rows that are there to further rows, one after another.

    Returns:
        All rows.
    """
    journal = Journal(page.parent, page.stem)
    rows = journal.read()
    for row in measure({tuple(row[name] for name in key) for row in rows}):
        journal.append([row])
        rows.append(row)
    return rows
