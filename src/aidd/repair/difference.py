"""
What a repair has taken away or put in, as a file to listen to that gives the input back.

A difference is a WAV file of the rate, the channels and the length of the two recordings, at their level. Its samples
are `after - before`:

| encodings of the two | samples of the difference | what they give |
| --- | --- | --- |
| integers of up to 24 bits | `FLOAT` | the exact difference, which may need a bit more than the recordings have |
| integers, one of them of 32 bits | `DOUBLE` | the exact difference |
| both lossless, one of them floats | `DOUBLE`, and the chunk `aidd` | the nearest number, and the exact bits |
| one of them lossy | `DOUBLE` | what decoding both gives |

Integers are scaled as everywhere: N bits are multiples of 2^(1 - N), so a sample times 2^(N - 1) is the difference of
the two files' own integers. The difference of two floats has no exact float in general, and none where one is not a
number. So the chunk holds the exclusive or of the bits of both, as float64, wherever they differ. A sample that is not
finite counts as 0 in what is listened to.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Protocol

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from ..signals.formats import INTEGER_BITS, LOSSLESS_SUBTYPES, format_for
from ..signals.replacing import replacing
from ..signals.survey.chunks import chunks_of, read_chunk


# Bits of integers whose differences a FLOAT holds: it has 24 for the magnitude, and one for the sign.
MAX_FLOAT_BITS = 24
CHUNK = b"aidd"
# The size of a chunk has 32 bits, in RF64 files too.
MAX_CHUNK_BYTES = 2**32 - 1


def write_difference(path: str | Path, before: str | Path, after: str | Path) -> None:
    """
    Writes what must be added to one recording to get the other.

    Args:
        path: WAV file to write, `*.wav`. An existing one is replaced once the difference is written.
        before, after: audio files of one rate, number of channels and length.

    Raises:
        ValueError: another suffix, a file that is one of the two, recordings that differ in rate, channels or length,
            floats that differ in so many samples that no chunk holds their bits, and as
            [`~aidd.signals.files.read_audio`] and [`~aidd.signals.files.write_audio`].
    """
    path = check_difference_path(path, before, after)
    with AudioReader(before) as first, AudioReader(after) as second:
        check_extent(after, second, before, first)
        subtypes = {first.subtype, second.subtype}
        # Floats, and what lossy encodings give, are read as float64.
        bits = max(INTEGER_BITS.get(subtype, 64) for subtype in subtypes)
        subtype = "FLOAT" if bits <= MAX_FLOAT_BITS else "DOUBLE"
        payload = changes_of(path, first, second) if bits == 64 and subtypes <= LOSSLESS_SUBTYPES else b""
        format = format_for(
            path,
            "WAV",
            subtype,
            channels=first.channels,
            num_samples=first.num_samples,
            num_other_bytes=len(payload),
        )
        with replacing(path) as temporary:
            with writing_audio(
                [temporary],
                sampling_rate=first.sampling_rate,
                subtype=subtype,
                channels=first.channels,
                format=format,
            ) as (writer,):
                for start in range(0, first.num_samples, BLOCK_SAMPLES):
                    blocks = [one.read(start, start + BLOCK_SAMPLES) for one in (first, second)]
                    finite = [np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0) for block in blocks]
                    writer.write(finite[1] - finite[0])
            if payload:
                append_chunk(temporary, CHUNK, payload)


class Extent(Protocol):
    """What has the rate, the channels and the length of a recording: a file that is read, or a record of one."""

    @property
    def sampling_rate(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def num_samples(self) -> int: ...


def check_extent(path: str | Path, got: Extent, whose: str | Path, expected: Extent) -> None:
    """Raises `ValueError` unless what is read from `path` has the rate, the channels and the length of another."""
    for name in ("sampling_rate", "channels", "num_samples"):
        if getattr(got, name) != getattr(expected, name):
            raise ValueError(
                f"{path}: expected the {name} of {whose}, {getattr(expected, name)}, got {getattr(got, name)}"
            )


def check_difference_path(path: str | Path, before: str | Path, after: str | Path) -> Path:
    """Raises `ValueError` unless a difference of two recordings can be written there, without looking at them."""
    path = Path(path)
    if path.suffix.lower() != ".wav":
        raise ValueError(
            f"{path}: expected a name that ends in .wav, as floats are written, got {path.suffix or path}"
        )
    for other in (Path(before), Path(after)):
        if path.absolute() == other.absolute() or (path.exists() and other.exists() and path.samefile(other)):
            raise ValueError(f"{path}: expected another file than {other}, whose difference is to be written")
    return path


class DifferenceReader:
    """
    A difference, region by region: regions may overlap, but none may start before the one that was read before it.

    Args:
        path: of the difference, as [`write_difference`] writes it.

    Raises:
        ValueError: as [`~aidd.signals.files.read_audio`], a file that is not whole, or a chunk of another form.
    """

    def __init__(self, path: str | Path):
        self._reader = AudioReader(path)
        if losses := self._reader.losses(self._reader.num_samples):
            raise ValueError(f"{path}: expected a difference that is whole, got {'; '.join(losses)}")
        payload = find_chunk(Path(path), CHUNK)
        self._exact = payload is not None
        self._runs, self._bits = no_runs() if payload is None else as_runs(path, payload)
        lengths = self._runs[:, 2] - self._runs[:, 1]
        self._first = np.concatenate([[0], np.cumsum(lengths)])
        self.sampling_rate, self.channels = self._reader.sampling_rate, self._reader.channels
        self.num_samples = self._reader.num_samples

    def __enter__(self) -> DifferenceReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def before(self, after: np.ndarray, start: int) -> np.ndarray:
        """
        What was there before the repair, to the bit where both recordings are lossless.

        Args:
            after: what is there since, float64 `(channels, samples)`.
            start: its first sample in the recording.

        Returns:
            float64 of the same shape.
        """
        return self._changed(after, start) if self._exact else after - self._samples(after, start)

    def after(self, before: np.ndarray, start: int) -> np.ndarray:
        """The counterpart of [`before`]: the repaired samples from those that were there."""
        return self._changed(before, start) if self._exact else before + self._samples(before, start)

    def _samples(self, signals: np.ndarray, start: int) -> np.ndarray:
        return self._reader.read(start, start + signals.shape[-1])

    def _changed(self, signals: np.ndarray, start: int) -> np.ndarray:
        bits = np.ascontiguousarray(signals, np.float64).view(np.uint64).copy()
        stop = start + signals.shape[-1]
        near = (self._runs[:, 1] < stop) & (self._runs[:, 2] > start)
        for number in np.flatnonzero(near).tolist():
            channel, first, last = self._runs[number].tolist()
            low, high = max(first, start), min(last, stop)
            offset = self._first[number] - first
            bits[channel, low - start : high - start] ^= self._bits[offset + low : offset + high]
        return bits.view(np.float64)


def changes_of(path: str | Path, first: AudioReader, second: AudioReader) -> bytes:
    """
    What the chunk of a difference holds.

    Args:
        path: of the difference, that errors name.
        first, second: the two recordings, lossless ones, which are read from their start, and gone back to it.

    Raises:
        ValueError: more than a chunk can hold.
    """
    found, num_bytes = [no_runs()], 0
    for start in range(0, first.num_samples, BLOCK_SAMPLES):
        stop = start + BLOCK_SAMPLES
        runs, bits = changed_bits(*(one.read(start, stop) for one in (first, second)))
        found.append((runs + np.array([0, start, start]), bits))
        num_bytes += runs.nbytes + bits.nbytes
        # NumPy's two headers take less than a kilobyte.
        if num_bytes + 2**10 > MAX_CHUNK_BYTES:
            raise ValueError(
                f"{path}: expected recordings whose differing bits fit into a chunk of {MAX_CHUNK_BYTES / 2**30:.1f} "
                f"GiB, got more within {stop / first.sampling_rate:.0f} s; recordings of PCM_24 need no such chunk"
            )
    for reader in (first, second):
        reader.jump(0)
    return as_payload(*map(np.concatenate, zip(*found, strict=True)))


def changed_bits(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Where two signals differ, and in which bits.

    Args:
        before, after: float64 `(channels, samples)`.

    Returns:
        Runs of samples that differ, int64 `(runs, 3)`: channel, start, and exclusive end; and the exclusive or of both
        signals' bits there, one run after the other, uint64 `(samples in runs,)`.
    """
    changed = np.ascontiguousarray(before).view(np.uint64) ^ np.ascontiguousarray(after).view(np.uint64)
    runs = [np.insert(find_gaps(channel != 0), 0, number, axis=1) for number, channel in enumerate(changed)]
    found = np.concatenate(runs)
    values = [changed[channel, start:stop] for channel, start, stop in found.tolist()]
    return found, np.concatenate([np.zeros(0, np.uint64), *values])


def no_runs() -> tuple[np.ndarray, np.ndarray]:
    """What [`changed_bits`] gives for signals that are alike."""
    return np.zeros((0, 3), np.int64), np.zeros(0, np.uint64)


def as_payload(runs: np.ndarray, bits: np.ndarray) -> bytes:
    """Runs and bits as they stand in the chunk: two arrays in NumPy's own format, one after the other."""
    buffer = io.BytesIO()
    np.save(buffer, runs.astype("<i8"))
    np.save(buffer, bits.astype("<u8"))
    return buffer.getvalue()


def as_runs(path: str | Path, payload: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The counterpart of [`as_payload`]. Raises `ValueError` where a chunk holds something else."""
    buffer = io.BytesIO(payload)
    try:
        runs, bits = (np.load(buffer, allow_pickle=False) for _ in range(2))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: the chunk {CHUNK.decode()} cannot be read ({error})") from error
    fits = runs.dtype == np.int64 and runs.ndim == 2 and runs.shape[1] == 3 and bits.dtype == np.uint64
    if not fits or (runs[:, 2] - runs[:, 1]).sum() != bits.size:
        raise ValueError(
            f"{path}: expected runs (n, 3) and the bits of their samples in the chunk {CHUNK.decode()}, got "
            f"{runs.dtype} of shape {runs.shape} and {bits.dtype} of shape {bits.shape}"
        )
    return runs, bits


def append_chunk(path: Path, name: bytes, payload: bytes) -> None:
    """Appends a chunk to a RIFF or RF64 file, behind its samples, where other programs pass over it."""
    with path.open("r+b") as file:
        kind = file.read(4)
        file.seek(0, io.SEEK_END)
        file.write(bytes(file.tell() % 2))
        file.write(name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2))
        size = file.tell() - 8
        # RF64 has its size in the chunk ds64, which is the first.
        file.seek(20 if kind == b"RF64" else 4)
        file.write(struct.pack("<Q" if kind == b"RF64" else "<I", size))


def find_chunk(path: Path, name: bytes) -> bytes | None:
    """What a chunk of a RIFF or RF64 file holds; None where there is no such chunk, or the file is another."""
    with path.open("rb") as file:
        found = chunks_of(file, file.seek(0, io.SEEK_END))
        chunk = found.find(name) if found.container in (b"RIFF", b"RF64") else None
        return None if chunk is None else read_chunk(file, chunk)
