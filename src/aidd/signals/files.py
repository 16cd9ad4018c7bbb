"""Audio files in and out (soundfile)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from .formats import AUDIO_SUFFIXES, INTEGER_BITS, LOSSLESS_SUBTYPES, check_is_file
from .resampling import resample
from .warning import warn_at_caller


__all__ = [
    "AUDIO_SUFFIXES",
    "INTEGER_BITS",
    "LOSSLESS_SUBTYPES",
    "Audio",
    "check_is_file",
    "find_audio_files",
    "read_audio",
    "resample",
    "write_audio",
    "write_audio_files",
]


@dataclass(frozen=True)
class Audio:
    """
    An audio file's content.

    Args:
        samples: float64 `(channels, samples)`; full scale of integer files is [-1, 1).
        sampling_rate: Hz.
        subtype: encoding of a sample, in libsndfile's terms, such as `PCM_16`.
        format: of the file, in libsndfile's terms, such as `WAV`.
    """

    samples: np.ndarray
    sampling_rate: int
    subtype: str
    format: str


def find_audio_files(folder: str | Path) -> list[Path]:
    """
    Audio files in a folder and the folders below it, sorted by path.

    Raises:
        ValueError: not a folder, or no audio file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"expected a folder of audio files, got {folder}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not paths:
        raise ValueError(f"{folder} holds no audio file (looked for {', '.join(sorted(AUDIO_SUFFIXES))})")
    return paths


def read_audio(path: str | Path) -> Audio:
    """
    Reads a file whole. What is read from a lossless file can be written back to the bit by [`write_audio`].

    Raises:
        ValueError: a missing file, a folder, a pipe or device, a file that is not audio, or one without samples.

    Warns:
        UserWarning: what the file has lost, or holds beyond what is read ([`~aidd.signals.survey.survey`]).
    """
    with AudioReader(path) as reader:
        samples = reader.read(0, sys.maxsize)
        audio = Audio(samples, reader.sampling_rate, reader.subtype, reader.format)
        for loss in reader.losses(samples.shape[-1]):
            warn_at_caller(loss)
    if audio.samples.size == 0:
        raise ValueError(f"{path}: the file holds no samples")
    return audio


def write_audio(
    path: str | Path, audio: np.ndarray, *, sampling_rate: int, subtype: str, format: str | None = None
) -> None:
    """
    Writes a file: to a temporary name in the same folder first, which is then renamed, so that `path` never holds half
    a file. Integer subtypes are rounded to the nearest code, never clipped. What was written to a lossless subtype is
    read back and compared.

    Args:
        path: of the file; an existing one is replaced, or the target of a symbolic link.
        audio: float `(samples,)` or `(channels, samples)`.
        sampling_rate: Hz.
        subtype, format: in libsndfile's terms. Default of the format: the suffix's.

    Raises:
        ValueError: no such folder, no permission, what is there is no regular file, an unknown suffix, a format that
            cannot hold the subtype, rate or channels, samples that are not finite or exceed the range of an integer
            subtype, or audio without samples.
    """
    write_audio_files([path], [audio], sampling_rate=sampling_rate, subtype=subtype, format=format)


def write_audio_files(
    paths: Sequence[str | Path],
    audios: Sequence[np.ndarray],
    *,
    sampling_rate: int,
    subtype: str,
    format: str | None = None,
) -> None:
    """[`write_audio`] for several files of as many channels: none is in its place before all are written."""
    audios = [np.atleast_2d(audio) for audio in audios]
    for path, audio in zip(paths, audios, strict=True):
        if audio.dtype.kind != "f" or audio.ndim != 2 or audio.size == 0:
            raise ValueError(
                f"{path}: expected float audio of shape (samples,) or (channels, samples), "
                f"got {audio.dtype} of shape {audio.shape}"
            )
    channels = {len(audio) for audio in audios}
    if len(channels) != 1:
        raise ValueError(f"expected audio of one number of channels, got {sorted(channels)}")
    with writing_audio(
        paths, sampling_rate=sampling_rate, subtype=subtype, channels=channels.pop(), format=format
    ) as writers:
        for writer, audio in zip(writers, audios, strict=True):
            for start in range(0, audio.shape[-1], BLOCK_SAMPLES):
                writer.write(audio[:, start : start + BLOCK_SAMPLES])
