"""Models and pipelines load from the Hub by name: here, from a server on loopback that answers as the Hub does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from diffusers import DDPMScheduler
from hub_server import Repository, forget, online, running_hub
from processes import python
from transformers import WavTokenizerConfig, WavTokenizerModel

import aidd
from aidd.models.wavtokenizer import save_wavtokenizer


sys.path.append(str(Path(__file__).parents[2] / "examples" / "community"))
from export import export


NAME = "someone/some-model"
RATE = 24_000

# Run where only the server is known: everything by name.
ONLINE = f"""
import numpy as np
import soundfile as sf
import torch
from transformers import WavTokenizerModel

import aidd
from aidd.cli.main import main

audio, _ = sf.read("in.wav")
settings = dict(sampling_rate={RATE}, mask_start_seconds=0.4, mask_end_seconds=0.5)
pipe = aidd.AIDDPipeline.from_pretrained("{NAME}")
np.save("restored.npy", pipe(audio, generator=torch.Generator().manual_seed(0), **settings).audios)

pipe = aidd.AIDDPipeline(
    WavTokenizerModel.from_pretrained("{NAME}", subfolder="codec"),
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

    with hub(tmp_path / "local"):
        result = online.run("-c", ONLINE, folder=tmp_path)
        assert result.returncode == 0, result.stderr[-4000:]
    for name in ("restored", "parts"):
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), expected), name
    assert "aidd: error: someone/else: cannot be loaded as AIDDPipeline" in result.stderr
    from_command, _ = sf.read(tmp_path / "out.wav")
    assert np.abs(from_command - expected).max() <= 0.5 / 2**15 + 1e-12

    # The server is gone: what was loaded once comes from the cache.
    command = ["inpaint", "in.wav", "again.wav", "--gap", "0.4", "0.5", "--seed", "0", "--model", NAME]
    result = python.run("-m", "aidd.cli.main", *command, folder=tmp_path)
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
    with hub(tmp_path / "local"):
        result = online.run("-c", ONLINE_SPECTROGRAM, folder=tmp_path)
        assert result.returncode == 0, result.stderr[-4000:]
    np.testing.assert_allclose(np.load(tmp_path / "restored.npy"), expected, atol=1e-6)


# Each as a page shows it, in a process of its own, and what it makes of the pipeline.
BY_DIFFUSERS = {
    "after the import": f"""
import torch
from diffusers import DiffusionPipeline

import aidd

pipe = DiffusionPipeline.from_pretrained("{NAME}", dtype=torch.float32)
""",
    "after the import, by its own code": f"""
import torch
from diffusers import DiffusionPipeline

import aidd

pipe = DiffusionPipeline.from_pretrained(
    "{NAME}", custom_pipeline="{NAME}", trust_remote_code=True, dtype=torch.float32
)
""",
    "by its own code": f"""
import torch
from diffusers import DiffusionPipeline
from huggingface_hub import snapshot_download

folder = snapshot_download("{NAME}")
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True, dtype=torch.float32)
""",
}
RESTORE = """
import sys, numpy as np
assert type(pipe).__name__ == "AIDDPipeline" and pipe.codec.dtype == torch.float32
settings = dict(mask_start_seconds=0.4, mask_end_seconds=0.5, generator=torch.Generator().manual_seed(0))
np.save(sys.argv[1], pipe(np.load("in.npy"), **settings).audios)
"""


def test_diffusers_own_class_loads_folders_and_names(tiny_pipeline, tones, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "local")
    audio = tones(RATE, RATE)[0]
    np.save(tmp_path / "in.npy", audio)
    gap = {"mask_start_seconds": 0.4, "mask_end_seconds": 0.5}
    expected = tiny_pipeline(audio, **gap, generator=torch.Generator().manual_seed(0)).audios
    with hub(tmp_path / "local"):
        for number, (case, code) in enumerate(BY_DIFFUSERS.items()):
            for place, name in (("hub", NAME), ("folder", str(tmp_path / "local"))):
                out = f"{place}-{number}.npy"
                code = code.replace(f'snapshot_download("{NAME}")', repr(name)) if place == "folder" else code
                forget()
                result = online.run("-c", code.replace(NAME, name) + RESTORE, out, folder=tmp_path)
                assert result.returncode == 0, f"{place}, {case}: {result.stderr[-4000:]}"
                assert np.array_equal(np.load(tmp_path / out), expected), (place, case)


# As without this package, which the process has imported.
BY_ITS_OWN_CODE_ALONE = f"""
import sys
import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.pipelines import pipeline_loading_utils

for name in [name for name in sys.modules if name.split(".")[0] == "aidd"]:
    sys.modules[name] = None
del pipeline_loading_utils.LOADABLE_CLASSES["aidd"]
audio, mask = np.load("in.npy"), np.load("mask.npy")
for place in ({{"custom_pipeline": "{NAME}"}}, {{}}):
    pipe = DiffusionPipeline.from_pretrained("{NAME}", **place, trust_remote_code=True, dtype=torch.float32)
    filled = pipe(audio, mask, generator=torch.Generator().manual_seed(0)).audios
    assert np.array_equal(filled[~mask], audio[~mask]) and (filled[mask] != audio[mask]).any()
"""


def test_an_exported_pipeline_loads_by_name_without_this_package(tiny_pipeline, tones, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "local")
    export(tmp_path / "local", tmp_path / "alone")
    audio = tones(RATE, RATE)[0]
    np.save(tmp_path / "in.npy", audio)
    np.save(tmp_path / "mask.npy", (np.arange(RATE) >= 9600) & (np.arange(RATE) < 12_000))
    with hub(tmp_path / "alone"):
        result = online.run("-c", BY_ITS_OWN_CODE_ALONE, folder=tmp_path)
    assert result.returncode == 0, result.stderr[-4000:]


# A codec that somebody else published, with a token model of ours.
BY_CODEC = f"""
import sys

import numpy as np
import torch
from transformers import AutoModel, WavTokenizerModel

import aidd

codec = WavTokenizerModel.from_pretrained("{NAME}")
assert type(AutoModel.from_pretrained("{NAME}")) is WavTokenizerModel
pipe = aidd.AIDDPipeline(
    codec=codec,
    transformer=aidd.DiTTokenModel.from_pretrained("transformer"),
    scheduler=aidd.MaskedDiscreteScheduler(),
)
assert pipe.hop_length == int(sys.argv[1]) and pipe.sampling_rate == 24_000
settings = dict(mask_start_seconds=0.4, mask_end_seconds=0.5, generator=torch.Generator().manual_seed(0))
np.save("restored.npy", pipe(np.load("in.npy"), **settings).audios)
"""


@pytest.mark.parametrize("ratios", [(8, 5, 4, 2), (6, 5, 5, 4)], ids=["75 tokens a second", "40 tokens a second"])
def test_published_codecs_work_by_name(ratios, tiny_codec, tiny_transformer, tones, tmp_path):
    config = tiny_codec.config.to_dict() | {"upsampling_ratios": list(ratios)}
    torch.manual_seed(0)
    codec = WavTokenizerModel(WavTokenizerConfig(**config)).eval()
    codec.encoder_model.quantizer.codebook.embed.normal_()
    save_wavtokenizer(codec, tmp_path / "published")
    tiny_transformer.save_pretrained(tmp_path / "transformer")
    audio = tones(2 * RATE, RATE)[0]
    np.save(tmp_path / "in.npy", audio)
    sf.write(tmp_path / "recordings.wav", audio, RATE)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings.wav").rename(tmp_path / "recordings" / "tones.wav")
    examples = Path(__file__).parents[2] / "examples"
    tokenize = ("--audio_dir", "recordings", "--output_dir", "tokens", "--device", "cpu")
    train = ("--train_data_dir", "recordings", "--max_train_steps", "1", "--segment_seconds", "0.5")
    with hub(tmp_path / "published"):
        for command in (
            ["-c", BY_CODEC, str(int(np.prod(ratios)))],
            [examples / "tokenize_dataset.py", "--model", NAME, *tokenize],
            [
                examples / "assemble_pipeline.py",
                "--codec",
                NAME,
                "--transformer",
                "transformer",
                "--output_dir",
                "pipe",
            ],
            [examples / "train_wavtokenizer.py", "--init_from", NAME, *train, "--output_dir", "codec"],
        ):
            result = online.run(*command, folder=tmp_path, ACCELERATE_USE_CPU="true")
            assert result.returncode == 0, result.stderr[-4000:]
    mask = np.zeros(len(audio), bool)
    mask[round(0.4 * RATE) : round(0.5 * RATE)] = True
    restored = np.load(tmp_path / "restored.npy")
    assert np.array_equal(restored[~mask], audio[~mask]) and (restored[mask] != audio[mask]).any()
    again = aidd.AIDDPipeline.from_pretrained(tmp_path / "pipe")
    again.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    assert np.array_equal(again(audio, mask, generator=generator).audios, restored)
