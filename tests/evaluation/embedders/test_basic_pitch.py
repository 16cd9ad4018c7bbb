import importlib.util

import numpy as np
import pytest

from aidd.evaluation.embedders import BasicPitchEmbedder, Embedder


RATE = 22_050
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "basic_pitch")),
    reason="onnxruntime and basic-pitch are not installed",
)


def note(pitch: int) -> np.ndarray:
    time = np.arange(RATE) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    return 0.1 * sum(np.cos(2 * np.pi * frequency * k * time) / k**2 for k in range(1, 6)) * np.exp(-2 * time)


def test_the_pitch_that_sounds_has_the_largest_mean():
    embedder = BasicPitchEmbedder()
    assert isinstance(embedder, Embedder)
    embeddings = embedder(np.stack([note(60), note(67), np.zeros(RATE)]))
    assert embeddings.shape == (3, embedder.dimension) and embeddings.min() >= 0 and embeddings.max() <= 1
    assert embeddings[:2, 88:].argmax(-1).tolist() == [60 - 21, 67 - 21]
    assert embeddings[2].max() < 0.2


def test_segments_do_not_hear_each_other_and_level_hardly_matters():
    embedder = BasicPitchEmbedder()
    both = embedder(np.stack([note(60), note(67)]))
    np.testing.assert_allclose(both[1], embedder(note(67)[None])[0], atol=1e-5)
    assert np.abs(embedder(0.3 * note(60)[None])[0] - both[0]).max() < 0.1
