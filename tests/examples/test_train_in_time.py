"""Every training script ends when its minutes are spent, and writes what it has trained by then."""

import json
from pathlib import Path

import pytest
from diffusers import DDPMPipeline, UNet2DModel
from scripts import CODEC_CONFIG, SCRIPTS, TRANSFORMER_CONFIG, metrics, run_process

from aidd import DiTTokenModel, SpectrogramFrontEnd
from aidd.models.wavtokenizer import load_wavtokenizer


UNET_CONFIG = {
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
}
# 6 microseconds, less than any step takes.
LIMIT = ("--max_train_minutes", 1e-7, "--lr_warmup_steps", 0, "--train_batch_size", 2)


def arguments(script: str, folder: Path) -> list:
    """Options that make a script small; what it reads lies in the folder."""
    (folder / "config.json").write_text(
        json.dumps({"train": TRANSFORMER_CONFIG, "train_wavtokenizer": CODEC_CONFIG}.get(script, UNET_CONFIG))
    )
    config = ("--use_dummy_data", "--config_path", folder / "config.json")
    match script:
        case "train":
            return [*config, "--max_gap", 30]
        case "train_wavtokenizer":
            return [*config, "--codebook_start_segments", 2, "--segment_seconds", 0.3]
        case "train_spectrogram_ddpm":
            SpectrogramFrontEnd(n_fft=62, hop_length=31).save_pretrained(folder / "front_end")
            return [*config, "--front_end", folder / "front_end"]
        case "train_image_ddpm":
            return ["--resolution", 16, "--block_out_channels", 8, 16, "--validation_steps", 10**6]
    raise ValueError(script)


def load_result(script: str, folder: Path) -> None:
    match script:
        case "train":
            DiTTokenModel.from_pretrained(folder)
        case "train_wavtokenizer":
            # Its codebook is started, though the first phase was cut off.
            assert load_wavtokenizer(folder).encoder_model.quantizer.codebook.inited.item() == 1
        case "train_spectrogram_ddpm":
            UNet2DModel.from_pretrained(folder / "unet")
        case "train_image_ddpm":
            DDPMPipeline.from_pretrained(folder)


@pytest.mark.parametrize("script", ["train", "train_wavtokenizer", "train_spectrogram_ddpm", "train_image_ddpm"])
def test_a_run_ends_in_time_and_a_resumed_one_has_none_left(script, tmp_path):
    if script == "train_image_ddpm":
        pytest.importorskip("matplotlib")
    folder = tmp_path / "run"
    options = [*arguments(script, tmp_path), *LIMIT, "--output_dir", folder]
    run_process(SCRIPTS[script], *options)
    load_result(script, folder)
    record = json.loads((folder / "training_arguments.json").read_text())
    assert (record["trained_steps"], record["max_train_minutes"]) == (1, 1e-7) and record["trained_minutes"] > 1e-7
    # The last step is logged and kept.
    assert {row["step"] for row in metrics(folder)} == {1} and (folder / "checkpoint-1").is_dir()
    run_process(SCRIPTS[script], *options, "--resume_from_checkpoint", "latest")
    again = json.loads((folder / "training_arguments.json").read_text())
    assert (again["trained_steps"], again["trained_minutes"]) == (1, record["trained_minutes"])


def test_a_learning_rate_that_is_too_high_stops_the_run_before_the_model_is_spoilt(tmp_path):
    options = [*arguments("train_spectrogram_ddpm", tmp_path), *LIMIT[2:], "--output_dir", tmp_path / "run"]
    with pytest.raises(AssertionError, match=r"step [2-9]: expected a gradient of finite norm, got (nan|inf)"):
        run_process(
            *(SCRIPTS["train_spectrogram_ddpm"], *options, "--learning_rate", 1e30),
            *("--max_train_steps", 9, "--checkpointing_steps", 1),
        )
    assert (tmp_path / "run" / "checkpoint-1").is_dir() and not (tmp_path / "run" / "unet").exists()
