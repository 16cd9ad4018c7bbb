"""What audio files can hold and where they may be written, in libsndfile's terms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile as sf

from .arrays import check_sampling_rate


# What libsndfile calls the formats of a suffix; new files get the first.
FORMATS = {
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".wave": ("WAV", "WAVEX", "RF64"),
    ".bwf": ("WAV", "WAVEX", "RF64"),
    ".rf64": ("RF64", "WAV", "WAVEX"),
    ".flac": ("FLAC",),
    ".mp3": ("MP3",),
    ".ogg": ("OGG",),
    ".oga": ("OGG",),
    ".opus": ("OGG",),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
    ".aifc": ("AIFF",),
    ".au": ("AU",),
    ".snd": ("AU",),
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
# Formats whose sizes have 32 bits, and what holds the sound of one that is longer. 16 MB are left for all else.
SHORT_FORMATS = {"WAV": "RF64", "WAVEX": "RF64", "AIFF": None, "AU": None}
MAX_SOUND_BYTES = 2**32 - 2**24
FLOAT_TYPES = {"FLOAT": np.float32, "DOUBLE": np.float64}
SAMPLE_BYTES = {subtype: -(-bits // 8) for subtype, bits in INTEGER_BITS.items()} | {"FLOAT": 4, "DOUBLE": 8}
LOSSLESS_SUBTYPES = frozenset(INTEGER_BITS) | frozenset(FLOAT_TYPES)
# Lossy codecs that work on floats, which have no full scale to exceed.
FLOAT_CODECS = frozenset({"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})
# Subtypes that are used most, lossless ones first.
USUAL_SUBTYPES = ("PCM_24", "PCM_16", "FLOAT", "ALAC_24", "MPEG_LAYER_III", "VORBIS", "OPUS")


class SubtypeError(ValueError):
    """
    Samples cannot be encoded as they were to be.

    Args:
        problem: what was expected and what came.
        choices: subtypes that would do. The message names up to three of those that are used most.
    """

    def __init__(self, problem: str, choices: Sequence[str]):
        self.problem, self.choices = problem, tuple(choices)
        usual = [subtype for subtype in USUAL_SUBTYPES if subtype in choices] or list(choices)
        *others, last = usual[:3]
        self.proposal = f"{', '.join(others)} or {last}" if others else last
        super().__init__(f"{problem}; choose the subtype {self.proposal}")


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


def suffix_for(format: str, wanted: str) -> str:
    """
    Suffix of new files of a format: the wanted one if it fits, otherwise the format's first.

    Raises:
        ValueError: a format that no suffix stands for.
    """
    suffixes = [suffix for suffix, formats in FORMATS.items() if format in formats]
    if not suffixes:
        raise ValueError(f"expected a format that can be written, got {format}")
    return wanted if wanted.lower() in suffixes else suffixes[0]


def encoding_for(
    path: str | Path, source_subtype: str, source_format: str, subtype: str | None = None
) -> tuple[str, str]:
    """
    Subtype and format of a file that holds what another one held, in libsndfile's terms.

    Args:
        path: the file to write. Its suffix decides on the format; the source's is kept if the suffix allows it.
        source_subtype, source_format: encoding of the source.
        subtype: the subtype to take. Default: the source's, which must be lossless if the format is another.

    Raises:
        SubtypeError: no subtype is given, and the source's does not carry over to the format.
        ValueError: an unknown suffix.
    """
    default_format = format_of(path)
    kept = source_format in FORMATS[Path(path).suffix.lower()]
    format = source_format if kept else default_format
    subtypes = list(sf.available_subtypes(format))
    if subtype is None and not kept and not (source_subtype in LOSSLESS_SUBTYPES and source_subtype in subtypes):
        raise SubtypeError(f"{path}: {source_format} {source_subtype} does not carry over to {format}", subtypes)
    return subtype or source_subtype, format


def format_for(
    path: str | Path, format: str, subtype: str, *, channels: int, num_samples: int, num_other_bytes: int = 0
) -> str:
    """
    The format, or one of its kind that holds as much: RF64 in place of WAV beyond 4 GiB.

    Args:
        path: that errors name.
        format, subtype: in libsndfile's terms.
        channels, num_samples: of the sound.
        num_other_bytes: of large chunks beside the sound.

    Raises:
        ValueError: more than any format of this kind can hold.
    """
    size = num_samples * channels * SAMPLE_BYTES.get(subtype, 1) + num_other_bytes
    if size <= MAX_SOUND_BYTES or format not in SHORT_FORMATS:
        return format
    longer = SHORT_FORMATS[format]
    if longer is None or subtype not in sf.available_subtypes(longer):
        raise ValueError(
            f"{path}: {format} {subtype} files hold up to 4 GiB, and this one would have {size / 2**30:.1f}; choose a "
            "name that ends in .wav, .w64, .caf or .flac"
        )
    return longer


def check_writable(
    path: str | Path, *, sampling_rate: int, subtype: str, channels: int, format: str | None = None
) -> None:
    """Raises the `ValueError` that [`~aidd.signals.files.write_audio`] would raise before it looks at the samples."""
    path = Path(path)
    format = format or format_of(path)
    target = real_path(path)
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
        raise SubtypeError(f"{path}: {format} files hold no {subtype}", list(subtypes))
    if path.suffix.lower() == ".opus" and subtype != "OPUS":
        raise SubtypeError(f"{path}: .opus files hold no {subtype}", ["OPUS"])
    check_sampling_rate(sampling_rate)
    try:
        with open(os.devnull, "wb") as nothing:
            sf.SoundFile(nothing, "w", int(sampling_rate), channels, subtype, format=format).close()
    except sf.LibsndfileError as error:
        raise ValueError(
            f"{path}: {format} {subtype} files of {channels} channels at {sampling_rate} Hz cannot be written "
            f"({reason_of(error)})"
        ) from error


def real_path(path: Path) -> Path:
    """Where a file of this name is: links are followed, and stay links."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def reason_of(error: Exception) -> str:
    """libsndfile's or the system's words for an error, without the path; for some libsndfile has none."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, AssertionError):
        return "not all samples could be written"
    if not isinstance(error, sf.LibsndfileError):
        return str(error)
    text = error.error_string.removeprefix("Error : ").strip(" .")
    if text == "Format not recognised":
        return "its format is not known; convert it to WAV or FLAC first"
    return text or f"libsndfile error {error.code}"
