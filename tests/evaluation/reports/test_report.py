import re
import sys

import numpy as np
import pandas as pd
import pytest

from aidd.evaluation.reports.page import Example
from aidd.evaluation.reports.report import provenance, write_report, write_tables
from aidd.evaluation.reports.tables import sections, summaries, table


METHODS = ["masked", "linear", "aidd"]
SWEEP = [
    {"geometry": "periodic_gaps", "coverage": coverage, "gap_seconds": seconds}
    for coverage in (0.01, 0.1)
    for seconds in (0.01, 0.05)
]
NO_EMBEDDINGS = pd.DataFrame(columns=["item", "recording", "method", "window", "embedding"])


def an_example():
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    audios = {"original": audio, "damaged": np.where(np.arange(8000) // 1000 == 3, 0, audio), "linear": 0.9 * audio}
    return Example("k", "Some music", 8000, [(0.375, 0.5)], audios)


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_kind_of_damage_makes_a_table_a_metric_and_a_line_of_numbers(made_up_rows, centred, tmp_path):
    rows, embeddings = made_up_rows(METHODS, centred)
    write_tables(rows, embeddings, tmp_path / "new")
    (section,) = sections(rows, embeddings)
    found = summaries(section)
    tables = [table(section, name, found[name], with_intervals=True).markdown() for name in found]
    results = (tmp_path / "new" / "results.md").read_text()
    facts, *parts = results.split("\n\n")
    assert facts == "protocol made_up; seed 0; model tiny; numpy 2; recordings of made_up."
    assert [part.strip() for part in parts[:-1]] == [one.strip() for one in tables] and len(tables) == 6
    assert results.endswith("n = 8 windows a length. n = 8 gaps a length, of 4 recordings.\n")
    summary = (tmp_path / "new" / "summary.md").read_text()
    means = [table(section, name, found[name], with_intervals=False).markdown() for name in ("lsd", "snr")]
    assert summary == "\n".join([*means, "n = 8 gaps a length, of 4 recordings.\n"])


def test_a_metric_that_misleads_says_so(made_up_rows, centred, tmp_path):
    rows, embeddings = made_up_rows(METHODS, centred)
    write_tables(rows.assign(odg=-1.0), embeddings, tmp_path)
    assert "do not rank silence by it." in (tmp_path / "results.md").read_text().splitlines()[-1]


def test_an_unknown_metric_has_tables_curves_and_maps(made_up_rows, centred, tmp_path):
    pytest.importorskip("matplotlib")
    rows, _ = made_up_rows(METHODS, centred)
    write_report(rows.assign(peak_error=0.25), NO_EMBEDDINGS, tmp_path / "one")
    assert {f"plots/{name}.svg" for name in ("lsd", "snr", "level_error", "lsd_difference", "peak_error")} == {
        name for name in files_in(tmp_path / "one") if name.startswith("plots/")
    }
    for name in ("results.md", "summary.md", "index.html"):
        assert "peak_error" in (tmp_path / "one" / name).read_text()
    rows, _ = made_up_rows(METHODS, SWEEP)
    write_report(rows.assign(peak_error=0.25), NO_EMBEDDINGS, tmp_path / "sweep")
    assert (tmp_path / "sweep" / "plots" / "periodic_gaps-map-peak_error.svg").is_file()


def test_provenance_names_all_values(made_up_rows, centred):
    rows, _ = made_up_rows(METHODS, centred)
    rows.loc[3, ["seed", "recording"]] = [7, "elsewhere/1.wav"]
    assert "seed 0, 7;" in provenance(rows) and "recordings of made_up, elsewhere." in provenance(rows)


def test_a_report_shows_all_it_writes(made_up_rows, centred, tmp_path):
    pytest.importorskip("matplotlib")
    rows, embeddings = made_up_rows(METHODS, centred)
    write_report(rows, embeddings, tmp_path, examples=[an_example()], title="My <run>")
    files = files_in(tmp_path)
    assert not [name for name in files if ".part" in name]
    index = files["index.html"].decode()
    shown = set(re.findall(r'(?:src|href)="([^"#:]+)"', index))
    assert shown <= set(files) and "My &lt;run&gt;" in index and "blind.html" in shown
    curves = {f"plots/{name}.svg" for name in ("lsd", "snr", "level_error", "lsd_difference", "kad", "fad")}
    pages = {"index.html", "blind.html", "results.md", "summary.md", "plots/example-01.png"}
    blind = {name for name in files if name.startswith("blind/")}
    assert set(files) == curves | pages | blind | shown and len(blind) == 4
    (section,) = sections(rows, embeddings)
    assert all(
        table(section, name, one, with_intervals=True).html() in index for name, one in summaries(section).items()
    )
    write_tables(rows, embeddings, tmp_path / "tables")
    assert files_in(tmp_path / "tables") == {name: files[name] for name in ("results.md", "summary.md")}
    write_report(rows, embeddings, tmp_path / "again", examples=[an_example()], title="My <run>")
    assert files_in(tmp_path / "again") == files


def test_length_and_coverage_make_maps_and_a_section_a_coverage(made_up_rows, tmp_path):
    pytest.importorskip("matplotlib")
    rows, _ = made_up_rows(METHODS, [*SWEEP, {"geometry": "<clipped>", "level_db": 3.0}])
    write_report(rows, NO_EMBEDDINGS, tmp_path)
    files = files_in(tmp_path)
    shown = ("lsd", "snr", "level_error", "lsd_difference")
    curves = [f"plots/periodic_gaps-coverage-{c}-{m}.svg" for c in (1, 10) for m in shown]
    maps = [f"plots/periodic_gaps-map-{metric}.svg" for metric in shown]
    assert set(files) == {"index.html", "results.md", "summary.md", *curves, *maps}
    headings = [line for line in files["results.md"].decode().splitlines() if line.startswith("#")]
    assert headings == ["### periodic_gaps, coverage 1 %", "### periodic_gaps, coverage 10 %", "### \\<clipped\\>"]
    index = files["index.html"].decode()
    assert all(f'src="{name}"' in index for name in (*curves, *maps)) and "blind.html" not in index
    assert "<clipped>" not in index and index.count("&lt;clipped&gt;") == 2


def test_without_matplotlib_tables_are_written_and_a_report_is_refused_whole(
    made_up_rows, centred, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    rows, embeddings = made_up_rows(METHODS, centred)
    with pytest.raises(ImportError, match=r'pip install "aidd\[report\]"'):
        write_report(rows, embeddings, tmp_path / "report")
    assert not (tmp_path / "report").exists()
    write_tables(rows, embeddings, tmp_path / "tables")
    assert set(files_in(tmp_path / "tables")) == {"results.md", "summary.md"}
