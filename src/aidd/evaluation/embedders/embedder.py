"""What distances between sets of recordings need of an embedder."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike


@runtime_checkable
class Embedder(Protocol):
    """
    A function from segments of audio to vectors.

    Attributes:
        sampling_rate: rate in Hz that the audio must have.
        dimension: length of an embedding.
    """

    sampling_rate: int
    dimension: int

    def __call__(self, audio: ArrayLike) -> np.ndarray:
        """Embeddings, float `(batch, dimension)`, of audio, float `(batch, samples)`, mono in [-1, 1]."""
        ...


def as_batch(audio: ArrayLike, min_samples: int) -> np.ndarray:
    """
    Audio as float64 `(batch, samples)`.

    Raises:
        ValueError: audio of other axes, with fewer samples, or not finite.
    """
    audio = np.asarray(audio, np.float64)
    if audio.ndim != 2 or audio.shape[-1] < min_samples:
        raise ValueError(f"audio must have shape (batch, samples), samples at least {min_samples}, got {audio.shape}")
    if not np.isfinite(audio).all():
        raise ValueError(f"audio must be finite, got {np.count_nonzero(~np.isfinite(audio))} samples that are not")
    return audio
