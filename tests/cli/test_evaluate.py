"""What `aidd evaluate` refuses before any work; what it writes is tested with the example that takes its arguments."""

import importlib.util
import json
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from aidd.cli.main import main
from aidd.evaluation.methods.names import PROTOCOLS
from aidd.models.loading import pipeline_digest


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
    assert "was drawn with seed 3, got seed 4" in said and not (tmp_path / "third").exists()


def test_what_is_missing_is_said_at_once(recordings, tmp_path, capsys, monkeypatch):
    assert "the seed must lie in" in refused(capsys, recordings, tmp_path / "a", "--protocol", "tiny", "--seed", -1)
    find = importlib.util.find_spec
    needed = {
        "matplotlib": (),
        "visqol": ("--visqol",),
        "onnxruntime": ("--notes",),
        "basic_pitch": ("--notes",),
        "pystoi": ("--speech",),
    }
    for package, arguments in needed.items():
        with monkeypatch.context() as patch:
            # All but one are there.
            patch.setattr(
                importlib.util,
                "find_spec",
                lambda name, missing=package: (find(name) or find("json")) if name != missing else None,
            )
            said = refused(capsys, recordings, tmp_path / "a", "--protocol", "tiny", *arguments)
        assert f"{package} is needed" in said and 'pip install "aidd[' in said
    assert not (tmp_path / "a").exists()


def test_speech_is_measured_on_request(recordings, tmp_path, capsys):
    assert evaluate(recordings, tmp_path / "a", "--protocol", "tiny", "--speech", "--method", "linear") == 0
    rows = pd.read_parquet(tmp_path / "a" / "items.parquet")
    assert rows["with_speech"].all() and rows[["stoi", "estoi"]].notna().all().all()
    assert "| ESTOI |" in (tmp_path / "a" / "results.md").read_text()


def test_rates_that_metrics_cannot_hear_all_of_are_refused_by_name(recordings, tmp_path, capsys):
    sf.write(recordings / "telephone.wav", 0.1 * np.random.default_rng(9).standard_normal(16_000), 8000)
    said = refused(capsys, recordings, tmp_path / "a", "--protocol", "tiny", "--freeze")
    assert "telephone.wav: expected 16000 Hz or more" in said


def test_methods_and_metrics_that_do_not_fit_what_is_missing_are_refused(recordings, tmp_path, capsys):
    cells = ("--protocol", "tf_masks", "--freeze")
    said = refused(capsys, recordings, tmp_path / "a", *cells, "--method", "janssen")
    assert "cells are missing; expected one of zeroing, log_magnitude, fading, phain_tf, spectrogram_repaint" in said
    gaps = ("--protocol", "tiny", "--freeze")
    assert "samples are missing" in refused(capsys, recordings, tmp_path / "a", *gaps, "--method", "zeroing")
    assert "cells are missing alone" in refused(capsys, recordings, tmp_path / "a", *cells, "--visqol")
    assert not (tmp_path / "a").exists()
    assert evaluate(recordings, tmp_path / "a", *cells, "--method", "fading") == 0


MODULE = """
import numpy as np
from aidd.signals.measures.arguments import as_missing, as_signals

def hum(audio, mask, *, sampling_rate, generator=None):
    return np.where(mask, 0.1, audio)

def meddling(audio, mask, *, sampling_rate, generator=None):
    return np.where(mask, 0.1, audio + 1e-9)

def peak_error(reference, estimate, mask, *, sampling_rate):
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    return float(np.abs(estimate[missing]).max() - np.abs(reference[missing]).max())
"""


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    """The current folder holds `my_module`, as a user's does, and the path of an installed command does not."""
    (tmp_path / "my_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    yield tmp_path / "my_module.py"
    sys.modules.pop("my_module", None)


def test_a_users_method_and_metric_have_rows_tables_and_plots(recordings, tmp_path, capsys, user_module):
    pytest.importorskip("matplotlib")
    output = tmp_path / "results"
    protocol = json.loads((PROTOCOLS / "tiny.json").read_text())
    (tmp_path / "gaps.json").write_text(json.dumps(protocol | {"conditions": protocol["conditions"][:1]}))
    command = ("--protocol", tmp_path / "gaps.json", "--metric", "my_module:peak_error", "--method", "my_module:hum")
    assert evaluate(recordings, output, *command) == 0
    journal = (output / "rows-0.jsonl").read_bytes()
    # A run that is done is not done again, and another method can be added to it.
    assert evaluate(recordings, output, *command) == 0 and (output / "rows-0.jsonl").read_bytes() == journal
    assert evaluate(recordings, output, *command, "--method", "linear") == 0
    rows = pd.read_parquet(output / "items.parquet")
    assert set(rows["method"]) == {"my_module:hum", "linear"} and rows["peak_error"].notna().all()
    assert set(rows["metrics"]) == {"my_module:peak_error"}
    mean = rows[rows["method"] == "my_module:hum"].groupby("param_gap_seconds")["peak_error"].mean().iloc[0]
    for page in ("results.md", "summary.md", "index.html"):
        text = (output / page).read_text()
        assert "peak_error" in text and "my_module:hum" in text and f"{mean:.3f}" in text
    assert list((output / "plots").glob("peak_error.svg")) and "peak_error" in capsys.readouterr().out
    # Rows of a method whose source has changed are rows of another method; rows without the metric, of another run.
    user_module.write_text(MODULE.replace("0.1", "0.2"))
    said = refused(capsys, recordings, output, *command)
    assert "rows of my_module:hum of another run" in said and "metrics_digest" in said and "method_digest" in said
    user_module.write_text(MODULE)
    assert "another run: expected {'metrics': None}" in refused(capsys, recordings, output, *command[:2])


def test_a_model_of_waveforms_is_evaluated_and_stands_in_its_rows(recordings, tmp_path, capsys, tiny_cqtdiff_pipeline):
    pytest.importorskip("matplotlib")
    output, model = tmp_path / "results", tmp_path / "cqtdiff"
    tiny_cqtdiff_pipeline.save_pretrained(model)
    protocol = json.loads((PROTOCOLS / "tiny.json").read_text())
    short = {"geometry": "centred_gap", "gap_seconds": [0.03]}
    (tmp_path / "gaps.json").write_text(json.dumps(protocol | {"conditions": [short]}))
    command = (recordings, output, "--protocol", tmp_path / "gaps.json", "--method", "linear", "--method", "cqtdiff")
    assert "must be given for cqtdiff" in refused(capsys, *command) and not output.exists()
    assert "no such model folder" in refused(capsys, *command, "--cqtdiff_model", tmp_path / "none")
    assert evaluate(*command, "--cqtdiff_model", model) == 0
    rows = pd.read_parquet(output / "items.parquet").set_index("method")
    assert set(rows.loc["cqtdiff", "cqtdiff_model"]) == {"cqtdiff"} and rows.loc["cqtdiff", "snr"].notna().all()
    assert rows.loc["linear", "cqtdiff_model"].isna().all()
    assert set(rows.loc["cqtdiff", "cqtdiff_model_digest"]) == {pipeline_digest(tiny_cqtdiff_pipeline)[:16]}
    assert "cqtdiff model cqtdiff" in (output / "results.md").read_text()


def test_a_users_method_must_keep_intact_samples(recordings, tmp_path, capsys, user_module):
    output = tmp_path / "results"
    assert evaluate(recordings, output, "--protocol", "tiny", "--method", "my_module:meddling") == 2
    # After the bar.
    said = capsys.readouterr().err.splitlines()[-1]
    assert "my_module:meddling: expected every sample outside the gaps as it was, got " in said
    assert not (output / "rows-0.jsonl").exists()


def test_functions_that_cannot_be_loaded_are_refused_before_any_work(recordings, tmp_path, capsys, user_module):
    tiny = (recordings, tmp_path / "results", "--protocol", "tiny", "--freeze")
    assert "module my_module has no function hm" in refused(capsys, *tiny, "--method", "my_module:hm")
    assert "(reference, estimate, mask, *, sampling_rate)" in refused(capsys, *tiny, "--metric", "my_module:hum")
    cells = (recordings, tmp_path / "results", "--protocol", "tf_masks", "--freeze")
    assert "cells are missing alone" in refused(capsys, *cells, "--metric", "my_module:peak_error")
    assert "cells are missing; expected" in refused(capsys, *cells, "--method", "my_module:hum")
    assert not (tmp_path / "results").exists()
    assert evaluate(*tiny, "--method", "jansen") == 2
    assert "invalid choice: 'jansen' (choose from masked, " in capsys.readouterr().err
