"""Inpainting of pictures: training, the classifier, and the comparison, tiny."""

import json
from pathlib import Path

import numpy as np
import pytest
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, UNet2DModel
from image_masks import MASK_FAMILIES
from PIL import Image
from safetensors.torch import load_file
from scripts import SCRIPTS, launch, load, metrics, run, run_process

from aidd.schedulers.repaint import PRESETS, num_network_calls


pytest.importorskip("matplotlib")
UNET = Path("unet") / "diffusion_pytorch_model.safetensors"
TRAINING = [
    *("--resolution", 16, "--block_out_channels", 8, 16, "--ddpm_num_steps", 60, "--train_batch_size", 4),
    *("--max_train_steps", 4, "--lr_warmup_steps", 1, "--logging_steps", 1, "--validation_steps", 4),
    *("--checkpointing_steps", 2),
]


@pytest.fixture(scope="module")
def ddpm(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ddpm") / "run"
    launch("train_image_ddpm", *TRAINING, "--output_dir", folder)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("classifier") / "run"
    launch(
        *("train_glyph_classifier", "--output_dir", folder, "--resolution", 16, "--hidden_size", 8),
        *("--max_train_steps", 3, "--train_batch_size", 8, "--num_test_images", 50),
    )
    return folder


@pytest.fixture(scope="module")
def comparison(ddpm, classifier, tmp_path_factory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("comparison")
    arguments = ["--model", ddpm, "--classifier", classifier, "--output_dir", folder, "--num_images", 3]
    arguments += ["--num_reference_images", 20, "--masks", "half", "super_resolution", "--device", "cpu"]
    run("repaint_images", *arguments)
    return folder, arguments


def test_a_trained_model_is_a_pipeline_of_the_moving_average(ddpm):
    pipe = DDPMPipeline.from_pretrained(ddpm)
    assert (pipe.unet.config.sample_size, pipe.scheduler.config.num_train_timesteps) == (16, 60)
    last = load_file(ddpm / "checkpoint-4" / "model.safetensors")
    assert any(not value.equal(last[name]) for name, value in load_file(ddpm / UNET).items())
    rows = metrics(ddpm)
    assert [row["train/loss"] for row in rows if "train/loss" in row] == [pytest.approx(1, abs=0.7)] * 4
    assert rows[-1]["step"] == 4 and rows[-1]["valid/loss"] > 0


def test_a_stopped_training_goes_on_to_the_bit(ddpm, tmp_path):
    (tmp_path / "checkpoint-2").symlink_to(ddpm / "checkpoint-2")
    script = SCRIPTS["train_image_ddpm"]
    run_process(script, *TRAINING, "--output_dir", tmp_path, "--resume_from_checkpoint", "latest")
    assert (tmp_path / UNET).read_bytes() == (ddpm / UNET).read_bytes()
    assert metrics(tmp_path) == metrics(ddpm)[2:]


def test_the_classifier_tells_how_well_it_reads(classifier):
    result = json.loads((classifier / "metrics.json").read_text())
    assert 0 <= result["interval"][0] <= result["accuracy"] <= result["interval"][1] <= 1
    assert result["num_test_images"] == 50


def test_a_fill_changes_what_is_missing_only(comparison):
    folder, _ = comparison
    for family in ("half", "super_resolution"):
        stored = np.load(folder / f"{family}.npz")
        original, mask = stored["original"], np.broadcast_to(stored["mask"], (3, 1, 16, 16))
        assert np.array_equal(mask[0, 0], MASK_FAMILIES[family](16, 16, np.random.default_rng(0)))
        for name in ("fast", "plain, as fast"):
            assert np.array_equal(stored[name][~mask], original[~mask])
            assert (stored[name][mask] != original[mask]).mean() > 0.9
        with Image.open(folder / f"{family}.png") as sheet:
            assert sheet.size == (4 * 116, 16 + 3 * 116)


def test_the_table_says_what_was_found(comparison):
    folder, _ = comparison
    results = json.loads((folder / "results.json").read_text())
    assert list(results["families"]) == ["half", "super_resolution"] and results["num_images"] == 3
    for result in results["families"].values():
        rows = result["filled_by"]
        assert list(rows) == ["original", "left", "fast", "plain, as fast"]
        # Plain replacement has the 60 steps of the model, and no more.
        assert rows["fast"]["network_calls"] == num_network_calls(*PRESETS["fast"]) == 85
        assert rows["plain, as fast"]["network_calls"] == 60
        for row in rows.values():
            value, low, high = row["frechet_distance"]
            assert low <= value <= high
        difference = rows["fast"]["accuracy"][0] - rows["plain, as fast"]["accuracy"][0]
        assert rows["fast"]["accuracy_less_plain"][0] == pytest.approx(difference)
    lines = (folder / "results.md").read_text().splitlines()
    (half,) = [line for line in lines if line.startswith("| half | 50% | fast | 85 | ")]
    assert f"{results['families']['half']['filled_by']['fast']['accuracy'][0]:.3f} [" in half


def test_a_stopped_comparison_goes_on_with_the_next_family(comparison):
    folder, arguments = comparison
    before = np.load(folder / "half.npz")["fast"]
    kept = (folder / "super_resolution.npz").stat().st_mtime_ns
    results = (folder / "results.json").read_text()
    (folder / "half.npz").unlink()
    run("repaint_images", *arguments)
    assert np.array_equal(np.load(folder / "half.npz")["fast"], before)
    assert (folder / "super_resolution.npz").stat().st_mtime_ns == kept
    assert (folder / "results.json").read_text() == results
    with pytest.raises(ValueError, match=r"holds a run with the arguments .*\"seed\": 0"):
        run("repaint_images", *arguments, "--seed", 1)


def test_plain_replacement_takes_as_many_calls_where_the_model_has_as_many_steps():
    named = load("repaint_images").runs(["fast"], 1000)
    assert num_network_calls(**named["fast"]) == num_network_calls(**named["plain, as fast"]) == 85
    assert named["plain, as fast"]["num_resamplings"] == 1


def test_pictures_of_a_folder_in_colour(tmp_path):
    """Any pipeline of a U-Net and such a scheduler, any size of picture."""
    unet = UNet2DModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=[8, 16],
        down_block_types=["DownBlock2D"] * 2,
        up_block_types=["UpBlock2D"] * 2,
        norm_num_groups=8,
        add_attention=False,
    )
    DDIMPipeline(unet, DDIMScheduler()).save_pretrained(tmp_path / "model")
    (tmp_path / "pictures").mkdir()
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255, 0, 51
    Image.fromarray(pixels).save(tmp_path / "pictures" / "a.png")
    (tmp_path / "pictures" / "notes.txt").write_text("not a picture")
    arguments = ["--model", tmp_path / "model", "--output_dir", tmp_path / "out", "--device", "cpu"]
    run("repaint_images", *arguments, "--image_dir", tmp_path / "pictures", "--masks", "expand")
    stored = np.load(tmp_path / "out" / "expand.npz")
    # The middle of the picture, which is of one colour.
    assert np.allclose(stored["original"], np.array([1, -1, -0.6])[None, :, None, None], atol=0.01)
    assert np.isfinite(stored["fast"]).all() and stored["fast"].shape == (1, 3, 16, 16)
    assert "accuracy" not in (tmp_path / "out" / "results.json").read_text()
    assert "| expand | 94% | fast | 85 |\n" in (tmp_path / "out" / "results.md").read_text()
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"expected pictures .* found none"):
        run("repaint_images", *arguments, "--image_dir", tmp_path / "none")
