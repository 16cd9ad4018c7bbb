"""Training of CQT-Diff+, tiny and for real."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scripts import EXAMPLES, launch, load, metrics, run, run_process, write_tones

import aidd


CONFIG = {
    "_class_name": "CQTDiffPlusUNet",
    "sample_size": 2048,
    "bins_per_octave": 8,
    "block_out_channels": [4, 8, 8],
    "layers_per_block": [1, 1, 1],
    "attention_levels": [False, True, False],
    "num_attention_heads": 1,
    "norm_num_groups": 2,
    "embedding_size": 8,
}
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("cqtdiff")
    (folder / "unet.json").write_text(json.dumps(CONFIG))
    write_tones(folder / "one" / "tones.wav", 2.0)
    write_tones(folder / "two" / "tones.wav", 1.0)
    return [
        *("--train_data_dir", folder / "one", folder / "two", "--train_data_probabilities", 0.7, 0.3),
        *("--validation_data_dir", folder / "two", "--validation_segments", 2, "--validation_steps", 3),
        *("--config_path", folder / "unet.json", "--max_train_steps", 6, "--train_batch_size", 2),
        *("--gradient_accumulation_steps", 2, "--lr_warmup_steps", 1, "--logging_steps", 1),
        *("--checkpointing_steps", 2, "--checkpoints_total_limit", 9, "--report_to", "none"),
    ]


@pytest.fixture(scope="module")
def trained(arguments, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    launch("train_cqtdiff", *arguments, "--output_dir", folder)
    return folder


def test_losses_are_logged_and_errors_told_by_strength_of_noise(trained):
    rows = metrics(trained)
    assert [row["step"] for row in rows if "train/loss" in row] == [1, 2, 3, 4, 5, 6]
    validations = [row for row in rows if "valid/error_1" in row]
    assert [row["step"] for row in validations] == [3, 6]
    names = {f"valid/error_{sigma}" for sigma in ("0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1")}
    assert all(row.keys() == names | {"step"} and min(row.values()) > 0 for row in validations)


def test_the_result_is_the_moving_average(trained):
    average, last = load_file(trained / "unet" / WEIGHTS), load_file(trained / "checkpoint-6" / "model.safetensors")
    assert average.keys() == last.keys()
    assert any(not torch.equal(average[name], last[name]) for name in average)


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(trained, arguments, tmp_path):
    shutil.copytree(trained / "checkpoint-2", tmp_path / "checkpoint-2")
    script = EXAMPLES / "train_cqtdiff.py"
    run_process(script, *arguments, "--output_dir", tmp_path, "--resume_from_checkpoint", "latest")
    for name in (f"unet/{WEIGHTS}", "checkpoint-6/model.safetensors"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes(), name
    assert metrics(tmp_path) == [row for row in metrics(trained) if row["step"] > 2]


def test_a_trained_network_goes_on_in_bfloat16(trained, arguments, tmp_path):
    """And the weights of the one that it started from are near to its own."""
    options = ("--init_from", trained / "unet", "--mixed_precision", "bf16", "--max_train_steps", 1)
    options += ("--learning_rate", 1e-6, "--output_dir", tmp_path)
    run_process(EXAMPLES / "train_cqtdiff.py", *arguments, *options)
    before, after = load_file(trained / "unet" / WEIGHTS), load_file(tmp_path / "unet" / WEIGHTS)
    assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in before)
    assert {value.dtype for value in after.values()} == {torch.float32}


def test_a_pipeline_is_assembled_and_fills_gaps(trained, tmp_path):
    options = ("--dtype", "bfloat16", "--short_gap_seconds", 0, "--num_inference_steps", 5)
    run("assemble_cqtdiff_pipeline", "--model", trained, "--output_dir", tmp_path / "pipeline", *options)
    weights, average = load_file(tmp_path / "pipeline" / "unet" / WEIGHTS), load_file(trained / "unet" / WEIGHTS)
    assert all(torch.equal(weights[name], average[name].bfloat16()) for name in average)
    pipe = aidd.CQTDiffPipeline.from_pretrained(tmp_path / "pipeline")
    assert pipe.config.num_inference_steps == 5
    audio, mask = 0.1 * np.sin(np.arange(3000) / 10), np.arange(3000) // 100 == 10
    restored = pipe(audio, mask).audios
    assert np.array_equal(restored[~mask], audio[~mask])


def test_networks_of_the_first_generation_are_trained_and_assembled(arguments, tmp_path):
    sizes = {"sampling_rate": 8000, "sample_size": 2048, "num_octaves": 3, "bins_per_octave": 8}
    sizes |= {"block_out_channels": [4, 8], "layers_per_block": 2, "embedding_size": 8, "num_frequencies": 4}
    (tmp_path / "first.json").write_text(json.dumps({"_class_name": "CQTDiffUNet"} | sizes))
    options = ("--config_path", tmp_path / "first.json", "--max_train_steps", 2, "--output_dir", tmp_path / "first")
    run_process(EXAMPLES / "train_cqtdiff.py", *arguments, *options)
    run("assemble_cqtdiff_pipeline", "--model", tmp_path / "first", "--output_dir", tmp_path / "pipeline")
    unet = aidd.CQTDiffPipeline.from_pretrained(tmp_path / "pipeline").unet
    assert type(unet) is aidd.CQTDiffUNet and unet.config.bins_per_octave == 8
    assert any(projection.weight.any() for projection in unet.pyramid_out)


@pytest.mark.parametrize("arguments", [[], ["--use_dummy_data", "--train_data_dir", "recordings"]])
def test_training_asks_for_data(arguments, monkeypatch, capsys):
    module = load("train_cqtdiff")
    command = ["train_cqtdiff.py", "--output_dir", "outputs", "--config_path", "unet.json", *arguments]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="2"):
        module.parse_args()
    assert "either --train_data_dir or --use_dummy_data" in capsys.readouterr().err


def test_a_configuration_of_another_model_is_refused(arguments, tmp_path, monkeypatch, capsys):
    config = EXAMPLES / "configs" / "piano_cpu" / "dit_token.json"
    command = ["train_cqtdiff.py", *arguments, "--config_path", config, "--output_dir", tmp_path]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    with pytest.raises(SystemExit, match="2"):
        load("train_cqtdiff").main()
    told = capsys.readouterr().err
    assert (
        f"{config} is a DiTTokenModel (model_type aidd_dit_token), expected a CQTDiffPlusUNet or CQTDiffUNet\n" in told
    )
