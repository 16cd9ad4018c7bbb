"""Excerpts of recordings as evaluations read them: the channels' mean, float64, without reading long files whole."""

import hashlib
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf

from ..audio_io import INTEGER_BITS, LOSSLESS_SUBTYPES, check_is_file, resample


def recording_length(path: str | Path, sampling_rate: int | None = None) -> tuple[int, int]:
    """
    Number of samples and rate in Hz of what [`read_excerpt`] takes excerpts of.

    Raises:
        ValueError: a file that is not there, or is no audio.
    """
    with _open(path) as file:
        rate = sampling_rate or file.samplerate
        return -(-file.frames * rate // file.samplerate), rate


def read_excerpt(path: str | Path, start: int, num_samples: int, *, sampling_rate: int | None = None) -> np.ndarray:
    """
    The channels' mean of a recording, from a sample on.

    At another rate than the file's, samples are those of the recording resampled whole
    ([`~aidd.audio_io.resample`]), to the rounding of float64.

    Args:
        path: audio file.
        start, num_samples: of the excerpt, at `sampling_rate`.
        sampling_rate: Hz; the file's own if None.

    Returns:
        float64 `(num_samples,)`.

    Raises:
        ValueError: a file that is not there, is no audio, or ends before the excerpt does.
    """
    with _open(path) as file:
        rate = sampling_rate or file.samplerate
        divisor = math.gcd(rate, file.samplerate)
        up, down = rate // divisor, file.samplerate // divisor
        # `resample`'s kernels reach less far than this to a side, in frames.
        reach = 0 if up == down else math.ceil(12 * max(1, down / up)) + 1
        # At multiples of `down`, frames and samples coincide.
        first = max(start * down // up - reach, 0) // down * down
        last = min(-(-(start + num_samples) * down // up) + reach, file.frames)
        frames = _read_frames(file, first, last - first)
    offset = start - first // down * up
    excerpt = (resample(frames, down, up) if up != down else frames)[offset : offset + num_samples]
    if len(excerpt) < num_samples:
        end = start + num_samples
        raise ValueError(f"{path}: expected samples {start} to {end} at {rate} Hz, the recording ends before")
    return excerpt


def file_sha256(path: str | Path) -> str:
    """
    SHA-256 of a file's bytes, in hexadecimal. A file that has not been written to since is not read again.

    Raises:
        ValueError: no such file.
    """
    path = Path(path)
    check_is_file(path)
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=65536)
def _sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _open(path: str | Path) -> sf.SoundFile:
    check_is_file(Path(path))
    try:
        return sf.SoundFile(path)
    # TypeError is what soundfile raises for headerless files.
    except (sf.LibsndfileError, TypeError) as error:
        raise ValueError(f"{path}: cannot be read as audio ({error})") from error


def _read_frames(file: sf.SoundFile, start: int, num_frames: int) -> np.ndarray:
    """
    float64 `(num_frames,)`, fewer at the end of the file; values as of `read_audio`. Raises ValueError of a file that
    breaks off.
    """
    try:
        return _decoded_frames(file, start, num_frames)
    except sf.LibsndfileError as error:
        raise ValueError(f"{file.name}: cannot be read as audio ({error})") from error


def _decoded_frames(file: sf.SoundFile, start: int, num_frames: int) -> np.ndarray:
    if file.subtype in LOSSLESS_SUBTYPES:
        file.seek(min(start, file.frames))
    else:
        # Lossy files give other samples after a jump.
        while file.tell() < start and len(file.read(min(start - file.tell(), 2**18))):
            continue
    integers = file.subtype in INTEGER_BITS
    frames = file.read(max(num_frames, 0), dtype="int32" if integers else "float64", always_2d=True).T
    return (frames / 2**31 if integers else frames).mean(0)
