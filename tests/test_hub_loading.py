"""Models and pipelines load from the Hub by name: here, from a server on loopback that answers as the Hub does."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import numpy as np
import soundfile as sf
import torch
from diffusers import DDPMScheduler

import aidd


NAME = "someone/some-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
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


class Hub(BaseHTTPRequestHandler):
    """One repository, of the files in `folder`: its description, and its files at `main` or at the commit."""

    folder: Path
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        files = {str(file.relative_to(self.folder)): file for file in self.folder.rglob("*") if file.is_file()}
        api, resolve = f"/api/models/{NAME}", f"/{NAME}/resolve/"
        if path in (api, *(f"{api}/revision/{revision}" for revision in ("main", COMMIT))):
            description = {"id": NAME, "modelId": NAME, "sha": COMMIT, "private": False, "tags": []}
            self.send(
                json.dumps({**description, "siblings": [{"rfilename": name} for name in sorted(files)]}).encode()
            )
        elif path in (f"{api}/tree/{revision}" for revision in ("main", COMMIT)):
            tree = [
                {
                    "type": "file",
                    "path": name,
                    "size": file.stat().st_size,
                    "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                }
                for name, file in files.items()
            ]
            self.send(json.dumps(tree).encode())
        elif path.startswith(resolve):
            revision, _, name = path.removeprefix(resolve).partition("/")
            if revision in ("main", COMMIT) and name in files:
                self.send(files[name].read_bytes(), "application/octet-stream")
            else:
                self.refuse("EntryNotFound")
        else:
            self.refuse("RepoNotFound")

    def send(self, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", f"{code}: {self.path}")
        self.end_headers()

    def log_message(self, *arguments) -> None:
        self.server.requests.append((self.command, self.path))


@contextmanager
def hub(folder: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubOfFolder", (Hub,), {"folder": folder}))
    server.requests = []
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
