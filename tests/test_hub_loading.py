"""Models and pipelines load from the Hub by name: here, from a server on loopback that answers as the Hub does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from diffusers import DDPMScheduler
from hub_server import Repository, running_hub

import aidd


NAME = "someone/some-model"
RATE = 24_000

# Run where only the server is known: everything by name.
ONLINE = f"""
import numpy as np
import soundfile as sf
import torch

import aidd
from aidd.cli import main

audio, _ = sf.read("in.wav")
settings = dict(sampling_rate={RATE}, mask_start_seconds=0.4, mask_end_seconds=0.5)
pipe = aidd.AIDDPipeline.from_pretrained("{NAME}")
np.save("restored.npy", pipe(audio, generator=torch.Generator().manual_seed(0), **settings).audios)

pipe = aidd.AIDDPipeline(
    aidd.WavTokenizerModel.from_pretrained("{NAME}", subfolder="codec"),
    aidd.DiTTokenModel.from_pretrained("{NAME}", subfolder="transformer"),
    aidd.MaskedDiscreteScheduler.from_pretrained("{NAME}", subfolder="scheduler"),
    guard_tokens=2,
)
np.save("parts.npy", pipe(audio, generator=torch.Generator().manual_seed(0), **settings).audios)

command = ["inpaint", "in.wav", "out.wav", "--gap", "0.4", "0.5", "--seed", "0", "--model"]
assert main([*command, "{NAME}"]) == 0
assert main([*command, "someone/else"]) == 2
"""


ONLINE_SPECTROGRAM = f"""
import numpy as np
import torch

import aidd

pipe = aidd.SpectrogramRePaintPipeline.from_pretrained("{NAME}")
audio = np.load("in.npy")
steps = dict(num_inference_steps=3, jump_length=1, num_resamplings=2, generator=torch.Generator().manual_seed(0))
np.save("restored.npy", pipe(audio, mask_start_seconds=0.4, mask_end_seconds=0.42, **steps).audios)
"""


@contextmanager
def hub(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """With one repository, of the files of a folder."""
    with running_hub() as server:
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        server.repositories["models", NAME] = repository = Repository()
        repository.commit(files)
        yield server


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment = {**kept, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_TELEMETRY": "1", **environment}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_models_and_pipelines_load_by_name(tiny_pipeline, tones, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "local")
    sf.write(tmp_path / "in.wav", tones(RATE, RATE)[0], RATE, subtype="PCM_16")
    audio, _ = sf.read(tmp_path / "in.wav")
    local = aidd.AIDDPipeline.from_pretrained(tmp_path / "local")
    local.set_progress_bar_config(disable=True)
    expected = local(
        audio,
        sampling_rate=RATE,
        mask_start_seconds=0.4,
        mask_end_seconds=0.5,
        generator=torch.Generator().manual_seed(0),
    ).audios
    assert not np.array_equal(expected, audio)

    with hub(tmp_path / "local") as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        result = run([sys.executable, "-c", ONLINE], tmp_path, HF_ENDPOINT=endpoint)
        assert result.returncode == 0, result.stderr[-4000:]
    for name in ("restored", "parts"):
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), expected), name
    assert "aidd: error: someone/else: cannot be loaded as an AIDD pipeline" in result.stderr
    from_command, _ = sf.read(tmp_path / "out.wav")
    assert np.abs(from_command - expected).max() <= 0.5 / 2**15 + 1e-12

    # The server is gone: what was loaded once comes from the cache.
    command = ["inpaint", "in.wav", "again.wav", "--gap", "0.4", "0.5", "--seed", "0", "--model", NAME]
    result = run([sys.executable, "-m", "aidd.cli", *command], tmp_path, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="1")
    assert result.returncode == 0, result.stderr[-4000:]
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()


def test_the_spectrogram_pipeline_loads_by_name(tiny_unet, tones, tmp_path):
    front_end = aidd.SpectrogramFrontEnd(n_fft=62, hop_length=31)
    local = aidd.SpectrogramRePaintPipeline(
        tiny_unet(32, 64), DDPMScheduler(clip_sample=False), front_end, short_gap_seconds=0.0
    )
    local.set_progress_bar_config(disable=True)
    local.save_pretrained(tmp_path / "local")
    audio = tones(RATE, RATE)
    np.save(tmp_path / "in.npy", audio)
    steps = {"num_inference_steps": 3, "jump_length": 1, "num_resamplings": 2}
    gap = {"mask_start_seconds": 0.4, "mask_end_seconds": 0.42}
    expected = local(audio, **gap, **steps, generator=torch.Generator().manual_seed(0)).audios
    with hub(tmp_path / "local") as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        result = run([sys.executable, "-c", ONLINE_SPECTROGRAM], tmp_path, HF_ENDPOINT=endpoint)
        assert result.returncode == 0, result.stderr[-4000:]
    np.testing.assert_allclose(np.load(tmp_path / "restored.npy"), expected, atol=1e-6)
