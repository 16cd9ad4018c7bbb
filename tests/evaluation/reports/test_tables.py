import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aidd.evaluation.columns import METRICS, SET_METRICS, metric_columns, metric_of
from aidd.evaluation.reports.aggregate import paired_differences, set_distances, summarise
from aidd.evaluation.reports.tables import sample_sizes, sections, summaries, table


METHODS = ["masked", "linear", "aidd"]
SWEEP = [
    *({"geometry": "periodic_gaps", "coverage": c, "gap_seconds": g} for c in (0.01, 0.1) for g in (0.01, 0.05)),
    *({"geometry": "clipped", "level_db": level} for level in (3.0, 6.0)),
    {"geometry": "fixed_gaps", "start_seconds": [0.8, 1.7], "gap_seconds": 0.1},
]


def cells_of(markdown):
    """The cells of every line but the rule."""
    lines = markdown.splitlines()
    assert set(lines[1]) <= set("| -")
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in (lines[0], *lines[2:])]


def test_every_number_in_a_table_is_the_summarys(made_up_rows, centred):
    rows, embeddings = made_up_rows(METHODS, centred)
    (section,) = sections(rows, embeddings)
    found = summaries(section)
    assert list(found) == ["lsd", "snr", "level_error", "lsd_difference", "kad", "fad"]
    for name, digits in {"lsd": 3, "snr": 1, "level_error": 1}.items():
        head, *lines = cells_of(table(section, name, found[name], with_intervals=True).markdown())
        assert head == [METRICS[name].title, "20 ms", "375 ms"] and [line[0] for line in lines] == METHODS
        expected = summarise(rows, name, ["method", "param_gap_seconds"]).set_index(["method", "param_gap_seconds"])
        for method, *cells in lines:
            for seconds, cell in zip((0.02, 0.375), cells, strict=True):
                summary, words = expected.loc[method, seconds], []
                if np.isfinite(summary["mean"]):
                    words = [
                        f"{summary['mean']:.{digits}f} [{summary['low']:.{digits}f}",
                        f"{summary['high']:.{digits}f}]",
                    ]
                if summary["num_infinite"]:
                    words.append(f"{summary['num_infinite']:.0f} of inf")
                if summary["n"] < 8:
                    words.append(f"{8 - summary['n']:.0f} refused")
                assert cell == ", ".join(words)
        means = cells_of(table(section, name, found[name], with_intervals=False).markdown())
        without = re.compile(r" \[[^]]*\]")
        assert means[1:] == [[without.sub("", cell) for cell in line] for line in lines]
    assert (
        cells_of(table(section, "level_error", found["level_error"], with_intervals=True).markdown())[1][1]
        == "8 of inf"
    )
    assert sample_sizes(section, {}) == "n = 8 gaps a length, of 4 recordings."


def test_distances_of_sets_are_those_of_the_aggregate(made_up_rows, centred):
    rows, embeddings = made_up_rows(METHODS, centred)
    embeddings["param_gap_seconds"] = embeddings["item"].map(lambda item: float(item.split("=")[-1]))
    (section,) = sections(rows, embeddings)
    found = summaries(section)
    expected = set_distances(embeddings, ["param_gap_seconds"]).set_index(["method", "param_gap_seconds"])
    for name in SET_METRICS:
        _, *lines = cells_of(table(section, name, found[name], with_intervals=True).markdown())
        assert [line[0] for line in lines] == METHODS
        for method, *cells in lines:
            for seconds, cell in zip((0.02, 0.375), cells, strict=True):
                row = expected.loc[method, seconds]
                assert cell == f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"
    assert sample_sizes(section, found).startswith("KAD and FAD: n = 8 windows a length. n = 8 gaps")


def test_two_recordings_are_too_few_for_distances_of_sets(made_up_rows, centred):
    (section,) = sections(*made_up_rows(METHODS, centred, num_recordings=2))
    assert list(summaries(section)) == ["lsd", "snr", "level_error", "lsd_difference"]


def test_differences_are_those_of_the_aggregate_and_need_what_they_differ_from(made_up_rows, centred):
    rows, embeddings = made_up_rows(METHODS, centred)
    (section,) = sections(rows, embeddings)
    _, *lines = cells_of(
        table(section, "lsd_difference", summaries(section)["lsd_difference"], with_intervals=True).markdown()
    )
    assert [line[0] for line in lines] == ["masked", "linear"]
    for method, *cells in lines:
        expected = paired_differences(rows, "lsd", method, "aidd", ["param_gap_seconds"])
        assert cells == [
            f"{r['mean']:.4f} [{r['low']:.4f}, {r['high']:.4f}]"
            for _, r in expected.sort_values("param_gap_seconds").iterrows()
        ]
    for methods in (["masked", "linear"], ["aidd"]):
        (section,) = sections(*made_up_rows(methods, centred))
        assert "lsd_difference" not in summaries(section)


def test_sections_share_out_the_rows_and_differ_in_one_parameter_within(made_up_rows):
    rows, embeddings = made_up_rows(METHODS, SWEEP)
    found = sections(rows, embeddings)
    assert sorted(index for section in found for index in section.rows.index) == list(rows.index)
    assert sum(len(section.embeddings) for section in found) == len(embeddings)
    assert [(section.title, section.column, list(section.labels.values())) for section in found] == [
        ("periodic_gaps, coverage 1 %", "param_gap_seconds", ["10 ms", "50 ms"]),
        ("periodic_gaps, coverage 10 %", "param_gap_seconds", ["10 ms", "50 ms"]),
        ("clipped", "param_level_db", ["3 dB", "6 dB"]),
        ("fixed_gaps", "param_gap_seconds", ["100 ms"]),
    ]
    for section in found:
        parameters = [name for name in rows if name.startswith("param_")]
        assert {name for name in parameters if section.rows.get(name, rows[name][:0]).map(str).nunique() > 1} <= {
            section.column
        }


@pytest.mark.parametrize("name", ["a|b", "a\nb", "<script>x</script>", "[a](b)", "a\\|b", "*a* `b` $c$", "&lt;"])
def test_no_name_breaks_a_table(made_up_rows, centred, name):
    tables = []
    for method in ("plain", name):
        (section,) = sections(*made_up_rows([method, "other"], centred))
        tables.append(table(section, "lsd", summaries(section)["lsd"], with_intervals=True))
    plain, hostile = (one.markdown() for one in tables)
    assert hostile.count("\n") == plain.count("\n") and "<" not in hostile.replace("\\<", "")
    assert [line[1:] for line in cells_of(hostile)] == [line[1:] for line in cells_of(plain)]
    unescaped = re.sub(r"\\(.)", r"\1", cells_of(hostile)[1][0])
    assert unescaped == name.replace("\n", " ")
    assert [tag for tag, _ in parsed(tables[1].html())] == [tag for tag, _ in parsed(tables[0].html())]
    assert name in [text for _, text in parsed(tables[1].html())]


def test_numbers_of_an_unknown_metric_come_last_under_their_own_name(made_up_rows, centred):
    rows, embeddings = made_up_rows(METHODS, centred)
    rows = rows.assign(peak_error=np.linspace(-1, 1, len(rows)), start=0, seconds=1.5, with_visqol=False, version_x=3)
    (section,) = sections(rows, embeddings)
    found = summaries(section)
    assert list(found) == ["lsd", "snr", "level_error", "lsd_difference", "kad", "fad", "peak_error"]
    head, *lines = cells_of(table(section, "peak_error", found["peak_error"], with_intervals=True).markdown())
    assert head[0] == "peak_error" and metric_of("peak_error").heading == "peak_error"
    means = rows.groupby(["method", "param_gap_seconds"])["peak_error"].mean()
    for method, *cells in lines:
        assert [cell.split()[0] for cell in cells] == [f"{mean:.3f}" for mean in means[method]]


def test_recorded_rows_hold_no_metric_but_those_that_were_measured():
    files = sorted(Path(__file__).parents[3].glob("*/*/*/items.parquet"))
    assert files
    for file in files:
        assert set(metric_columns(pd.read_parquet(file))) <= set(METRICS), file


def test_html_says_what_markdown_says(made_up_rows, centred):
    (section,) = sections(*made_up_rows(METHODS, centred))
    one = table(section, "snr", summaries(section)["snr"], with_intervals=True)
    words = re.compile(r"[^][,\s|]+")
    html = " ".join(text for _, text in parsed(one.html()))
    assert words.findall(html) == [word for line in cells_of(one.markdown()) for word in words.findall(" ".join(line))]


def parsed(html):
    """Tags, each with the text right behind it."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, ""))

        def handle_data(self, data):
            found[-1] = (found[-1][0], found[-1][1] + data)

    Reader().feed(html)
    return [(tag, text.strip("\n")) for tag, text in found]


def test_a_method_that_refused_all_has_a_line_that_says_so(made_up_rows, centred):
    rows, embeddings = made_up_rows(METHODS, centred)
    of_aidd = rows["method"] == "aidd"
    rows.loc[of_aidd, ["lsd", "snr", "level_error"]] = np.nan
    rows.loc[of_aidd, "refusal"] = "too long"
    embeddings = embeddings[embeddings["method"] != "aidd"]
    (section,) = sections(rows, embeddings)
    found = summaries(section)
    lines = cells_of(table(section, "lsd", found["lsd"], with_intervals=True).markdown())
    assert lines[-1] == ["aidd", "8 refused", "8 refused"]
    only = rows[rows["method"] == "aidd"]
    (section,) = sections(only, embeddings[embeddings["method"] == "reference"])
    assert all(frame.empty for frame in summaries(section).values())
