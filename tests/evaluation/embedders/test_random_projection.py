import numpy as np
import pytest

from aidd.evaluation.embedders import Embedder, RandomProjectionEmbedder
from aidd.evaluation.metrics import kernel_audio_distance


RATE = 16_000


def noise(batch: int = 3, num_samples: int = RATE, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=(batch, num_samples))


def relative_distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(a))


def test_it_is_an_embedder():
    embedder = RandomProjectionEmbedder(dimension=17)
    assert isinstance(embedder, Embedder) and embedder.sampling_rate == RATE
    embeddings = embedder(noise())
    assert embeddings.shape == (3, embedder.dimension) == (3, 17) and embeddings.dtype == np.float64


def test_the_seed_settles_it_and_pieces_do_not_see_each_other():
    audio = noise()
    embeddings = RandomProjectionEmbedder(3)(audio)
    np.testing.assert_array_equal(RandomProjectionEmbedder(3)(audio), embeddings)
    np.testing.assert_allclose(RandomProjectionEmbedder(3)(audio[1:2]), embeddings[1:2], rtol=1e-9)
    np.testing.assert_allclose(RandomProjectionEmbedder(3)(audio.astype(np.float32)), embeddings, rtol=1e-4)
    assert relative_distance(RandomProjectionEmbedder(4)(audio), embeddings) > 0.1


def test_of_one_frame_it_is_the_formula():
    # Silence: all of the log-mel patch is log 0.01.
    weights = np.random.Generator(np.random.PCG64(5)).standard_normal((64, 4))
    expected = np.maximum(0, (np.log(0.01) + 2.4) / 1.9 * weights.sum(0) / 8)
    assert expected.any()
    for num_samples in (400, 559):
        embeddings = RandomProjectionEmbedder(5, dimension=4)(np.zeros((1, num_samples)))
        np.testing.assert_allclose(embeddings[0], expected, rtol=1e-9)


def test_order_in_time_level_and_holes_matter():
    embedder = RandomProjectionEmbedder()
    audio = noise(1) * np.linspace(0, 1, RATE)
    embeddings = embedder(audio)
    hole = audio.copy()
    hole[:, 9000:12_000] = 0
    redrawn = relative_distance(embeddings, embedder(noise(1, seed=1) * np.linspace(0, 1, RATE)))
    for changed in (audio[:, ::-1], audio / 10, hole):
        assert relative_distance(embeddings, embedder(changed)) > 2 * redrawn > 0


def test_sets_of_other_sounds_are_further_apart_than_sets_of_the_same():
    embedder = RandomProjectionEmbedder()
    same, other = embedder(noise(30, 4000, seed=1)), np.cumsum(noise(30, 4000, seed=2), axis=1)
    reference = embedder(noise(30, 4000))
    assert kernel_audio_distance(reference, embedder(other)) > 50
    assert abs(kernel_audio_distance(reference, same)) < 5


def test_what_does_not_fit_is_refused():
    embedder = RandomProjectionEmbedder()
    for bad in (noise()[0], noise(2, 399)):
        with pytest.raises(ValueError, match=r"shape \(batch, samples\), samples at least 400"):
            embedder(bad)
    with pytest.raises(ValueError, match="finite, got 500 samples"):
        embedder(np.full((1, 500), np.nan))
