"""The studies of what a recording knows, of `best`, and of adaptation, with a tiny model."""

import json

import numpy as np
import pytest
import soundfile as sf
from scripts import run, write_tones

from aidd import RepairRequest, repair_file


def test_the_study_of_best_has_a_line_a_gap_and_method_and_goes_on_where_it_was_stopped(tmp_path):
    write_tones(tmp_path / "recordings" / "a.wav", 8.0)
    arguments = (
        *("study_best", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--candidates", "lines", "linear", "--chroma_weight_db", 0, 10),
    )
    run(*arguments, "--gap_ms", 50)
    journal = tmp_path / "study-0.jsonl"
    first = journal.read_text()
    (row,) = map(json.loads, first.splitlines())
    assert row["trial"]["rounds"] == 4 and row["trial"]["chosen"] == "lines"
    run(*arguments, "--gap_ms", 50, 100)
    assert journal.read_text().startswith(first) and len(journal.read_text().splitlines()) == 2
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()[4:]]
    names = ("lines", "linear", "best, 0 dB", "best, 10 dB", "the nearest of all")
    assert [line[:3] for line in lines] == [[gap, name, "1"] for gap in ("50", "100") for name in names]
    # The table repeats what was filled.
    assert float(lines[0][3].split()[0]) == pytest.approx(row["real"]["lines"]["log_mel_db"], abs=1e-3)


def test_the_study_of_recordings_parts_what_repeats_from_what_does_not(tmp_path):
    generator = np.random.default_rng(0)
    bar = generator.normal(size=24_000) * np.exp(-np.arange(24_000) / 6_000)
    for name, audio in {"a": np.tile(bar, 9), "b": generator.normal(size=9 * 24_000)}.items():
        (tmp_path / "recordings").mkdir(exist_ok=True)
        sf.write(tmp_path / "recordings" / f"{name}.wav", 0.1 * audio, 24_000)
    arguments = (
        *("study_recording", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--methods", "similarity", "lines", "--segments_per_recording", 1, "--likeness", 0.9),
    )
    run(*arguments, "--gap_ms", 100)
    journal = tmp_path / "study-0.jsonl"
    first = journal.read_text()
    run(*arguments, "--gap_ms", 100)
    assert journal.read_text() == first
    repeating, noise = map(json.loads, first.splitlines())
    assert repeating["likeness"] > 0.99 and repeating["measures"]["similarity"]["snr"] > 20
    assert noise["likeness"] is None and noise["measures"]["similarity"] is None
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()[4:]]
    alike, other = "likeness from 0.9 on", "likeness below 0.9, or refused"
    groups = [("filled by all", "similarity"), ("filled by all", "lines"), (alike, "similarity"), (alike, "lines")]
    assert [line[1:3] for line in lines] == [*map(list, groups), [other, "lines"]]
    assert all(line[4] == "1" for line in lines)


def test_the_study_of_adaptation_has_a_line_a_bound(tiny_pipeline, tmp_path):
    pytest.importorskip("peft")
    tiny_pipeline.save_pretrained(tmp_path / "model")
    (tmp_path / "recordings").mkdir()
    sf.write(tmp_path / "recordings" / "a.wav", 0.1 * np.random.default_rng(0).normal(size=9 * 24_000), 24_000)
    run(
        *("study_adaptation", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", tmp_path / "model", "--seconds", 0, "--steps", 2, "--gap_ms", 100, "--gaps_per_recording", 2),
    )
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "study.md").read_text().splitlines()[4:]]
    assert [line[:2] for line in lines] == [["nothing", "2"], ["0 s", "2"], ["2 steps", "2"]]
    assert lines[1][-1].endswith("/1") and lines[2][-1].endswith("/2")
    rows = [json.loads(line) for line in (tmp_path / "study-0.jsonl").read_text().splitlines()]
    assert [len(row["log_mel_db"]) for row in rows] == [2, 2, 2]


def test_an_adapter_of_a_folder_fills_gaps(tiny_pipeline, tmp_path):
    pytest.importorskip("peft")
    tiny_pipeline.save_pretrained(tmp_path / "model")
    write_tones(tmp_path / "recordings" / "a.wav", 9.0)
    write_tones(tmp_path / "recordings" / "b.wav", 9.0)
    run(
        *("adapt_to_recordings", "--data_dir", tmp_path / "recordings", "--output_dir", tmp_path / "adapter"),
        *("--model", tmp_path / "model", "--max_steps", 2),
    )
    request = RepairRequest(
        gaps=[(4.0, 4.2)], method="aidd", model=str(tmp_path / "model"), adapter=tmp_path / "adapter", seed=0
    )
    report = repair_file(tmp_path / "recordings" / "a.wav", tmp_path / "out.wav", request)
    assert report.adaptation["steps"] == 2
