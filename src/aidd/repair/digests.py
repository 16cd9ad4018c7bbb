"""Digests of audio: of its samples, whatever the file around them holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..masks.gaps import mask_of
from ..signals.blocks import BLOCK_SAMPLES, AudioReader


class AudioDigests(NamedTuple):
    """
    SHA-256 in hexadecimal of the samples of a recording, as float64 of little-endian byte order, channels next to one
    another.

    Args:
        audio: of all samples.
        intact: of all samples, with 0 in the gaps.
    """

    audio: str
    intact: str


def audio_digests(path: str | Path, gaps: Sequence[np.ndarray]) -> AudioDigests:
    """
    Digests of a file's samples.

    Args:
        path: audio file.
        gaps: of every channel, int64 `(gaps, 2)`.

    Raises:
        ValueError: as [`~aidd.signals.files.read_audio`].
    """
    audio, intact = hashlib.sha256(), hashlib.sha256()
    with AudioReader(path) as reader:
        for start in range(0, reader.num_samples, BLOCK_SAMPLES):
            block = reader.read(start, start + BLOCK_SAMPLES)
            missing = np.stack([mask_of(channel, start, start + block.shape[-1]) for channel in gaps])
            audio.update(sample_bytes(block))
            intact.update(sample_bytes(np.where(missing, 0.0, block)))
    return AudioDigests(audio.hexdigest(), intact.hexdigest())


def samples_sha256(samples: np.ndarray) -> str:
    """SHA-256 in hexadecimal of float64 `(channels, samples)`, as of [`AudioDigests`]."""
    return hashlib.sha256(sample_bytes(samples)).hexdigest()


def sample_bytes(samples: np.ndarray) -> bytes:
    """The samples of float64 `(channels, samples)` as they are digested."""
    return np.ascontiguousarray(samples.T, "<f8").tobytes()
