"""Benchmarks run at toy size, and the page made of them: what they count, and that it all adds up."""

import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from processes import python


BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text())
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)

    def load_script(script: str):
        spec = importlib.util.spec_from_file_location(f"benchmark_{script}", BENCHMARKS / f"{script}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_script


@pytest.fixture
def run(load, monkeypatch, tmp_path):
    """Runs a script in this process, and returns what it wrote."""

    def run_script(script: str, *arguments, **replaced) -> dict:
        output = tmp_path / "results" / f"{script}.json"
        options = ("--output", output, "--threads", 1, *arguments)
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, options)])
        module = load(script)
        for name, function in replaced.items():
            monkeypatch.setattr(module, name, function)
        module.main()
        return json.loads(output.read_text())

    return run_script


@pytest.fixture
def pipeline(tiny_pipeline, tmp_path) -> Path:
    tiny_pipeline.save_pretrained(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.fixture
def recording(tones, tmp_path) -> Path:
    sf.write(tmp_path / "tones.wav", tones(48_000, 24_000)[0], 24_000)
    return tmp_path / "tones.wav"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_how_to_run_it(script, load, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        load(script).parse_args()
    text, options = capsys.readouterr().out.split("options:")
    assert f"    python benchmarks/{script}.py" in text
    for name in re.findall(r"^  (--\w+)", options, re.MULTILINE):
        assert re.search(rf"^  {name}( [^a-z].*)?\s+[A-Z].*\.", options, re.MULTILINE), name


def test_samplers_call_the_network_as_often_as_their_laws_say(run):
    sizes = ("--hidden_size", 16, "--num_layers", 1, "--num_heads", 2, "--num_tokens", 20, "--num_missing", 6)
    rows = run("sampler_calls", *sizes, "--steps", 9, "--theta_steps", 2)["rows"]
    calls = {row["sampler"].split(",")[0]: row["calls"] for row in rows}
    assert calls["first hitting"] == 6 and 1 <= calls["entropy bound"] <= 6
    assert calls["theta-trapezoidal"] <= 4 and calls["analytic tau leaping"] <= 10
    for row in rows:
        assert row["times fewer calls"] == pytest.approx(rows[0]["calls"] / row["calls"])
        assert row["times less time"] == pytest.approx(rows[0]["seconds"] / row["seconds"])


def test_the_parts_of_a_repair_add_up(run, pipeline, recording):
    arguments = ("--model", pipeline, "--audio", recording, "--seconds", 3, "--gap_ms", 60, "--num_variations", 2)
    content = run("one_gap", *arguments, "--repeats", 1)
    # Five or six tokens, by where the gap lies among them, and two guard tokens on each side.
    tokens = content["rows"][0]["calls"]
    assert 9 <= tokens <= 10
    assert [row["calls"] for row in content["rows"][:2]] == [tokens, 2 * tokens]
    assert [row["dtype"] for row in content["rows"]] == 4 * ["float32"] + 4 * ["bfloat16"]
    assert content["rows"][1]["asked at most"] == pytest.approx(2 * content["rows"][0]["seconds"])
    for row in content["rows"]:
        parts = [row[name] for name in ("encode", "network", "scheduler", "decode", "rest")]
        assert min(parts) > 0 and sum(parts) == pytest.approx(row["seconds"])


def test_costs_have_a_row_a_case(run, pipeline, recording):
    arguments = ("--model", pipeline, "--audio", recording, "--num_gaps", 2, "--gap_ms", 60, "--seconds", 3)
    rows = run("gaps_and_lengths", *arguments, "--base", 2, 60, 3)["rows"]
    # All three cases are the base: it is measured once.
    assert [(row["gaps"], row["gap ms"], row["file s"]) for row in rows] == [(2, 60, 3)]
    assert rows[0]["seconds"] > 0 and rows[0]["loaded MiB"] > 50 and rows[0]["added MiB"] >= 0


def test_costs_of_methods_have_a_row_a_gap(run, tones, tmp_path):
    sf.write(tmp_path / "tones.wav", tones(102_000, 24_000)[0], 24_000)
    arguments = ("--audio", tmp_path / "tones.wav", "--methods", "linear", "--gap_ms", 100)
    (row,) = run("costs_by_method", *arguments)["rows"]
    assert (row["method"], row["gap ms"]) == ("linear", 100) and 0 <= row["CPU seconds"] < 5
    assert row["loaded MiB"] > 100 and row["added MiB"] >= 0


def test_pairs_are_compared_in_turn(run, pipeline, recording, capsys):
    arguments = ("--model", pipeline, "--audio", recording, "--gap_ms", 60, "--long_seconds", 12, "--repeats", 1)
    rows = run("quick", *arguments, start=lambda code: forked(["-c", code]))["rows"]
    assert [row["second"] for row in rows] == [
        *("entropy bound", "bfloat16", "2 gaps", "2 variations", "file of 12 s", "import aidd", "aidd.AIDDPipeline")
    ]
    assert all(0 < row["smallest"] <= row["times as much"] <= row["largest"] for row in rows[:5])
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" against ")[0] for line in printed if " against " in line] == [row["second"] for row in rows]


def test_importing_the_package_alone_loads_no_framework(run):
    rows = run("import_time", "--repeats", 1, "--starts", "python alone", "import aidd")["rows"]
    assert rows[0]["modules"] < rows[1]["modules"] < 200
    assert [row["of which"] for row in rows] == ["", ""]
    assert all(row["shortest"] == row["seconds"] == row["longest"] > 0 for row in rows)


IMPORT_LOG = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   zipfile
import time:        20 |         20 |     numpy._core
import time:        30 |         50 |   numpy
some line of a library
import time:      5000 |       5150 | torch
import time:        10 |         10 | aidd
"""


def test_what_modules_take_counts_for_their_libraries(load):
    benchmark = load("imports_by_library")
    assert set(benchmark.import_times(IMPORT_LOG)) == {
        ("zipfile", 100e-6, "torch"),
        ("numpy._core", 20e-6, "numpy"),
        ("numpy", 30e-6, "torch"),
        ("torch", 5000e-6, None),
        ("aidd", 10e-6, None),
    }
    found = benchmark.by_library(IMPORT_LOG)
    assert {name: (row["modules"], row["importers"]) for name, row in found.items()} == {
        "Python's own": (1, set()),
        "numpy": (2, {"torch"}),
        "torch": (1, set()),
        "aidd": (1, set()),
    }
    assert found["numpy"]["seconds"] == pytest.approx(50e-6)


def test_shares_of_an_import_add_up(run):
    rows = run("imports_by_library", "--repeats", 1, "--start", "import aidd")["rows"]
    assert {"aidd", "Python's own"} <= {row["library"] for row in rows}
    assert sum(row["share"] for row in rows) == pytest.approx(1) and sum(row["modules"] for row in rows) < 200


def test_the_wheel_repairs_audio_where_nothing_else_is(run):
    content = run("wheel")
    parts = {row["part"]: row for row in content["rows"]}
    source = BENCHMARKS.parent / "src" / "aidd"
    packaged = [path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    own = parts.pop("what the wheel says of itself")
    assert sum(row["files"] for row in parts.values()) == len(packaged) and own["files"] < 8
    for model in ("aidd-mel-small", "spectrogram-piano-small"):
        assert parts[model]["MB"] > 6
    assert sum(row["MB packed"] for row in parts.values()) < 40
    assert content["findings"][-1].endswith("Every sample outside the gap is the input's.")


def test_a_decoding_in_a_window_is_compared_with_that_of_all(run, pipeline, recording):
    arguments = ("--model", pipeline, "--audio", recording, "--gap_tokens", 4, "--context_tokens", 8)
    content = run("decode_windows", *arguments, "--gaps_per_recording", 3)
    rows = content["rows"]
    assert [row["window tokens"] for row in rows] == [20, 60, None]
    assert [row["context tokens"] for row in rows] == ["8", "training window", "whole recording"]
    for row in rows[:2]:
        assert row["gaps"] == 3 and -200 < row["RMS dB"] <= row["largest RMS dB"] and row["ms a decoding"] > 0
    assert rows[2]["RMS dB"] is None and len({row["dB to recording"] for row in rows}) == 3
    assert len(content["findings"]) == 1


def test_decibels_are_those_of_amplitudes(load):
    decibels = load("decode_windows").decibels
    assert decibels(0.1, 1.0) == pytest.approx(-20) and decibels(1.0, 0.1) == pytest.approx(20)
    assert decibels(0.0, 1.0) < -1000 and decibels(0.0, 0.0) == 0
    assert decibels(np.array([0.1, 0.01]), np.array([1.0, 1.0])) == pytest.approx(-20)


def test_each_head_has_a_row_of_what_it_costs(run, load, monkeypatch):
    def measured_here(command, **_):
        """What a process of its own would print."""
        monkeypatch.setattr(sys, "argv", command[1:])
        script = load("many_codes")
        return subprocess.CompletedProcess(command, 0, stdout=json.dumps(script.costs(script.parse_args())))

    monkeypatch.setattr(subprocess, "run", measured_here)
    arguments = ("--base_codes", 64, "--batch_size", 2, "--num_missing", 3, "--hidden_size", 16, "--num_layers", 1)
    content = run("many_codes", *arguments, "--num_heads", 2, "--num_tokens", 10)
    base, plain, missing, tied, _, halves, digits = (row["parameters M"] for row in content["rows"])
    assert base < plain == missing and plain - tied == pytest.approx(65_536 * 16 / 1e6)
    assert digits < halves < tied
    assert all(row["step CPU s"] > 0 and row["call CPU s"] > 0 and row["step MiB"] >= 0 for row in content["rows"])


def test_digits_of_a_code_are_those_of_finite_scalar_quantisation(load):
    heads, sizes = load("output_heads"), (4, 2, 3)
    codes = torch.arange(24)
    digits = heads.digits_of(codes, sizes)
    assert [one.tolist() for one in digits] == np.array(np.unravel_index(np.arange(24), sizes, order="F")).tolist()
    head = heads.DigitHead(sizes, 8)
    states = torch.randn(24, 8)
    log_probs = head.eval()(states)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(24))
    torch.testing.assert_close(head.loss(codes), -log_probs.gather(-1, codes[:, None])[:, 0])


def test_autocast_is_compared_with_float32(run, pipeline):
    arguments = ("--model", pipeline, "--num_missing", 3, "--num_rows", 2)
    rows = run("compile_and_bf16", *arguments, "--variants", "float32", "bfloat16 autocast")["rows"]
    assert [(row["rows"], row["rows a call"]) for row in rows] == 2 * [(1, 1), (2, 1), (2, 2)]
    differences = [row["log prob difference"] for row in rows]
    assert differences[:3] == [0, 0, 0] and 0 < min(differences[3:]) < 1


def test_batches_of_gaps_are_timed_where_the_networks_are(run, pipeline, recording):
    arguments = ("--model", pipeline, "--audio", recording, "--device", "cpu", "--pipelines", "aidd", "--repeats", 1)
    content = run("accelerator", *arguments, "--num_gaps", 1, 2, "--gap_ms", 60, "--compile", 0)
    assert [(row["dtype"], row["gaps"]) for row in content["rows"]] == [
        (dtype, number) for dtype in ("float32", "bfloat16") for number in (1, 2)
    ]
    for row in content["rows"]:
        assert row["gaps a second"] == pytest.approx(row["gaps"] / row["seconds"]) and row["peak GiB"] is None


def test_a_network_with_random_weights_is_timed(run, recording):
    config = BENCHMARKS.parent / "examples" / "configs" / "piano_cpu" / "cqtdiff_plus_unet.json"
    arguments = ("--audio", recording, "--device", "cpu", "--pipelines", "cqtdiff", "--repeats", 1)
    arguments += ("--cqtdiff_config", config, "--dtypes", "float32", "--compile", 0)
    (row,) = run("accelerator", *arguments, "--num_gaps", 1, "--gap_ms", 60)["rows"]
    assert row["pipeline"] == "cqtdiff" and row["seconds"] > 0


def test_results_name_no_place_and_no_machine(run, recording):
    content = json.dumps(run("import_time", "--repeats", 1, "--starts", "python alone"))
    hostname = subprocess.run(["uname", "-n"], capture_output=True, text=True, check=True).stdout.strip()
    assert hostname not in content and "/" not in content
    for path in RESULTS:
        assert "/" not in path.read_text(), path.name


def test_the_page_is_the_one_that_the_results_make(load):
    write_readme = load("write_readme")
    text = write_readme.page(BENCHMARKS / "results") + "\n"
    assert text == (BENCHMARKS / "README.md").read_text(), "run `python benchmarks/write_readme.py`"
    assert [path.stem for path in RESULTS] == re.findall(r"^## (\w+)$", text, re.MULTILINE)


def test_a_table_shows_three_digits_and_leaves_gaps(load):
    write_readme = load("write_readme")
    rows = [{"a": 1234.56, "b": 7}, {"a": 0.0123456, "c": None}]
    assert write_readme.table(rows) == ["| a | b | c |", "| --- | --- | --- |", "| 1235 | 7 |  |", "| 0.0123 |  |  |"]


def forked(command: list[str], threads: int = 1) -> tuple[float, float]:
    """Seconds of a process that shares its memory with a warm one, and MiB that stand for its own."""
    start = time.perf_counter()
    result = python.run(*command)
    assert result.returncode == 0, result.stderr[-4000:]
    return time.perf_counter() - start, 100.0


@pytest.fixture
def forked_cost_of(load):
    """The first repair is measured, the others are forked."""
    measured = []

    def cost_of(command: list[str], threads: int) -> tuple[float, float]:
        if not measured:
            measured.append(load("whole_recording").cost_of(command, threads))
            return measured[0]
        return forked(command)[0], measured[0][1]

    return cost_of


def test_a_whole_recording_is_left_as_it_was_outside_its_gaps(run, pipeline, recording, forked_cost_of):
    arguments = ("--model", pipeline, "--audio", recording, "--seconds", 8, "--num_gaps", 3, "--gap_ms", 60)
    content = run("whole_recording", *arguments, cost_of=forked_cost_of)
    rows = content["rows"]
    assert [row["gaps"] for row in rows] == [1, 9, 1, 3, 1, 3] and [row["file s"] for row in rows[3:]] == [8, 16, 16]
    assert all(row["intact"] is True and row["seconds"] > 0 and row["peak MiB"] > 50 for row in rows)
    assert len(content["findings"]) == 2


def test_one_gap_in_a_long_recording_has_a_row_a_repair(run, load, recording):
    whole = load("whole_recording")
    replaced = {
        "resources_of": lambda command, threads: whole.Resources(forked(command)[0], 1.0, 100.0),
        "write_elsewhere": lambda args, path: whole.write_recording(path, whole.music_of(args.audio), 12, None, 0),
    }
    arguments = ("--audio", recording, "--seconds", 12, "--gap_ms", 60, "--repairs", "linear", "similarity")
    rows = run("one_gap_in_an_hour", *arguments, **replaced)["rows"]
    assert [row["repair"] for row in rows] == ["linear", "similarity"]
    assert all(row["seconds"] > 0 and row["CPU seconds"] == 1 and row["peak MiB"] == 100 for row in rows)


def test_dropouts_are_filled_and_nothing_else(run, load, pipeline, recording, monkeypatch):
    load("dropouts")
    monkeypatch.setattr(sys.modules["whole_recording"], "cost_of", forked)
    arguments = ("--model", pipeline, "--audio", recording, "--seconds", 10, "--num_gaps", 20, "--gap_ms", 20, 40)
    content = run("dropouts", *arguments)
    assert [(row["gaps"], row["file s"], row["intact"]) for row in content["rows"]] == [(2, 1, True), (20, 10, True)]
    assert "times its memory" in content["findings"][0]


def test_dropouts_have_lengths_of_the_range_and_do_not_touch(load):
    gaps = load("dropouts").dropouts(3600.0, 1000, [20.0, 100.0], np.random.default_rng(0))
    lengths = np.diff(gaps)[:, 0]
    assert gaps.shape == (1000, 2) and lengths.min() == pytest.approx(0.02) and lengths.max() == pytest.approx(0.1)
    assert np.all(gaps[1:, 0] > gaps[:-1, 1]) and gaps[-1, 1] < 3600


def test_a_first_file_takes_its_imports_and_the_rest(run, recording):
    arguments = ("--audio", recording, "--seconds", 3, "--gap_ms", 30, "--methods", "linear", "--repeats", 2)
    replaced = {"cost_of": forked, "seconds_of": lambda code: forked(["-c", code])[0]}
    (row,) = run("first_sound", *arguments, **replaced)["rows"]
    assert row["method"] == "linear" and row["shortest"] <= row["seconds"] <= row["longest"]
    assert row["CPU seconds"] >= 0
    assert row["rest"] == pytest.approx(row["seconds"] - row["imports"]) and row["imports"] > 0


def test_silence_is_inserted_and_nothing_else(load, tmp_path):
    whole_recording = load("whole_recording")
    music = np.arange(1, 41, dtype=np.int16).reshape(20, 2)
    seconds = 50 / whole_recording.SAMPLING_RATE
    whole_recording.write_recording(tmp_path / "a.wav", music, seconds, None, 0)
    whole_recording.write_recording(tmp_path / "b.wav", music, seconds, 20 / whole_recording.SAMPLING_RATE, seconds)
    plain, with_silence = (sf.read(tmp_path / name, dtype="int16")[0] for name in ("a.wav", "b.wav"))
    assert np.array_equal(plain, np.concatenate([music, music, music[:10]]))
    assert np.array_equal(with_silence, np.concatenate([music, np.zeros((50, 2)), music, music[:10]]))


def test_two_processes_write_what_one_does(run, pipeline, recording, monkeypatch):
    def forked(command, env, **_):
        """What the launcher starts, without the launcher."""
        assert command[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
        result = {"1": python.run, "2": python.run_two}[command[5]](*command[6:], **env)
        assert result.returncode == 0, result.stderr[-4000:]

    monkeypatch.setattr(subprocess, "run", forked)
    arguments = ("--model", pipeline, "--audio", recording, "--seconds", 3, "--num_files", 2, "--num_gaps", 1)
    content = run("many_processes", *arguments, "--gap_ms", 60, "--processes", 1, 2)
    assert [(row["processes"], row["files"]) for row in content["rows"]] == [(1, 2), (2, 2)]
    assert content["rows"][0]["efficiency"] == content["rows"][0]["of the rest"] == 1
    assert all(row["starting"] > 0 for row in content["rows"])
    assert content["findings"][-1] == "The files that they write are the same."


def test_training_is_timed_between_checkpoints(run, load, tmp_path):
    def trained(command, threads):
        result = python.run(*command)
        assert result.returncode == 0, result.stderr[-4000:]
        return load("whole_recording").Resources(1.0, 1.0, 100.0)

    config = {"model_type": "aidd_dit_token", "codebook_size": 16, "hidden_size": 8, "num_hidden_layers": 1}
    config |= {"num_attention_heads": 1, "intermediate_size": 8, "max_position_embeddings": 100}
    (tmp_path / "dit_token_mel.json").write_text(json.dumps(config))
    arguments = ("--scripts", "train.py", "--configs", tmp_path, "--precisions", "float32", "--workers", 0)
    arguments += ("--steps", 2, "--first_steps", 1, "--batch_size", 2)
    content = run("training_speed", *arguments, resources_of=trained)
    (row,) = content["rows"]
    assert (row["script"], row["dtype"], row["workers"], row["peak MiB"]) == ("train.py", "float32", 0, 100)
    assert row["seconds a step"] > 0 and row["steps a second"] == pytest.approx(1 / row["seconds a step"])
    assert 0 < float(re.search(r"([\d.]+) % of the time", content["findings"][0])[1]) < 100
