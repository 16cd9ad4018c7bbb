"""An embedder that hears notes."""

import numpy as np
from numpy.typing import ArrayLike

from ..metrics.note_posteriors import HOP_LENGTH, NUM_PITCHES, SAMPLING_RATE, note_posteriors
from .embedder import as_batch


class BasicPitchEmbedder:
    """
    Which notes sound in a segment and which begin, as Basic Pitch hears them
    ([`~aidd.evaluation.metrics.note_posteriors.note_posteriors`]): the means over time of both probabilities of each
    of 88 pitches. It hears nothing of timbre, level or noise.
    """

    sampling_rate = SAMPLING_RATE
    dimension = 2 * NUM_PITCHES

    def __call__(self, audio: ArrayLike) -> np.ndarray:
        """
        Returns embeddings of segments.

        Args:
            audio: float `(batch, samples)`, mono at 22,050 Hz, samples at least 256 (12 ms).

        Returns:
            float64 `(batch, 176)`, in [0, 1]: the onsets, then what sounds.

        Raises:
            ImportError: no onnxruntime, or no `basic-pitch`.
            ValueError: audio of another shape, too short, or not finite.
        """
        audio = as_batch(audio, HOP_LENGTH)
        num_frames = audio.shape[-1] // HOP_LENGTH
        heard = [note_posteriors(one, 0, num_frames) for one in audio]
        return np.array([np.concatenate([one.mean(0, np.float64) for one in segment]) for segment in heard])
