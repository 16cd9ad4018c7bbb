"""Annotations hold in the package, in what its documentation shows, and for those who call it."""

import configparser
import re
import shutil
import subprocess
import sys

import pytest
from snippets import ROOT, blocks


# mypy imports nothing that it reads.
pytest.importorskip("mypy")

PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if blocks(page, "python")]
# What users write.
RIGHT = """
from typing import Any

import numpy as np
import torch
from transformers import WavTokenizerConfig, WavTokenizerModel
from typing_extensions import assert_type

import aidd
from aidd.detection import find_clipping
from aidd.models.wavtokenizer import encode
from aidd.repair.regions import reach_of

audio = np.zeros((2, 100))
tensor = torch.zeros(2, 100)
mask = np.zeros(100, bool)


def fill(unknown: np.ndarray | torch.Tensor) -> None:
    linear = aidd.METHODS["linear"]
    assert_type(linear(audio, mask, sampling_rate=8000), np.ndarray)
    assert_type(linear(tensor, mask, sampling_rate=8000), torch.Tensor)
    assert_type(linear(unknown, mask, sampling_rate=8000), np.ndarray | torch.Tensor)
    assert_type(aidd.classical.janssen(tensor, mask, sampling_rate=8000), torch.Tensor)
    assert_type(aidd.audio_io.resample(tensor, 8000, 16000), torch.Tensor)


def own_method(
    audio: np.ndarray, mask: np.ndarray, *, sampling_rate: int, generator: torch.Generator | None = None
) -> np.ndarray:
    return audio


pipe = aidd.AIDDPipeline.from_pretrained(aidd.DEFAULT_MODEL, local_files_only=True)
assert_type(pipe, aidd.AIDDPipeline)
assert_type(pipe.to("cpu").codec, WavTokenizerModel)
assert_type(pipe.max_gap_seconds, float)
assert_type(pipe.reconstruct(tensor, mask, sampling_rate=8000), torch.Tensor)
array: np.ndarray = pipe(audio, mask, sampling_rate=8000).audios
restored: torch.Tensor = pipe(tensor, mask_start_seconds=np.array([1.0]), mask_end_seconds=2).audios
(restored,) = pipe(tensor, mask, return_dict=False)
by_cells = aidd.SpectrogramRePaintPipeline.from_pretrained(aidd.DEFAULT_SPECTROGRAM_MODEL)
assert_type(by_cells.front_end, aidd.SpectrogramFrontEnd)
cells = aidd.tf_masks.boxes([(300.0, 1500.0, 3.2, 3.5)], 100, by_cells.front_end.grid)
array = by_cells(audio, tf_mask=cells, sampling_rate=8000).audios

assert_type(aidd.masks.mask_from_seconds(1, [2.0], num_samples=100, sampling_rate=8000), np.ndarray)
assert_type(find_clipping(audio[0])[0], np.ndarray)
assert_type(aidd.audio_io.read_audio("damaged.wav").samples, np.ndarray)
gaps = aidd.masks.find_gaps(mask)
reach = reach_of("linear", sampling_rate=8000)
aidd.inpaint_file("damaged.wav", ["restored.wav"], [gaps], aidd.METHODS["linear"], reach=reach)
aidd.inpaint_file("damaged.wav", ["restored.wav"], [gaps], own_method, reach=reach)
request = aidd.RepairRequest(gaps=[(3.2, 3.5)], masks=["labels.txt"], detect=["clicks"], model=pipe, seed=0)
assert_type(aidd.repair_file("damaged.wav", "restored.wav", request), aidd.RepairReport)

pipe.scheduler = aidd.MaskedEntropyBoundScheduler.from_config(pipe.scheduler.config, entropy_bound=1.0)
scheduler = aidd.TauLeapingScheduler(eps=1e-4)
assert_type(scheduler, aidd.TauLeapingScheduler)
scheduler.set_timesteps(3, num_missing=tensor)
assert_type(scheduler.timesteps, torch.Tensor)
assert_type(scheduler.step(tensor, tensor, tensor, missing=tensor).prev_sample, torch.Tensor | Any)
codec = WavTokenizerModel(WavTokenizerConfig(codebook_size=64))
assert_type(codec.config.hop_length, int)
assert_type(encode(codec, tensor), torch.Tensor)
transformer = aidd.DiTTokenModel(aidd.DiTTokenConfig(hidden_size=64))
assert_type(aidd.AIDDPipeline(codec, transformer, scheduler), aidd.AIDDPipeline)
"""
# An error a line, behind the second.
WRONG = """
import numpy as np, torch, aidd; from aidd.detection import find_clipping
audio, pipe = np.zeros(100), aidd.AIDDPipeline.from_pretrained(aidd.DEFAULT_MODEL)
pipe(audio, "mask.wav")
pipe(audio, mask=True)
pipe(audio, maks=audio)
pipe(audio, mask_start_seconds="3.2")
pipe(audio, output_type="torch")
pipe.max_gap_seconds = 3.0
pipe.scheduler = pipe.transformer
aidd.METHODS["linear"](audio, audio)
aidd.METHODS["linear"](audio, "mask.wav", sampling_rate=8000)
aidd.METHODS["linear"](audio, audio, sampling_rate=8000).cpu()
aidd.METHODS[0]
find_clipping("damaged.wav")
aidd.masks.mask_from_seconds(1, 2)
aidd.audio_io.read_audio(audio)
aidd.inpaint_file("damaged.wav", ["restored.wav"], [audio], aidd.METHODS["linear"])
aidd.TauLeapingScheduler(eps="small")
aidd.TauLeapingScheduler().step(audio, audio, audio, missing=audio)
aidd.DiTTokenConfig(hidden_size="64")
aidd.DiTTokenModel(aidd.SpectrogramFrontEnd())
aidd.METHOD
aidd.masks.find_hum
"""


# Kept from run to run, as most of the first is spent on the libraries.
CACHE = ROOT / ".mypy_cache"


def mypy(folder, config, cache, *files):
    options = ["--config-file", config, "--cache-dir", cache, *files]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, options)], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_package():
    result = mypy(ROOT, "setup.cfg", CACHE, "src/aidd")
    assert result.returncode == 0, result.stdout + result.stderr


def test_users(tmp_path):
    """Pages, every one with all its blocks, and programs that are right, have no error; one that is wrong has all."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    config["mypy-pages.*"] = {"allow_redefinition": "true", "disallow_untyped_defs": "false"}
    with (tmp_path / "mypy.ini").open("w") as file:
        config.write(file)
    files = {"right.py": RIGHT, "wrong.py": WRONG, "pages/__init__.py": ""}
    for page in PAGES:
        lines = page.read_text(encoding="utf-8").splitlines()
        kept = [""] * len(lines)
        for start, _, code in blocks(page, "python"):
            kept[start : start + code.count("\n")] = code.splitlines()
        name = "_".join(page.relative_to(ROOT).with_suffix("").parts)
        files[f"pages/{name}.py"] = "\n".join(kept) + "\n"
    (tmp_path / "pages").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    # Users have no sources at hand: `py.typed` tells that an installed package has types. Libraries' are the same.
    cache = CACHE / "users"
    if CACHE.exists() and not cache.exists():
        shutil.copytree(CACHE, tmp_path / "cache")
        (tmp_path / "cache").rename(cache)
    result = mypy(tmp_path, "mypy.ini", cache, *files)
    errors = [line for line in result.stdout.splitlines() if ": note: " not in line and not line.startswith("Found")]
    elsewhere = [line for line in errors if not line.startswith("wrong.py:")]
    assert not elsewhere and not result.stderr, "\n".join(elsewhere) + result.stderr
    found = {int(re.match(r"wrong\.py:(\d+): error: ", line)[1]) for line in errors}
    assert found == set(range(4, WRONG.count("\n") + 1)), result.stdout
