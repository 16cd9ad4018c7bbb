"""Every example script, tiny and for real: each run's output is the next one's input."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from datasets import load_from_disk
from safetensors.torch import load_file

import aidd


EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))

# Dropout on: a resumed run must draw the same.
CODEC_CONFIG = {
    "model_type": "aidd_wavtokenizer",
    "num_filters": 4,
    "codebook_size": 32,
    "codebook_dim": 16,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_bandwidths": 1,
    "activation_dropout": 0.1,
}
TRANSFORMER_CONFIG = {
    "model_type": "aidd_dit_token",
    "codebook_size": 32,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
}


def load(script: str):
    spec = importlib.util.spec_from_file_location(f"example_{script}", EXAMPLES / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: str, *arguments) -> None:
    """In this process: scripts that keep no state in it."""
    module = load(script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        module.main()


def run_process(*command) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *map(str, command)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr[-4000:]


def launch(script: str, *arguments) -> None:
    launcher = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", 1)
    run_process(*launcher, EXAMPLES / f"{script}.py", *arguments)


def write_tones(path: Path, seconds: float, sampling_rate: int = 24_000) -> None:
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    tones = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 6)) * np.exp(-2 * (time % 0.5))
    path.parent.mkdir(exist_ok=True)
    sf.write(path, 0.2 * tones, sampling_rate)


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_equal_weights(folder: Path, other: Path) -> None:
    ours, others = weights(folder), weights(other)
    assert ours.keys() == others.keys()
    assert not [name for name in ours if not torch.equal(ours[name], others[name])]


def interrupted_copy(run_folder: Path, folder: Path, step: int) -> Path:
    """A run's folder as it stood when it had written the checkpoint of a step."""
    shutil.copytree(run_folder, folder)
    for name in ("model.safetensors", "config.json", "training_arguments.json", "metrics.jsonl"):
        (folder / name).unlink()
    for checkpoint in folder.glob("checkpoint-*"):
        if int(checkpoint.name.split("-")[1]) > step:
            shutil.rmtree(checkpoint)
    assert (folder / f"checkpoint-{step}").is_dir()
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with the configurations and one recording of 6 s."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "codec.json").write_text(json.dumps(CODEC_CONFIG))
    (folder / "transformer.json").write_text(json.dumps(TRANSFORMER_CONFIG))
    write_tones(folder / "recordings" / "long.wav", 6.0)
    return folder


@pytest.fixture(scope="module")
def codec_arguments(work) -> list:
    return [
        *("--use_dummy_data", "--validation_data_dir", work / "recordings", "--config_path", work / "codec.json"),
        *("--max_train_steps", 5, "--codebook_start_step", 3, "--codebook_start_segments", 2),
        *("--train_batch_size", 2, "--lr_warmup_steps", 1, "--validation_steps", 5),
        *("--checkpointing_steps", 1, "--checkpoints_total_limit", 4),
    ]


@pytest.fixture(scope="module")
def codec(work, codec_arguments) -> Path:
    launch("train_wavtokenizer", *codec_arguments, "--output_dir", work / "codec")
    return work / "codec"


@pytest.fixture(scope="module")
def tokens(work, codec) -> Path:
    folder = work / "tokens"
    run(
        *("tokenize_dataset", "--model", codec, "--audio_dir", codec / "dummy_data", "--output_dir", folder),
        *("--speeds", 0.94, 1, "--device", "cpu"),
    )
    return folder


@pytest.fixture(scope="module")
def transformer_arguments(work, tokens) -> list:
    return [
        *("--train_data_dir", tokens, "--validation_data_dir", tokens, "--config_path", work / "transformer.json"),
        *("--max_train_steps", 4, "--train_batch_size", 2, "--gradient_accumulation_steps", 2, "--max_gap", 30),
        *("--lr_warmup_steps", 1, "--validation_steps", 4, "--checkpointing_steps", 2),
    ]


@pytest.fixture(scope="module")
def transformer(work, transformer_arguments) -> Path:
    launch("train", *transformer_arguments, "--output_dir", work / "transformer")
    return work / "transformer"


@pytest.fixture(scope="module")
def pipeline(work, codec, transformer) -> Path:
    folder = work / "pipeline"
    run(
        *("assemble_pipeline", "--codec", codec, "--transformer", transformer, "--output_dir", folder),
        *("--dtype", "bfloat16"),
    )
    return folder


@pytest.fixture(scope="module")
def evaluation(work, pipeline) -> Path:
    write_tones(work / "mixed" / "long.wav", 6.0)
    write_tones(work / "mixed" / "short.wav", 3.0)
    sf.write(work / "mixed" / "silent.wav", np.zeros(6 * 24_000), 24_000)
    folder = work / "evaluation"
    run(
        *("evaluate", "--data_dir", work / "mixed", "--output_dir", folder, "--model", pipeline),
        *("--segments_per_recording", 1, "--gap_ms", 50, 100),
    )
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_tells_of_every_required_argument(script, monkeypatch, capsys):
    module = load(script)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", [f"{script}.py"])
    with pytest.raises(SystemExit, match="2"):
        module.parse_args()
    required = re.findall(r"--\w+", capsys.readouterr().err.split("required:")[1])
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        module.parse_args()
    help_text = capsys.readouterr().out
    assert f"examples/{script}.py" in help_text.split("options:")[0]
    for name in required:
        assert re.search(rf"^  {name} \w+( \[\w+ \.\.\.\])?\s+[A-Z].*\.", help_text, re.MULTILINE), name


@pytest.mark.parametrize("script", ["train", "train_wavtokenizer"])
def test_training_asks_for_data(script, monkeypatch, capsys):
    module = load(script)
    for arguments in ([], ["--use_dummy_data", "--train_data_dir", "recordings"]):
        monkeypatch.setattr(sys, "argv", [f"{script}.py", "--output_dir", "outputs", *arguments])
        with pytest.raises(SystemExit, match="2"):
            module.parse_args()
        assert "either --train_data_dir or --use_dummy_data" in capsys.readouterr().err


def test_codec_training_has_two_phases(codec):
    """First everything but the codebook learns; from step 3 on, the encoder stands still and the codebook is there."""
    assert sorted(path.name for path in codec.glob("checkpoint-*")) == [f"checkpoint-{step}" for step in (2, 3, 4, 5)]
    steps = {step: weights(codec / f"checkpoint-{step}") for step in (2, 3, 4, 5)}

    def moved(step: int, part: str) -> bool:
        return any(not torch.equal(steps[step][k], v) for k, v in steps[step + 1].items() if k.startswith(part))

    assert [moved(step, "encoder.") for step in (2, 3, 4)] == [True, False, False]
    assert [moved(step, "decoder.") for step in (2, 3, 4)] == [True, True, True]
    assert [steps[step]["codebook.inited"].item() for step in (2, 3, 4, 5)] == [0, 0, 1, 1]
    assert_equal_weights(codec, codec / "checkpoint-5")

    started, validated = metrics(codec)
    assert started["step"] == 3 and 1 < started["train/codes_in_use"] <= 32
    assert validated["step"] == 5 and validated["valid/mel"] > 0 and validated["valid/codes_in_use"] >= 1
    assert json.loads((codec / "training_arguments.json").read_text())["max_train_steps"] == 5


def test_codec_training_resumes_to_the_bit_across_the_start_of_the_codebook(codec, codec_arguments, tmp_path):
    folder = interrupted_copy(codec, tmp_path / "codec", step=2)
    script = EXAMPLES / "train_wavtokenizer.py"
    run_process(script, *codec_arguments, "--output_dir", folder, "--resume_from_checkpoint", "latest")
    assert_equal_weights(folder, codec)
    assert metrics(folder) == metrics(codec)


def test_tokens_are_those_of_the_codec(codec, tokens):
    model = aidd.WavTokenizerModel.from_pretrained(codec)
    audio, _ = sf.read(codec / "dummy_data" / "tones.wav", dtype="float32")
    slow, normal = load_from_disk(str(tokens))
    assert (slow["recording"], slow["speed"], normal["speed"]) == ("tones.wav", 0.94, 1.0)
    # The recording is shorter than a block: no window cuts it.
    levelled = torch.from_numpy(audio * (10 ** (-3 / 20) / np.abs(audio).max()))
    with torch.no_grad():
        expected = model.encode(levelled[None, None]).audio_codes[0, 0]
    assert normal["audio_codes"] == expected.tolist()
    assert len(slow["audio_codes"]) == -(-round(len(audio) / 0.94) // 320)


def test_token_training_keeps_the_moving_average(transformer):
    model = aidd.DiTTokenModel.from_pretrained(transformer)
    assert model.config.max_position_embeddings == 40
    last, result = weights(transformer / "checkpoint-4"), weights(transformer)
    assert not torch.equal(last["embed_tokens.weight"], result["embed_tokens.weight"])
    assert not torch.equal(last["head.weight"], weights(transformer / "checkpoint-2")["head.weight"])
    (validated,) = metrics(transformer)
    # Gaps as long as the window are not validated on.
    assert sorted(validated) == sorted(["step", *(f"valid/cross_entropy_gap_{gap}" for gap in (4, 15, 28))])
    # Hardly trained: about as good as a guess.
    assert validated["valid/cross_entropy_gap_28"] == pytest.approx(np.log(32), abs=0.1)


def test_token_training_resumes_to_the_bit(transformer, transformer_arguments, tmp_path):
    folder = interrupted_copy(transformer, tmp_path / "transformer", step=2)
    script = EXAMPLES / "train.py"
    run_process(script, *transformer_arguments, "--output_dir", folder, "--resume_from_checkpoint", "latest")
    assert_equal_weights(folder, transformer)
    assert metrics(folder) == metrics(transformer)


def test_token_training_tries_itself_out(work, tmp_path):
    """Without data, with SEDD's corruption, and with a tracker."""
    folder = tmp_path / "dummy"
    run_process(
        *(EXAMPLES / "train.py", "--use_dummy_data", "--config_path", work / "transformer.json"),
        *("--output_dir", folder, "--max_train_steps", 3, "--train_batch_size", 2, "--lr_warmup_steps", 0),
        *("--corruption", "independent", "--gap_probability", 0, "--max_gap", 30, "--report_to", "tensorboard"),
    )
    assert aidd.DiTTokenModel.from_pretrained(folder).config.codebook_size == 32
    assert list((folder / "logs").rglob("events.out.tfevents*"))


def test_the_pipeline_of_both_restores(codec, transformer, pipeline):
    stored = load_file(pipeline / "transformer" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert torch.equal(stored["head.weight"], weights(transformer)["head.weight"].bfloat16())
    pipe = aidd.AIDDPipeline.from_pretrained(pipeline)
    pipe.set_progress_bar_config(disable=True)
    audio, rate = sf.read(codec / "dummy_data" / "tones.wav")
    mask = np.zeros(len(audio), bool)
    mask[20_000:22_000] = True
    restored = pipe(audio, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0)).audios
    assert np.array_equal(restored[~mask], audio[~mask])
    assert np.isfinite(restored).all() and (restored[mask] != audio[mask]).mean() > 0.99


def test_evaluation_has_a_row_a_segment_gap_and_method(evaluation):
    rows = [json.loads(line) for line in (evaluation / "items.jsonl").read_text().splitlines()]
    # Recordings that are short or silent have no segment.
    assert {row["recording"] for row in rows} == {"mixed/long.wav"} and {row["model"] for row in rows} == {"pipeline"}
    methods = ["masked", "linear", "autoregressive", "janssen", "sparse", "envelope_noise"]
    methods += ["aidd_paper", "aidd", "codec"]
    assert [(row["gap_ms"], row["method"]) for row in rows] == [(gap, name) for gap in (50, 100) for name in methods]
    # The one segment lies in the middle.
    assert {row["start"] for row in rows} == {(6 * 24_000 - round(4.17 * 24_000)) // 2}
    masked = [row for row in rows if row["method"] == "masked"]
    assert all(row["snr"] == 0 and row["level_error"] == "-inf" for row in masked)
    # Only the gap differs (and little around it), so its share of the frames tells the distance over all of them.
    assert all(0 < row["lsd"] < 0.1 * row["lsd_gap"] for row in rows)
    assert all(row["seam_discontinuity"] >= 0 for row in rows)
    results = (evaluation / "results.md").read_text()
    assert "| SNR in gap (dB) | 50 ms | 100 ms |\n| --- | --- | --- |\n| masked | 0.0 [0.0, 0.0] | 0.0 [0" in results
    assert "| absolute level error (dB) | 50 ms | 100 ms |\n| --- | --- | --- |\n| masked | 1 of inf |" in results
    assert results.count("| --- | --- | --- |") == 5 and results.endswith("n = 1 gaps a length, of 1 recording.\n")
    distance = next(row["lsd"] for row in rows if (row["method"], row["gap_ms"]) == ("linear", 50))
    summary = (evaluation / "summary.md").read_text()
    assert f"| linear | {distance:.3f} | " in summary and summary.count("| --- | --- | --- |") == 2


def test_a_killed_evaluation_goes_on_where_it_stood(work, pipeline, evaluation, tmp_path):
    folder = tmp_path / "evaluation"
    folder.mkdir()
    lines = (evaluation / "items.jsonl").read_text().splitlines(keepends=True)
    # Killed within the line of a method that draws; a row that was there is marked.
    assert json.loads(lines[7])["method"] == "aidd"
    first = lines[0].replace('"lsd": ', '"lsd": 1')
    (folder / "items.jsonl").write_text(first + "".join(lines[1:7]) + lines[7][:40])
    arguments = ["--data_dir", work / "mixed", "--output_dir", folder, "--model", pipeline]
    arguments += ["--segments_per_recording", 1, "--gap_ms", 50, 100]
    run("evaluate", *arguments)
    # What was there is not measured again, and the rest is to the bit what it would have been.
    assert (folder / "items.jsonl").read_text() == first + "".join(lines[1:])
    with pytest.raises(SystemExit, match="rows of another --seed or --model"):
        run("evaluate", *arguments, "--seed", 1)


def test_evaluation_of_several_folders_tells_them_apart(pipeline, tmp_path):
    for folder in ("one", "two"):
        write_tones(tmp_path / folder / "a.wav", 5.0)
    (tmp_path / "other").mkdir()
    shutil.copytree(tmp_path / "two", tmp_path / "other" / "one")
    arguments = ["--output_dir", tmp_path / "evaluation", "--model", pipeline, "--methods", "masked", "linear"]
    arguments += ["--segments_per_recording", 1, "--gap_ms", 20]
    with pytest.raises(SystemExit, match="folders must differ in name"):
        run("evaluate", "--data_dir", tmp_path / "one", tmp_path / "other" / "one", *arguments)
    run("evaluate", "--data_dir", tmp_path / "one", tmp_path / "two", *arguments)
    rows = [json.loads(line) for line in (tmp_path / "evaluation" / "items.jsonl").read_text().splitlines()]
    assert [row["recording"] for row in rows] == ["one/a.wav"] * 2 + ["two/a.wav"] * 2
    results = (tmp_path / "evaluation" / "results.md").read_text()
    assert results.endswith("n = 2 gaps a length, of 2 recordings.\n")


def test_evaluation_leaves_out_gaps_that_were_silent(pipeline, tmp_path, capsys):
    audio = 0.1 * np.random.default_rng(0).standard_normal(5 * 24_000)
    audio[59_000:61_000] = 0
    (tmp_path / "recordings").mkdir()
    sf.write(tmp_path / "recordings" / "a.wav", audio, 24_000)
    run(
        *("evaluate", "--data_dir", tmp_path / "recordings", "--output_dir", tmp_path / "evaluation"),
        *("--model", pipeline, "--methods", "masked", "--segments_per_recording", 1, "--gap_ms", 50, 100),
    )
    rows = [json.loads(line) for line in (tmp_path / "evaluation" / "items.jsonl").read_text().splitlines()]
    assert [row["gap_ms"] for row in rows] == [100]
    assert "a.wav, 50 ms in the segment at 9960 is left out: silent in the gap" in capsys.readouterr().out


def test_means_count_what_is_not_finite():
    cell = load("evaluate").mean_cell
    assert cell(np.array([1.0, 3.0]), ["a", "a"], 3, True) == "2.000 [2.000, 2.000]"
    mixed = np.array([1.0, np.inf, 3.0, -np.inf, np.inf])
    assert cell(mixed, ["a"] * 5, 1, True) == "2.0 [2.0, 2.0], 1 of -inf, 2 of inf"
    assert cell(mixed, ["a"] * 5, 1, False) == "2.0, 1 of -inf, 2 of inf"
    assert cell(np.array([np.inf, np.inf]), ["a", "b"], 3, True) == "2 of inf"


def test_the_study_of_short_gaps_has_a_line_a_gap_and_method(work, tmp_path):
    run(
        *("study_auto", "--data_dir", work / "recordings", "--output_file", tmp_path / "study.md"),
        *("--gap_ms", 1, 5, "--segments_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()[4:]
    methods = ("janssen", "autoregressive", "aidd")
    assert [line.split(" | ")[:3] for line in lines] == [[f"| {gap}", name, "1"] for gap in (1, 5) for name in methods]


def test_the_study_of_the_splice_has_a_line_a_gap_and_law(pipeline, tmp_path):
    (tmp_path / "recordings").mkdir()
    noise = 0.1 * np.random.default_rng(0).normal(size=5 * 24_000)
    sf.write(tmp_path / "recordings" / "a.wav", noise, 24_000)
    run(
        *("study_splice", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", pipeline, "--gap_ms", 60, "--reach_ms", 10, "--segments_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()[4:]
    laws = ("fade, reach 10 ms", "P, reach 10 ms", "P^2, reach 10 ms", "continuation")
    assert [line.split(" | ")[:4] for line in lines] == [["| 60", "2", law, "1"] for law in laws]
    assert len({line.split(" | ", 4)[4] for line in lines}) == len(laws)


def test_the_study_of_stereo_measures_what_the_channels_were_like(pipeline, tmp_path):
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=5 * 32_000), rng.normal(size=5 * 32_000)
    (tmp_path / "recordings").mkdir()
    sf.write(tmp_path / "recordings" / "a.wav", 0.05 * np.stack([shared, 0.5 * (shared + own)], 1), 32_000)
    run(
        *("study_stereo", "--data_dir", tmp_path / "recordings", "--output_file", tmp_path / "study.md"),
        *("--model", pipeline, "--gap_ms", 100, "--gaps_per_recording", 1),
    )
    lines = (tmp_path / "study.md").read_text().splitlines()
    assert [line.split(" | ")[:3] for line in lines[4:6]] == [
        ["| 100", name, "1"] for name in ("original", "restored")
    ]
    for line in lines[4:6]:
        level, correlation = (float(line.split(" | ")[column].split(", ")[0]) for column in (3, 5))
        # A model of random weights is no noise.
        assert abs(level) < 1 and abs(correlation) < 0.3
    distances = [float(line.split(" | ")[4]) for line in lines[9:11]]
    assert 0 < distances[0] < distances[1]


def test_evaluation_refuses_a_folder_without_segments(pipeline, tmp_path):
    write_tones(tmp_path / "recordings" / "short.wav", 3.0)
    with pytest.raises(SystemExit, match=r"holds no recording of 4\.17 s"):
        run(
            *("evaluate", "--data_dir", tmp_path / "recordings", "--output_dir", tmp_path / "evaluation"),
            *("--model", pipeline),
        )
    assert not (tmp_path / "evaluation").exists()


def test_the_model_card_tells_how_the_model_came_about(codec, transformer, pipeline, evaluation, tmp_path):
    for name, folder in (("codec", codec), ("transformer", transformer), ("evaluation", evaluation)):
        (tmp_path / name).mkdir()
        for file in folder.glob("*.*"):
            if file.suffix in (".json", ".jsonl", ".md"):
                shutil.copy(file, tmp_path / name)
    (tmp_path / "description.md").write_text("# A model of tones\n")
    run("write_model_card", "--record_dir", tmp_path, "--pipeline", pipeline)
    card = (tmp_path / "README.md").read_text()
    assert card == (pipeline / "README.md").read_text()
    assert "# A model of tones" in card and (evaluation / "results.md").read_text().strip() in card
    assert "| `codebook_start_step` | 3 |" in card
    assert f"| 4 | {metrics(transformer)[0]['valid/cross_entropy_gap_15']:.4g} |" in card
