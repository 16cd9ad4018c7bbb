"""What `aidd evaluate` refuses before any work; what it writes is tested with the example that takes its arguments."""

import importlib.util

import numpy as np
import pytest
import soundfile as sf

from aidd.cli.main import main


@pytest.fixture
def recordings(tmp_path):
    for number in range(2):
        folder = tmp_path / "music"
        folder.mkdir(exist_ok=True)
        noise = 0.1 * np.random.default_rng(number).standard_normal(2 * 16_000)
        sf.write(folder / f"{number}.wav", noise, 16_000)
    return folder


def evaluate(recordings, output, *arguments) -> int:
    return main(["evaluate", "--data", str(recordings), "--output", str(output), *map(str, arguments)])


def refused(capsys, *arguments) -> str:
    assert evaluate(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_folder_takes_the_items_of_one_run_alone(recordings, tmp_path, capsys):
    output = tmp_path / "results"
    frozen = ("--protocol", "tiny", "--freeze")
    assert evaluate(recordings, output, *frozen) == 0
    manifest = (output / "manifest.jsonl").read_bytes()
    assert evaluate(recordings, output, *frozen, "--seed", 0) == 0
    assert "choose another folder" in refused(capsys, recordings, output, *frozen, "--seed", 1)
    (recordings / "1.wav").unlink()
    assert "choose another folder" in refused(capsys, recordings, output, *frozen)
    assert (output / "manifest.jsonl").read_bytes() == manifest


def test_results_whose_journals_are_gone_are_not_replaced(recordings, tmp_path, capsys):
    output = tmp_path / "results"
    output.mkdir()
    (output / "items.parquet").write_bytes(b"results")
    said = refused(capsys, recordings, output, "--protocol", "tiny", "--method", "masked")
    assert "without its journals" in said and (output / "items.parquet").read_bytes() == b"results"


def test_a_manifest_has_its_own_seed(recordings, tmp_path, capsys):
    manifest = tmp_path / "first" / "manifest.jsonl"
    assert evaluate(recordings, manifest.parent, "--protocol", "tiny", "--freeze", "--seed", 3) == 0
    assert evaluate(recordings, tmp_path / "second", "--protocol", manifest, "--freeze") == 0
    assert (tmp_path / "second" / "manifest.jsonl").read_bytes() == manifest.read_bytes()
    said = refused(capsys, recordings, tmp_path / "third", "--protocol", manifest, "--freeze", "--seed", 4)
    assert "was drawn with seed 3, got --seed 4" in said and not (tmp_path / "third").exists()


def test_what_is_missing_is_said_at_once(recordings, tmp_path, capsys, monkeypatch):
    assert "--seed must lie in" in refused(capsys, recordings, tmp_path / "a", "--protocol", "tiny", "--seed", -1)
    find = importlib.util.find_spec
    for package, arguments in {"matplotlib": (), "visqol": ("--visqol",)}.items():
        with monkeypatch.context() as patch:
            patch.setattr(
                importlib.util, "find_spec", lambda name, missing=package: find(name) if name != missing else None
            )
            said = refused(capsys, recordings, tmp_path / "a", "--protocol", "tiny", *arguments)
        assert f"{package} is needed" in said and 'pip install "aidd[' in said
    assert not (tmp_path / "a").exists()


def test_rates_that_metrics_cannot_hear_all_of_are_refused_by_name(recordings, tmp_path, capsys):
    sf.write(recordings / "telephone.wav", 0.1 * np.random.default_rng(9).standard_normal(16_000), 8000)
    said = refused(capsys, recordings, tmp_path / "a", "--protocol", "tiny", "--freeze")
    assert "telephone.wav: expected 16000 Hz or more" in said


def test_methods_and_metrics_that_do_not_fit_what_is_missing_are_refused(recordings, tmp_path, capsys):
    cells = ("--protocol", "tf_masks", "--freeze")
    said = refused(capsys, recordings, tmp_path / "a", *cells, "--method", "janssen")
    assert "cells are missing; expected one of zeroing, log_magnitude, fading, spectrogram_repaint" in said
    gaps = ("--protocol", "tiny", "--freeze")
    assert "samples are missing" in refused(capsys, recordings, tmp_path / "a", *gaps, "--method", "zeroing")
    assert "cells are missing alone" in refused(capsys, recordings, tmp_path / "a", *cells, "--visqol")
    assert not (tmp_path / "a").exists()
    assert evaluate(recordings, tmp_path / "a", *cells, "--method", "fading") == 0
