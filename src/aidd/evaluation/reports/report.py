"""Writes the results of a run for readers: tables, plots, and pages to listen to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from ..columns import ALL_METRICS, PROVENANCE, SET_METRICS, metric_of, noun, written
from .page import Example, slug, write_blind_page, write_index_page, write_text
from .plots import check_matplotlib, heat_maps, metric_curves, save_figure, spectrogram_figure
from .tables import Section, escaped, sample_sizes, sections, summaries, table


if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Metrics of the package that the summary shows.
SUMMARY = ("lsd", "snr", "snr_cells")

# A section, and by metric what `summaries` found in it.
Found = tuple[Section, Mapping[str, "pd.DataFrame"]]


def write_tables(rows: pd.DataFrame, embeddings: pd.DataFrame, folder: str | Path) -> None:
    """
    Writes `results.md`, means of every metric with 95 % intervals by recording, and `summary.md`, means of LSD, SNR
    and metrics of the user. Each metric has a table, with a line for each method and a column for each gap length (or
    whatever else differs). Values that are not finite, and items that a method refused, are counted next to the mean
    of the others.

    Args:
        rows, embeddings: as [`~aidd.evaluation.runs.results.collect`] returns them.
        folder: made where it is not there. Both files are replaced whole.
    """
    _write_tables(_found(rows, embeddings), provenance(rows), Path(folder))


def write_report(
    rows: pd.DataFrame,
    embeddings: pd.DataFrame,
    folder: str | Path,
    *,
    examples: Sequence[Example] = (),
    title: str = "Evaluation",
) -> None:
    """
    Writes what [`write_tables`] does, pictures (`plots/`), `index.html`, which shows it all and plays the examples,
    and, where there are examples, `blind.html` (see [`~aidd.evaluation.reports.page.write_blind_page`]).

    Args:
        rows, embeddings: as [`~aidd.evaluation.runs.results.collect`] returns them.
        folder: made where it is not there. Every file is replaced whole.
        examples: to listen to.
        title: of the page.

    Raises:
        ImportError: no matplotlib; then nothing is written.
        ValueError: as [`~aidd.evaluation.reports.page.write_blind_page`].
    """
    check_matplotlib()
    folder, found = Path(folder), _found(rows, embeddings)
    _write_tables(found, provenance(rows), folder)
    (folder / "plots").mkdir(exist_ok=True)
    results, methods = "", list(rows["method"].unique())
    for geometry in rows["geometry"].unique():
        of_geometry = [part for part in found if part[0].geometry == geometry]
        maps = _heat_maps_html(of_geometry, folder)
        if len(found) > 1:
            results += f"<h3>{escape(geometry)}</h3>\n{maps}"
        results += "".join(_section_html(part, methods, folder, is_folded=len(found) > 1) for part in of_geometry)
    for number, example in enumerate(examples, 1):
        figure = spectrogram_figure(
            example.audios, example.gaps, sampling_rate=example.sampling_rate, title=example.title
        )
        save_figure(figure, folder / "plots" / f"example-{number:02d}.png")
    if examples:
        write_blind_page(folder, examples)
    links = {"Blind listening test": "blind.html"} if examples else {}
    write_index_page(folder, examples, title=title, facts=provenance(rows), results=results, links=links)


def provenance(rows: pd.DataFrame) -> str:
    """What was run, on what, and with which packages, in one line: all values of these columns."""
    columns = [name for name in rows.dropna(axis=1, how="all") if name in PROVENANCE or name.startswith("version_")]
    facts = [
        f"{name.removeprefix('version_').replace('_', ' ')} {', '.join(map(str, rows[name].dropna().unique()))}"
        for name in columns
    ]
    folders = rows["recording"].str.split("/").str[0].unique()
    return "; ".join([*facts, f"recordings of {', '.join(folders)}"]) + "."


def _found(rows: pd.DataFrame, embeddings: pd.DataFrame) -> list[Found]:
    return [(section, summaries(section)) for section in sections(rows, embeddings)]


def _write_tables(found: Sequence[Found], facts: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results, summary = [escaped(facts) + "\n"], []
    for section, of_metric in found:
        title = [f"### {escaped(section.title)}\n"] if len(found) > 1 else []
        all_tables = [table(section, name, of_metric[name], with_intervals=True) for name in of_metric]
        shown = [name for name in of_metric if name in SUMMARY or name not in ALL_METRICS]
        means = [table(section, name, of_metric[name], with_intervals=False) for name in shown]
        of_items = {name: value for name, value in of_metric.items() if name not in SET_METRICS}
        metrics = [metric_of(name) for name in of_metric]
        notes = [escaped(f"{metric.title}: {metric.note}") for metric in metrics if metric.note]
        facts_of_section = " ".join([sample_sizes(section, of_metric), *notes])
        results += [*title, *(one.markdown() for one in all_tables), facts_of_section + "\n"]
        summary += [*title, *(one.markdown() for one in means), sample_sizes(section, of_items) + "\n"]
    write_text(folder / "results.md", "\n".join(results))
    write_text(folder / "summary.md", "\n".join(summary))


def _section_html(found: Found, methods: Sequence[str], folder: Path, *, is_folded: bool) -> str:
    section, of_metric = found
    images = ""
    if len(section.values) > 1 and all(isinstance(value, Real) for value in section.values):
        for name, summary in of_metric.items():
            metric = metric_of(name)
            figure = metric_curves(
                summary,
                methods,
                x=section.column,
                x_labels=section.labels,
                x_title=noun(section.column),
                title=metric.heading,
                logarithmic=metric.logarithmic,
            )
            file = f"{slug(section.title)}-{slug(name)}" if is_folded else slug(name)
            images += _saved(figure, file, f"{metric.title} against {noun(section.column)}", folder)
    listed = "".join(table(section, name, of_metric[name], with_intervals=True).html() for name in of_metric)
    listed += f'<p class="facts">{escape(sample_sizes(section, of_metric))}</p>'
    plots = f'<div class="plots">{images}</div>\n'
    if is_folded:
        return f"<details><summary>{escape(section.title)}</summary>\n{plots}{listed}</details>\n"
    return f"{plots}<details><summary>Tables, with 95 % intervals by recording</summary>\n{listed}</details>\n"


def _heat_maps_html(found: Sequence[Found], folder: Path) -> str:
    """Maps of a kind of damage of which two parameters vary: one between sections, one between their columns."""
    import pandas as pd

    varying = {(*section.fixed, section.column) for section, _ in found}
    if len(found) < 2 or len(varying) > 1 or len(*varying) != 2:
        return ""
    y, x = next(iter(varying))
    if not all(isinstance(value, Real) for section, _ in found for value in (*section.values, section.fixed[y])):
        return ""
    labels = {
        x: {value: text for section, _ in found for value, text in section.labels.items()},
        y: {section.fixed[y]: written(y, section.fixed[y]) for section, _ in found},
    }
    images = ""
    for name in dict.fromkeys([*ALL_METRICS, *(name for _, of_metric in found for name in of_metric)]):
        parts = [of_metric[name].assign(**{y: section.fixed[y]}) for section, of_metric in found if name in of_metric]
        if parts:
            metric, titles = metric_of(name), {x: noun(x), y: noun(y)}
            figure = heat_maps(pd.concat(parts), x=x, y=y, labels=labels, titles={**titles, "mean": metric.heading})
            file = f"{slug(found[0][0].geometry)}-map-{slug(name)}"
            images += _saved(figure, file, f"{metric.title} by {noun(x)} and {noun(y)}", folder)
    return f'<div class="plots maps">{images}</div>\n'


def _saved(figure: Figure, name: str, description: str, folder: Path) -> str:
    save_figure(figure, folder / "plots" / f"{name}.svg")
    return f'<img src="plots/{name}.svg" alt="{escape(description)}" loading="lazy">'
