"""Audio files in and out (soundfile), and resampling (torchaudio, scipy)."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf

from .masks import check_sampling_rate


if TYPE_CHECKING:
    from torch import Tensor

# What libsndfile calls the formats of a suffix; new files get the first.
FORMATS = {
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".flac": ("FLAC",),
    ".mp3": ("MP3",),
    ".ogg": ("OGG",),
    ".opus": ("OGG",),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
    ".au": ("AU",),
    ".caf": ("CAF",),
    ".w64": ("W64",),
}
AUDIO_SUFFIXES = frozenset(FORMATS)
# libsndfile scales floats to integers by 2^(bits - 1) - 1, but integers to floats by 2^(bits - 1). So integer subtypes
# pass through it as integers, which it leaves as they are, and are scaled and rounded here.
INTEGER_BITS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "ALAC_16": 16,
    "ALAC_20": 20,
    "ALAC_24": 24,
}
FLOAT_TYPES = {"FLOAT": np.float32, "DOUBLE": np.float64}
LOSSLESS_SUBTYPES = frozenset(INTEGER_BITS) | frozenset(FLOAT_TYPES)
# Lossy codecs that work on floats, which have no full scale to exceed.
FLOAT_CODECS = frozenset({"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})

# torchaudio's resampling tabulates a kernel for every pair of a phase and a sample: the product of both rates, without
# their common divisor. A table of this size takes some 0.1 GB and 0.2 s; from 44101 Hz to 24 kHz it would be 8 GB.
MAX_KERNEL_TABLE = 2**22


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
    """
    path = Path(path)
    check_is_file(path)
    try:
        with sf.SoundFile(path) as file:
            integers = file.subtype in INTEGER_BITS
            samples = file.read(dtype="int32" if integers else "float64", always_2d=True).T
            audio = Audio(samples / 2**31 if integers else samples, file.samplerate, file.subtype, file.format)
    # TypeError is what soundfile raises for headerless files, whose rate it would have to be told.
    except (sf.LibsndfileError, TypeError) as error:
        raise ValueError(f"{path}: cannot be read as audio ({_reason(error)})") from error
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
        path: of the file; an existing one is replaced. Of a symbolic link, its target is.
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
    """[`write_audio`] for several files: none is in its place before all are written."""
    paths = [Path(path) for path in paths]
    audios = [np.atleast_2d(audio) for audio in audios]
    written: list[Path] = []
    try:
        for path, audio in zip(paths, audios, strict=True):
            check_writable(path, sampling_rate=sampling_rate, subtype=subtype, format=format, channels=len(audio))
            data = _encode(audio, subtype, path)
            # Short, as the file's own name may be as long as names can be. Listed before it exists: a signal's handler
            # may raise at any time.
            temporary = _target(path).with_name(f".aidd-{secrets.token_hex(8)}.part")
            written.append(temporary)
            _write(temporary, data.T, sampling_rate, subtype, format or format_of(path), path)
        for temporary, path in zip(written, paths, strict=True):
            os.replace(temporary, _target(path))
    finally:
        for temporary in written:
            temporary.unlink(missing_ok=True)


def check_is_file(path: Path) -> None:
    """Raises `ValueError` unless there is a regular file, saying what there is."""
    if not path.is_file():
        found = "is a folder, expected a file" if path.is_dir() else "is not a regular file"
        raise ValueError(f"{path}: {found if path.exists() else 'no such file'}")


def format_of(path: str | Path) -> str:
    """
    Format of new files of a path's suffix, in libsndfile's terms.

    Raises:
        ValueError: an unknown suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise ValueError(f"{path}: expected a file name that ends in one of {known}, got {suffix or 'no suffix'}")
    return FORMATS[suffix][0]


def check_writable(
    path: str | Path, *, sampling_rate: int, subtype: str, channels: int, format: str | None = None
) -> None:
    """Raises the `ValueError` that [`write_audio`] would raise before it looks at the samples."""
    path = Path(path)
    format = format or format_of(path)
    target = _target(path)
    if os.path.lexists(target):
        check_is_file(path)
    if not target.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {target.parent}")
    for place in (target.parent, target):
        if place.exists() and not os.access(place, os.W_OK):
            raise ValueError(f"{path}: no permission to write to {place}")
    if format not in sf.available_formats():
        raise ValueError(f"{path}: unknown format {format}, expected one of {', '.join(sf.available_formats())}")
    subtypes = sf.available_subtypes(format)
    if subtype not in subtypes:
        raise ValueError(f"{path}: {format} files hold no {subtype}; choose --subtype from {', '.join(subtypes)}")
    if path.suffix.lower() == ".opus" and subtype != "OPUS":
        raise ValueError(f"{path}: .opus files hold no {subtype}; choose --subtype OPUS")
    check_sampling_rate(sampling_rate)
    try:
        with open(os.devnull, "wb") as nothing:
            sf.SoundFile(nothing, "w", int(sampling_rate), channels, subtype, format=format).close()
    except sf.LibsndfileError as error:
        raise ValueError(
            f"{path}: {format} {subtype} files of {channels} channels at {sampling_rate} Hz cannot be written "
            f"({_reason(error)})"
        ) from error


def resample(audio: np.ndarray | Tensor, from_rate: int, to_rate: int) -> np.ndarray | Tensor:
    """
    Band-limited resampling. Sample n of the result is at the time of sample n * from_rate / to_rate of the audio.

    The sinc is cut to 6 zero crossings a side by a Hann window (torchaudio). For rates whose ratio has no small
    numbers, such as 44101 to 24000, it has 10 and a Kaiser window of beta 5 (scipy's `resample_poly`), and no gradient
    passes.

    Args:
        audio: float `(..., samples)`, numpy array or torch tensor.
        from_rate, to_rate: Hz.

    Returns:
        `(..., ceil(samples * to_rate / from_rate))`, of the same type and dtype.

    Raises:
        ValueError: a rate that is no positive integer.
    """
    check_sampling_rate(from_rate)
    check_sampling_rate(to_rate)
    import torch
    import torchaudio
    from scipy.signal import resample_poly

    divisor = math.gcd(from_rate, to_rate)
    up, down = int(to_rate) // divisor, int(from_rate) // divisor
    tensor = (audio if isinstance(audio, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(audio))).contiguous()
    if up * down <= MAX_KERNEL_TABLE:
        resampled = torchaudio.functional.resample(tensor, down, up)
    else:
        resampled = torch.from_numpy(resample_poly(tensor.cpu().numpy(), up, down, axis=-1)).to(tensor.device)
    return resampled if isinstance(audio, torch.Tensor) else resampled.numpy()


def _target(path: Path) -> Path:
    """Where a file of this name is: links are followed, and stay links."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _encode(audio: np.ndarray, subtype: str, path: Path) -> np.ndarray:
    """What libsndfile is given to write: int32 whose upper bits are the codes, or floats."""
    if audio.dtype.kind != "f" or audio.ndim != 2 or audio.size == 0:
        raise ValueError(
            f"{path}: expected float audio of shape (samples,) or (channels, samples), "
            f"got {audio.dtype} of shape {audio.shape}"
        )
    if not np.isfinite(audio).all():
        raise ValueError(f"{path}: expected finite samples, got {np.count_nonzero(~np.isfinite(audio))} that are not")
    if subtype in INTEGER_BITS:
        bits = INTEGER_BITS[subtype]
        codes = np.round(audio.astype(np.float64) * 2 ** (bits - 1))
        fits = codes.min() >= -(2 ** (bits - 1)) and codes.max() < 2 ** (bits - 1)
        data = (codes * 2 ** (32 - bits)).astype(np.int32) if fits else None
    else:
        fits = subtype in FLOAT_TYPES or subtype in FLOAT_CODECS or np.abs(audio).max() <= 1
        data = audio.astype(FLOAT_TYPES.get(subtype, np.float64))
    if not fits:
        raise ValueError(
            f"{path}: samples reach {np.abs(audio).max():.6g}, beyond the range of {subtype}, which is [-1, 1); "
            "choose --subtype FLOAT"
        )
    return data


def _write(temporary: Path, data: np.ndarray, sampling_rate: int, subtype: str, format: str, path: Path) -> None:
    try:
        with sf.SoundFile(temporary, "x", int(sampling_rate), data.shape[1], subtype, format=format) as file:
            # libsndfile's Vorbis encoder takes a write whole onto the stack, and minutes of audio do not fit there.
            for start in range(0, len(data), sampling_rate):
                file.write(data[start : start + sampling_rate])
        same = subtype not in LOSSLESS_SUBTYPES or np.array_equal(
            sf.read(temporary, dtype=data.dtype.name, always_2d=True)[0], data
        )
        if not same:
            raise ValueError(f"{path}: libsndfile does not give back what it was told to write as {format} {subtype}")
    except sf.LibsndfileError as error:
        raise ValueError(f"{path}: cannot be written ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """libsndfile's words for an error, without the path; for some it has none."""
    if not isinstance(error, sf.LibsndfileError):
        return str(error)
    return error.error_string.removeprefix("Error : ").strip(" .") or f"libsndfile error {error.code}"
