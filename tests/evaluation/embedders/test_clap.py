import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from aidd.evaluation.embedders import ClapEmbedder, Embedder


RATE = 48_000


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def folder(request, tmp_path_factory):
    """A tiny CLAP of random weights, whose window is 1 s."""
    torch.manual_seed(0)
    audio = {
        "enable_fusion": request.param,
        "fusion_type": "aff_2d" if request.param else None,
        "aff_block_r": 2,
        "num_mel_bins": 16,
        "window_size": 4,
        "spec_size": 64,
        "patch_size": 2,
        "patch_stride": (2, 2),
        "depths": (1, 1),
        "num_attention_heads": (2, 2),
        "num_hidden_layers": 2,
        "patch_embeds_hidden_size": 16,
        "hidden_size": 32,
        "projection_dim": 24,
    }
    text = {"vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    text |= {"intermediate_size": 8, "projection_dim": 24}
    config = ClapConfig(audio_config=audio, text_config=text, projection_dim=24)
    folder = tmp_path_factory.mktemp("clap")
    ClapModel(config).save_pretrained(folder)
    truncation = "fusion" if request.param else "rand_trunc"
    ClapFeatureExtractor(feature_size=16, max_length_s=1, truncation=truncation).save_pretrained(folder)
    return folder


def noise(batch: int = 3, num_samples: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).normal(size=(batch, num_samples))


def test_it_is_an_embedder_at_norm_1(folder):
    embedder = ClapEmbedder(folder)
    assert isinstance(embedder, Embedder) and embedder.sampling_rate == RATE and embedder.dimension == 24
    audio = np.concatenate([noise(2), np.sin(np.arange(RATE) / 20)[None]])
    embeddings = embedder(audio)
    assert embeddings.shape == (3, 24)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    assert np.linalg.norm(embeddings[0] - embeddings[2]) > 1e-3


def test_nothing_is_drawn_and_pieces_do_not_see_each_other(folder):
    embedder = ClapEmbedder(folder)
    embeddings = embedder(noise())
    for _ in range(3):
        np.testing.assert_array_equal(embedder(noise()), embeddings)
    np.testing.assert_allclose(embedder(noise()[1:2]), embeddings[1:2], rtol=1e-3, atol=1e-5)


def test_short_pieces_are_repeated(folder):
    embedder = ClapEmbedder(folder)
    quarter = noise(1, RATE // 4)
    np.testing.assert_allclose(embedder(quarter), embedder(np.tile(quarter, 4)), rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="at most 48000 samples, the model's window, got 48001"):
        ClapEmbedder(folder)(noise(1, RATE + 1))
    with pytest.raises(ValueError, match=r"shape \(batch, samples\)"):
        ClapEmbedder(folder)(noise()[0])
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_text(json.dumps(json.loads((folder / name).read_text())))
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("audio_projection.linear1.weight")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="the weights lack 1 of the model's tensors"):
        ClapEmbedder(tmp_path)
