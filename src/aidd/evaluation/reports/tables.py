"""Tables of an evaluation: a line for each method, a column for each gap length, as Markdown and as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import (
    ALL_METRICS,
    COMPARED,
    DIFFERENCES,
    GAP_SECONDS,
    SET_METRICS,
    metric_columns,
    metric_of,
    noun,
    written,
)
from .aggregate import paired_differences, set_distances, summarise


if TYPE_CHECKING:
    import pandas as pd


# Signs that Markdown or the HTML in it would read as more than text. Underscores within words it takes as they are.
MARKDOWN = str.maketrans({**{sign: "\\" + sign for sign in "\\`*[]|<>&$~"}, "\n": " ", "\r": " "})


@dataclass(frozen=True)
class Section:
    """
    The rows that share a table: of one kind of damage, of which one parameter differs.

    Args:
        title: the kind, and the parameters of which other sections of the kind have other values.
        geometry: the kind.
        fixed: those parameters, by column.
        column: of the rows, each of whose values has a column of the table.
        rows: a row for each item and method.
        embeddings: a row for each window and method, with `column`.
    """

    title: str
    geometry: str
    fixed: Mapping[str, object]
    column: str
    rows: pd.DataFrame
    embeddings: pd.DataFrame

    @property
    def values(self) -> list:
        return sorted(self.rows[self.column].unique())

    @property
    def labels(self) -> dict[Any, str]:
        return {value: written(self.column, value) for value in self.values}


@dataclass(frozen=True)
class Cell:
    """A mean and its interval as written, either of which may be empty, and what was left out of them."""

    mean: str = ""
    interval: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(filter(None, [f"{self.mean} {self.interval}".strip(), *self.notes]))


@dataclass(frozen=True)
class Table:
    """Headings of the columns, the first that of the methods, and a line of cells a method."""

    headings: list[str]
    lines: dict[str, list[Cell]]

    def markdown(self) -> str:
        lines = [f"| {escaped(method)} | {' | '.join(map(str, cells))} |\n" for method, cells in self.lines.items()]
        head = f"| {' | '.join(map(escaped, self.headings))} |\n"
        return head + "| --- " * len(self.headings) + "|\n" + "".join(lines)

    def html(self) -> str:
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.headings)
        body = "".join(
            f'<tr><th scope="row">{escape(method)}</th>{"".join(map(_html, cells))}</tr>\n'
            for method, cells in self.lines.items()
        )
        return f'<div class="table"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'


def sections(rows: pd.DataFrame, embeddings: pd.DataFrame) -> list[Section]:
    """
    Rows apart by kind of damage, and by every parameter of several values but one: the gap length, where it has
    several, else the first that has.
    """
    found = []
    for geometry, items in rows.groupby("geometry", sort=False):
        items = items.dropna(axis=1, how="all")
        parameters = [name for name in items if name.startswith("param_")]
        # Lists can be no keys.
        lists = [name for name in parameters if not np.isscalar(items[name].iloc[0])]
        items = items.assign(**{name: items[name].map(str) for name in lists})
        varying = [name for name in parameters if items[name].nunique(dropna=False) > 1]
        candidates = varying or parameters or ["condition"]
        column = GAP_SECONDS if GAP_SECONDS in candidates else candidates[0]
        others = [name for name in varying if name != column]
        for values, part in items.groupby(others, dropna=False) if others else [((), items)]:
            fixed = dict(zip(others, values, strict=True))
            title = ", ".join([geometry, *(f"{noun(name)} {written(name, value)}" for name, value in fixed.items())])
            of_item = part.drop_duplicates("item").set_index("item")[column]
            windows = embeddings[embeddings["item"].isin(of_item.index)]
            windows = windows.assign(**{column: windows["item"].map(of_item)})
            found.append(Section(title, geometry, fixed, column, part, windows))
    return found


def summaries(section: Section) -> dict[str, pd.DataFrame]:
    """
    Summarises each metric of a section that has values: differences need rows of `aidd`, KAD and FAD windows of three
    recordings. Metrics that [`~aidd.evaluation.columns.ALL_METRICS`] does not list come last.

    Returns:
        By metric, a row for each method and value of the section's column: those two columns, `mean`, `low`, `high`
        and `n`; for metrics of items, `num_recordings` and `num_infinite` too.
    """
    import pandas as pd

    by = ["method", section.column]
    found = {name: summarise(section.rows, name, by) for name in metric_columns(section.rows)}
    others = [name for name in section.rows["method"].unique() if name != COMPARED]
    if others and len(others) < section.rows["method"].nunique():
        for name in DIFFERENCES:
            metric = name.removesuffix("_difference")
            if metric in found:
                differences = {
                    other: paired_differences(section.rows, metric, other, COMPARED, [section.column])
                    for other in others
                }
                found[name] = pd.concat(differences, names=["method"]).reset_index("method")
    distances = set_distances(section.embeddings, [section.column])
    if len(distances):
        order = {name: place for place, name in enumerate(section.rows["method"].unique())}
        distances = distances.sort_values("method", key=lambda names: names.map(order), kind="stable")
        for name in SET_METRICS:
            columns = {name: "mean", f"{name}_low": "low", f"{name}_high": "high"}
            found[name] = distances[[*by, *columns, "n"]].rename(columns=columns)
    return {name: found[name] for name in sorted(found, key=lambda name: name not in ALL_METRICS)}


def table(section: Section, name: str, summary: pd.DataFrame, *, with_intervals: bool) -> Table:
    """The table of a metric, from what [`summaries`] found."""
    metric = metric_of(name)
    means = summary.set_index(["method", section.column])
    items = dict(list(section.rows.groupby(["method", section.column])))
    lines = {}
    for method in section.rows["method"].unique():
        cells = []
        for value in section.values:
            key = method, value
            cell = _cell(means.loc[key], metric.digits, with_intervals) if key in means.index else Cell()
            notes = _left_out(items[key], name) if key in items and name in section.rows else ()
            cells.append(Cell(cell.mean, cell.interval, notes))
        if any(map(str, cells)):
            lines[method] = cells
    return Table([metric.title, *section.labels.values()], lines)


def sample_sizes(section: Section, found: Mapping[str, pd.DataFrame]) -> str:
    """How many items, recordings and windows the tables of a section are computed from."""
    rows = section.rows
    counts = rows.groupby(["method", section.column]).size().groupby(section.column).max()
    kind = "gaps" if (rows["num_gaps"] == 1).all() else "segments"
    recordings = rows["recording"].nunique()
    each = "length" if section.column == GAP_SECONDS else "column"
    text = f"n = {_listed(counts)} {kind} a {each}, of {recordings} recording{'s' * (recordings > 1)}."
    if "kad" in found:
        windows = found["kad"].groupby(section.column)["n"].max()
        text = f"KAD and FAD: n = {_listed(windows)} windows a {each}. {text}"
    return text


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.translate(MARKDOWN)


def _cell(summary: pd.Series, digits: int, with_interval: bool) -> Cell:
    if not np.isfinite(summary["mean"]):
        return Cell()
    mean = _number(summary["mean"], digits)
    if not with_interval or not np.isfinite(summary[["low", "high"]].to_numpy(float)).all():
        return Cell(mean)
    return Cell(mean, f"[{_number(summary['low'], digits)}, {_number(summary['high'], digits)}]")


def _number(value: float, digits: int) -> str:
    """Without a sign before zeros."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def _left_out(items: pd.DataFrame, name: str) -> tuple[str, ...]:
    """Items that are not in a mean: infinite values, and refusals of the method."""
    values = items[name].abs() if metric_of(name).signed else items[name]
    infinite = {value: int((values == value).sum()) for value in (-np.inf, np.inf)}
    refused = int(items["refusal"].notna().sum()) if "refusal" in items else 0
    notes = [f"{count} of {value:g}" for value, count in infinite.items() if count]
    return (*notes, *([f"{refused} refused"] if refused else []))


def _listed(counts: pd.Series) -> str:
    return ", ".join(map(str, counts)) if counts.nunique() > 1 else str(counts.iloc[0])


def _html(cell: Cell) -> str:
    small = ", ".join(filter(None, [cell.interval, *cell.notes]))
    return f"<td>{escape(cell.mean)}{f'<small>{escape(small)}</small>' if small else ''}</td>"
