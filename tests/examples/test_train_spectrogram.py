"""Training of the spectrogram model and what is made of it, tiny and for real."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file
from scripts import EXAMPLES, launch, load, metrics, run, run_process, write_tones

import aidd


CONFIG = {
    "_class_name": "UNet2DModel",
    "sample_size": [32, 16],
    "in_channels": 4,
    "out_channels": 2,
    "block_out_channels": [4, 8],
    "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D"],
    "norm_num_groups": 2,
    "attention_head_dim": 4,
    # A resumed run must draw the same.
    "dropout": 0.1,
}
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("spectrogram")
    (folder / "unet.json").write_text(json.dumps(CONFIG))
    aidd.SpectrogramFrontEnd(n_fft=62, hop_length=31).save_pretrained(folder / "front_end")
    write_tones(folder / "one" / "tones.wav", 2.0)
    write_tones(folder / "two" / "tones.wav", 1.0)
    return [
        *("--train_data_dir", folder / "one", folder / "two", "--train_data_probabilities", 0.7, 0.3),
        *("--validation_data_dir", folder / "two", "--validation_segments", 2, "--validation_steps", 3),
        *("--config_path", folder / "unet.json", "--front_end", folder / "front_end"),
        *("--max_train_steps", 6, "--train_batch_size", 2, "--gradient_accumulation_steps", 2),
        *("--lr_warmup_steps", 1, "--logging_steps", 1, "--checkpointing_steps", 2, "--checkpoints_total_limit", 9),
        *("--report_to", "none"),
    ]


def train(folder, *arguments) -> None:
    run_process(EXAMPLES / "train_spectrogram_ddpm.py", *arguments, "--output_dir", folder)


@pytest.fixture(scope="module")
def trained(arguments, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    launch("train_spectrogram_ddpm", *arguments, "--output_dir", folder)
    return folder


def test_losses_are_logged_and_errors_told_by_strength_of_noise(trained):
    rows = metrics(trained)
    assert [row["step"] for row in rows if "train/loss" in row] == [1, 2, 3, 4, 5, 6]
    validations = [row for row in rows if "valid/error_900" in row]
    assert [row["step"] for row in validations] == [3, 6]
    names = {f"valid/error_{time}" for time in (50, 150, 300, 500, 700, 900)}
    assert all(row.keys() == names | {"step"} and min(row.values()) > 0 for row in validations)
    assert json.loads((trained / "training_arguments.json").read_text())["max_train_steps"] == 6


def test_the_result_is_the_moving_average(trained):
    average, last = load_file(trained / "unet" / WEIGHTS), load_file(trained / "checkpoint-6" / "model.safetensors")
    assert average.keys() == last.keys()
    assert any(not torch.equal(average[name], last[name]) for name in average)


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(trained, arguments, tmp_path):
    shutil.copytree(trained / "checkpoint-2", tmp_path / "checkpoint-2")
    train(tmp_path, *arguments, "--resume_from_checkpoint", "latest")
    for name in (f"unet/{WEIGHTS}", "checkpoint-6/model.safetensors", "scheduler/scheduler_config.json"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes(), name
    assert metrics(tmp_path) == [row for row in metrics(trained) if row["step"] > 2]


def test_a_trained_network_goes_on_in_bfloat16(trained, arguments, tmp_path):
    """And the weights of the one that it started from are near to its own."""
    options = ("--init_from", trained / "unet", "--mixed_precision", "bf16", "--max_train_steps", 1)
    train(tmp_path, *arguments, *options, "--learning_rate", 1e-6)
    before, after = load_file(trained / "unet" / WEIGHTS), load_file(tmp_path / "unet" / WEIGHTS)
    assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in before)
    assert {value.dtype for value in after.values()} == {torch.float32}


def test_a_pipeline_is_assembled_and_fills_gaps(trained, tmp_path):
    run(
        *("assemble_spectrogram_pipeline", "--model", trained, "--output_dir", tmp_path / "pipeline"),
        *("--dtype", "bfloat16", "--short_gap_seconds", 0),
    )
    weights = load_file(tmp_path / "pipeline" / "unet" / WEIGHTS)
    average = load_file(trained / "unet" / WEIGHTS)
    assert all(torch.equal(weights[name], average[name].bfloat16()) for name in average)
    pipe = aidd.SpectrogramRePaintPipeline.from_pretrained(tmp_path / "pipeline")
    assert pipe.scheduler.config.prediction_type == "v_prediction" and not pipe.scheduler.config.clip_sample
    assert pipe.scheduler.config.variance_type == "fixed_large"
    audio, mask = 0.1 * np.sin(np.arange(3000) / 10), np.arange(3000) // 100 == 10
    restored = pipe(audio, mask, num_inference_steps=3, jump_length=1, num_resamplings=2).audios
    assert np.array_equal(restored[~mask], audio[~mask])


def test_the_configuration_of_the_package_is_small_enough():
    """7 MB in bfloat16, and the default front end's bins; frames can be halved as often as the network does."""
    config = json.loads((EXAMPLES / "configs" / "piano_cpu" / "spectrogram_unet.json").read_text())
    unet = UNet2DModel.from_config(config)
    assert 2 * unet.num_parameters() < 7_000_000
    bins, frames = unet.config.sample_size
    assert bins == aidd.SpectrogramFrontEnd().grid.num_bins
    assert bins % 2 ** (len(unet.config.block_out_channels) - 1) == 0
    assert frames % 2 ** (len(unet.config.block_out_channels) - 1) == 0


@pytest.mark.parametrize("arguments", [[], ["--use_dummy_data", "--train_data_dir", "recordings"]])
def test_training_asks_for_data(arguments, monkeypatch, capsys):
    module = load("train_spectrogram_ddpm")
    command = ["train_spectrogram_ddpm.py", "--output_dir", "outputs", "--config_path", "unet.json", *arguments]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="2"):
        module.parse_args()
    assert "either --train_data_dir or --use_dummy_data" in capsys.readouterr().err


def test_a_network_of_other_bins_is_refused(arguments, tmp_path, monkeypatch, capsys):
    module = load("train_spectrogram_ddpm")
    at = arguments.index("--front_end")
    command = ["train_spectrogram_ddpm.py", *arguments[:at], *arguments[at + 2 :], "--output_dir", tmp_path]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    with pytest.raises(SystemExit, match="2"):
        module.main()
    assert "error: sample_size must have the front end's 512 bins, got 32\n" in capsys.readouterr().err


def test_a_configuration_of_another_model_is_refused(arguments, tmp_path, monkeypatch, capsys):
    config = EXAMPLES / "configs" / "piano_cpu" / "dit_token.json"
    command = ["train_spectrogram_ddpm.py", *arguments, "--config_path", config, "--output_dir", tmp_path]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    with pytest.raises(SystemExit, match="2"):
        load("train_spectrogram_ddpm").main()
    told = capsys.readouterr().err
    assert f"{config} is a DiTTokenModel (model_type aidd_dit_token), expected a UNet2DModel\n" in told
