"""All phases of the codec's training, tiny and for real."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from processes import python
from safetensors.torch import load_file
from scripts import CODEC_CONFIG, CPU, launcher
from transformers import AutoFeatureExtractor

from aidd.models.wavtokenizer import load_wavtokenizer


SCRIPT = Path(__file__).parents[2] / "examples" / "train_wavtokenizer.py"
STEPS = {"--max_train_steps": 6, "--codebook_start_step": 2, "--adversarial_start_step": 4}


def run(folder: Path, *arguments, start=python.run, program=(SCRIPT,)) -> subprocess.CompletedProcess:
    sizes = {"--train_batch_size": 2, "--segment_seconds": 0.2, "--codebook_start_segments": 4}
    discriminators = {"--period_discriminator_channels": 1, "--spectrogram_discriminator_channels": 1}
    discriminators["--adversarial_seconds"] = 0.15
    times = {"--lr_warmup_steps": 1, "--logging_steps": 1, "--checkpointing_steps": 1, "--checkpoints_total_limit": 9}
    options = [part for option in (sizes | discriminators | times).items() for part in option]
    return start(*program, "--use_dummy_data", "--output_dir", folder, *options, *arguments, **CPU)


def train(folder: Path, *arguments, **settings) -> None:
    result = run(folder, *arguments, **settings)
    assert result.returncode == 0, result.stderr[-4000:]


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def moved(folder: Path, step: int, part: str, file: str = "model.safetensors") -> bool:
    """Whether a part of the weights changed in the step after `step`."""
    before, after = (load_file(folder / f"checkpoint-{number}" / file) for number in (step, step + 1))
    return any(not torch.equal(before[name], after[name]) for name in before if name.startswith(part))


ENCODER, CODEBOOK = "codec.encoder_model.encoder.", "codec.encoder_model.quantizer.codebook."
DECODER = "codec.backbone."


@pytest.fixture(scope="module")
def arguments(tmp_path_factory) -> list:
    path = tmp_path_factory.mktemp("config") / "codec.json"
    path.write_text(json.dumps(CODEC_CONFIG))
    steps = [part for option in STEPS.items() for part in option]
    return ["--config_path", path, *steps, "--no-freeze_encoder", "--dead_code_threshold", 0.1]


@pytest.fixture(scope="module")
def codec(arguments, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("codec")
    train(folder, *arguments, program=launcher("train_wavtokenizer"))
    return folder


def test_each_phase_trains_its_parts(codec):
    steps = range(1, 6)
    assert all(moved(codec, step, ENCODER) and moved(codec, step, DECODER) for step in steps)
    # The codebook starts in the step after 2, and is updated in all that follow.
    assert [moved(codec, step, f"{CODEBOOK}embed") for step in steps] == [False, True, True, True, True]
    # So do the discriminators after 4, theirs being the second model; warm-up makes the first of their steps one of 0.
    assert [moved(codec, step, "", "model_1.safetensors") for step in steps] == [False, False, False, False, True]


def test_each_phase_logs_its_losses_and_the_codes_in_use(codec):
    first, second, started, *rest = metrics(codec)
    assert set(first) == set(second) == {"step", "train/mel", "train/spectral"}
    assert started["step"] == 3 and 1 < started["train/codes_in_use"] <= 32
    joint = {*first, "train/commitment", "train/codes_in_use", "train/perplexity"}
    adversarial = {*joint, "train/discriminator", "train/adversarial", "train/feature_matching"}
    assert [set(row) for row in rest] == [joint, joint, adversarial, adversarial]
    assert all(1 <= row["train/perplexity"] <= row["train/codes_in_use"] <= 32 for row in rest)


@pytest.mark.parametrize("step", [1, 5])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(codec, arguments, tmp_path, step):
    """Across the start of codebook and discriminators, and with their state restored."""
    shutil.copytree(codec / f"checkpoint-{step}", tmp_path / f"checkpoint-{step}")
    train(tmp_path, *arguments, "--resume_from_checkpoint", "latest")
    for name in ("model.safetensors", "checkpoint-6/model.safetensors", "checkpoint-6/model_1.safetensors"):
        assert (tmp_path / name).read_bytes() == (codec / name).read_bytes(), name
    assert metrics(tmp_path) == [row for row in metrics(codec) if row["step"] > step]


def test_a_trained_codec_goes_on_with_its_codebook(codec, tmp_path):
    """Here in bfloat16, and with the encoder frozen: the codebook stays as it is."""
    train(
        tmp_path,
        *("--init_from", codec, "--max_train_steps", 2, "--adversarial_start_step", 0, "--mixed_precision", "bf16"),
        *("--dead_code_threshold", 0.25),
    )
    before, after = load_file(codec / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert kept == {name for name in before if not name.startswith(("backbone.", "head."))}
    assert {value.dtype for value in after.values()} == {torch.float32}
    assert [row["step"] for row in metrics(tmp_path)] == [1, 2]
    assert json.loads((tmp_path / "training_arguments.json").read_text())["dead_code_threshold"] == 0.25
    assert load_wavtokenizer(tmp_path).config.codebook_size == 32
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert (extractor.sampling_rate, extractor.hop_length) == (24_000, 320)


def test_two_processes_train_all_phases(arguments, tmp_path):
    """A frozen encoder takes no part in what processes wait for; discriminators are passed twice a step."""
    train(tmp_path, *arguments, "--freeze_encoder", start=python.run_two)
    assert [moved(tmp_path, step, ENCODER) for step in (1, 2, 5)] == [True, False, False]
    assert moved(tmp_path, 5, DECODER) and moved(tmp_path, 5, "", "model_1.safetensors")


def test_a_threshold_that_would_kill_every_code_is_refused(arguments, tmp_path):
    """A segment of 0.2 s has 15 tokens; two of them share out 30 uses among 32 codes."""
    result = run(tmp_path, *arguments, "--dead_code_threshold", 1)
    assert result.returncode == 2
    assert "1.0 uses a batch, but 30 tokens a batch use each of 32 codes 0.938 times: lower it" in result.stderr


def test_a_longer_run_does_not_start_its_codebook_again(arguments, tmp_path):
    """The default is 60 % of the steps, here 3: of the longer run it would be 6."""
    arguments = [*arguments[:2], "--train_batch_size", 4, "--max_train_steps"]
    train(tmp_path, *arguments, 5)
    train(tmp_path, *arguments, 10, "--resume_from_checkpoint", "latest")
    rows = metrics(tmp_path)
    starts = [row for row in rows if row.keys() == {"step", "train/codes_in_use"}]
    assert [row["step"] for row in starts] == [4]
    assert [row["step"] for row in rows if "train/mel" in row] == list(range(1, 11))
    assert all("train/perplexity" in row for row in rows if "train/mel" in row and row["step"] > 3)
    assert json.loads((tmp_path / "training_arguments.json").read_text())["codebook_start_step"] == 3
    for changes, message in (
        (["--codebook_start_step", 7], "codebook_start_step is 3 in "),
        (["--adversarial_start_step", 10], "adversarial_start_step is None in "),
    ):
        result = run(tmp_path, *arguments, 12, "--resume_from_checkpoint", "latest", *changes)
        assert result.returncode == 2 and result.stderr.count("\n") == 1
        assert f"train_wavtokenizer.py: error: {message}" in result.stderr
    result = run(tmp_path, *arguments, 12)
    assert result.returncode == 2 and "holds a training run: go on with it by" in result.stderr


def test_a_start_of_the_codebook_behind_the_last_step_is_refused(arguments, tmp_path):
    result = run(tmp_path, *arguments[:2], "--max_train_steps", 2, "--codebook_start_step", 2)
    assert result.returncode == 2
    assert "must lie below --max_train_steps, or the codec is left without a codebook; got 2 and 2" in result.stderr


def test_a_configuration_of_the_token_model_is_refused(tmp_path):
    config = SCRIPT.parent / "configs" / "piano_cpu" / "dit_token.json"
    result = run(tmp_path, "--config_path", config)
    assert result.returncode == 2
    assert "dit_token.json is a DiTTokenModel (model_type aidd_dit_token), expected a WavTokenizer" in result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--init_from", "codec", "--codebook_start_step", "3"], "no --codebook_start_step"),
        (["--max_train_steps", "5", "--adversarial_start_step", "5"], "--adversarial_start_step must lie in"),
        (["--segment_seconds", "0.5", "--adversarial_seconds", "0.6"], "--adversarial_seconds must lie in"),
    ],
)
def test_options_that_contradict_are_refused(changes, message, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("example_train_wavtokenizer", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, "--use_dummy_data", "--output_dir", "outputs", *changes])
    with pytest.raises(SystemExit, match="2"):
        module.parse_args()
    assert message in capsys.readouterr().err
