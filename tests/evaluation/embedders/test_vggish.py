import numpy as np
import pytest
import torch
from torch import nn

from aidd.evaluation.embedders import Embedder, VGGishEmbedder
from aidd.evaluation.embedders.log_mel import log_mel
from aidd.evaluation.embedders.vggish import VGGish


PATCH = 15_600


@pytest.fixture
def weights(tmp_path):
    """Random weights of VGGish with narrow layers, as a file."""
    torch.manual_seed(0)
    network = VGGish(channels=(2, 3, 4, 4, 5, 5), widths=(16, 12, 7))
    torch.save(network.state_dict(), tmp_path / "vggish.pth")
    return tmp_path / "vggish.pth"


def noise(batch: int = 2, num_samples: int = PATCH) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).normal(size=(batch, num_samples))


def test_by_default_it_has_the_published_shapes():
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in VGGish().state_dict().items()}
    assert shapes["features.0.weight"] == (64, 1, 3, 3) and shapes["features.13.weight"] == (512, 512, 3, 3)
    assert shapes["embeddings.0.weight"] == (4096, 512 * 4 * 6) and shapes["embeddings.4.bias"] == (128,)
    assert len(shapes) == 18


def test_it_is_an_embedder_whose_sizes_are_the_files(weights):
    embedder = VGGishEmbedder(weights)
    assert isinstance(embedder, Embedder) and embedder.sampling_rate == 16_000 and embedder.dimension == 7
    embeddings = embedder(noise())
    assert embeddings.shape == (2, 7) and np.isfinite(embeddings).all() and np.ptp(embeddings) > 0
    np.testing.assert_array_equal(embedder(noise()), embeddings)
    # Before any activation: some are negative.
    assert embeddings.min() < 0


def test_it_is_the_network_on_the_first_96_frames(weights):
    embedder = VGGishEmbedder(weights)
    patch = torch.tensor(log_mel(noise(1))[0, :96], dtype=torch.float32)[None, None]
    layers = list(embedder.network.features)
    for layer in layers:
        patch = layer(patch)
    assert [type(layer) for layer in layers].count(nn.MaxPool2d) == 4 and patch.shape == (1, 5, 6, 4)
    # Channels vary fastest in what the linear layers read.
    flat = torch.stack([patch[0, :, i, j] for i in range(6) for j in range(4)]).flatten()
    with torch.no_grad():
        expected = embedder.network.embeddings(flat).numpy()
    for num_samples in (PATCH, 2 * 15_360 + 239):
        longer = np.concatenate([noise(1), np.ones((1, num_samples - PATCH))], axis=1)
        np.testing.assert_allclose(embedder(longer)[0], expected, rtol=1e-4, atol=1e-6)


def test_longer_pieces_are_the_mean_of_their_patches(weights):
    embedder = VGGishEmbedder(weights)
    audio = noise(1, 2 * 15_360 + 240)
    apart = embedder(np.concatenate([audio[:, :PATCH], audio[:, 15_360:]]))
    np.testing.assert_allclose(embedder(audio)[0], apart.mean(0), rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_refused(weights, tmp_path):
    with pytest.raises(ValueError, match="samples at least 15600"):
        VGGishEmbedder(weights)(noise(1, PATCH - 1))
    state = torch.load(weights, weights_only=True)
    state.pop("features.6.bias")
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="expected the tensors"):
        VGGishEmbedder(tmp_path / "other.pth")
