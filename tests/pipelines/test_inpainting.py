"""What is saved loads by itself, whole, and with a codec in float32."""

import ast
import json

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from aidd.pipelines import AIDDPipeline
from aidd.schedulers import MaskedEntropyBoundScheduler


MASK = np.zeros(24_000, bool)
MASK[9_600:10_200] = True


def restored(pipe, audio) -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    return pipe(audio, MASK, generator=torch.Generator().manual_seed(0)).audios


@pytest.fixture
def audio(tones) -> np.ndarray:
    return tones(24_000, 24_000)[0]


@pytest.mark.parametrize("options", [{}, {"variant": "fp16"}, {"max_shard_size": "20KB"}])
def test_what_is_saved_is_loaded_in_every_form(tiny_pipeline, audio, tmp_path, options):
    tiny_pipeline.save_pretrained(tmp_path, **options)
    options.pop("max_shard_size", None)
    assert np.array_equal(
        restored(AIDDPipeline.from_pretrained(tmp_path, **options), audio), restored(tiny_pipeline, audio)
    )


def test_the_codec_stays_in_float32(tiny_pipeline, audio, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path)
    loaded = AIDDPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert (loaded.codec.dtype, loaded.transformer.dtype) == (torch.float32, torch.bfloat16)
    weights = tiny_pipeline.codec.state_dict()
    for moved in (loaded.to(torch.bfloat16), loaded.to("cpu", torch.bfloat16), loaded.to(dtype=torch.float32)):
        assert all(torch.equal(value, weights[name]) for name, value in moved.codec.state_dict().items())
    loaded.codec = loaded.codec.bfloat16()
    assert loaded.to("cpu").codec.dtype == torch.float32
    assert np.isfinite(restored(loaded, audio)).all()


def test_diffusers_own_class_gives_the_same_in_float32(tiny_pipeline, audio, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path)
    plain = DiffusionPipeline.from_pretrained(tmp_path, dtype=torch.float32)
    assert type(plain) is AIDDPipeline
    assert np.array_equal(restored(plain, audio), restored(tiny_pipeline, audio))


def test_the_code_beside_the_weights_is_of_the_class_and_derived_from_ours(tiny_pipeline, tmp_path):
    class Mine(AIDDPipeline):
        pass

    parts = tiny_pipeline.components
    for pipe, expected in ((tiny_pipeline, "AIDDPipeline"), (Mine(**parts), "Mine")):
        pipe.save_pretrained(tmp_path / expected)
        (defined,) = [
            node
            for node in ast.parse((tmp_path / expected / "pipeline.py").read_text()).body
            if isinstance(node, ast.ClassDef)
        ]
        assert defined.name == expected and ast.unparse(defined.bases[0]) == "aidd.AIDDPipeline"


def test_a_former_scheduler_loads_with_a_warning(tiny_pipeline, audio, tmp_path):
    tiny_pipeline.scheduler = MaskedEntropyBoundScheduler(entropy_bound=0.7)
    tiny_pipeline.save_pretrained(tmp_path)
    for path in (tmp_path / "model_index.json", tmp_path / "scheduler" / "scheduler_config.json"):
        path.write_text(path.read_text().replace("MaskedEntropyBoundScheduler", "EntropyBoundScheduler"))
    assert json.loads((tmp_path / "model_index.json").read_text())["scheduler"] == ["aidd", "EntropyBoundScheduler"]
    with pytest.warns(FutureWarning, match="is now aidd.MaskedEntropyBoundScheduler"):
        loaded = AIDDPipeline.from_pretrained(tmp_path)
    assert type(loaded.scheduler) is MaskedEntropyBoundScheduler and loaded.scheduler.config.entropy_bound == 0.7
    assert np.array_equal(restored(loaded, audio), restored(tiny_pipeline, audio))
