"""An embedder without learned weights."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .embedder import as_batch
from .log_mel import HOP_LENGTH, N_MELS, SAMPLING_RATE, WINDOW_LENGTH, log_mel


# Mean and spread of the log-mel values of 21 public-domain and Creative Commons recordings of classical music.
LOG_MEL_MEAN, LOG_MEL_SPREAD = -2.4, 1.9


class RandomProjectionEmbedder:
    """
    One layer of a random network on the log-mel patch of a whole segment: no weights to fetch, the same everywhere.

        embedding = max(0, z W / sqrt(len(z))),    z = (log-mel patch - mean) / spread, flattened

    with W standard normal. Each place in time and frequency has its own weights, so that order in time matters; the
    patch is standardised by constants, so that level does too. Random projections keep distances (Johnson and
    Lindenstrauss), and their rectified features have the arc-cosine kernel of order 1 for inner product (Cho and Saul
    2009). It compares log-mel patches and nothing else: it reacts to spectral balance or to a gap, but
    knows nothing of music. Use it in tests, in bootstraps, and as a sanity check besides a learned embedder.

    The frames of a longer segment share the weights of a shorter one's, but embeddings of two lengths cannot be
    compared.

    Args:
        seed: of the weights, drawn by numpy's PCG64.
        dimension: of an embedding.
    """

    sampling_rate = SAMPLING_RATE

    def __init__(self, seed: int = 0, dimension: int = 128):
        self.seed, self.dimension = seed, dimension

    def __call__(self, audio: ArrayLike) -> np.ndarray:
        """
        Returns embeddings of segments of one length.

        Args:
            audio: float `(batch, samples)`, mono at 16 kHz, samples at least 400 (25 ms).

        Returns:
            float64 `(batch, dimension)`, at least 0.

        Raises:
            ValueError: audio of another shape, too short, or not finite.
        """
        audio = as_batch(audio, WINDOW_LENGTH)
        features = 1 + (audio.shape[-1] - WINDOW_LENGTH) // HOP_LENGTH, N_MELS
        weights = _weights(self.seed, (*features, self.dimension))
        patch = (log_mel(audio) - LOG_MEL_MEAN) / LOG_MEL_SPREAD
        return np.maximum(0, np.einsum("btm,tmd->bd", patch, weights, optimize=True) / np.sqrt(np.prod(features)))


@lru_cache(maxsize=4)
def _weights(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
