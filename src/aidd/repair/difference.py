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

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from ..signals.formats import INTEGER_BITS, LOSSLESS_SUBTYPES
from ..signals.replacing import replacing


# Bits of integers whose differences a FLOAT holds: it has 24 for the magnitude, and one for the sign.
MAX_FLOAT_BITS = 24
CHUNK = b"aidd"
# Sizes in RIFF files have 32 bits; beyond, and with a megabyte for all that is not samples, they are RF64.
MAX_RIFF_BYTES = 2**32 - 2**20


def write_difference(path: str | Path, before: str | Path, after: str | Path) -> None:
    """
    Writes what must be added to one recording to get the other.

    Args:
        path: WAV file to write, `*.wav`. An existing one is replaced once the difference is written.
        before, after: audio files of one rate, number of channels and length.

    Raises:
        ValueError: another suffix, a file that is one of the two, recordings that differ in rate, channels or length,
            and as [`~aidd.signals.files.read_audio`] and [`~aidd.signals.files.write_audio`].
    """
    path = check_difference_path(path, before, after)
    with AudioReader(before) as first, AudioReader(after) as second:
        for name in ("sampling_rate", "channels", "num_samples"):
            expected, got = getattr(first, name), getattr(second, name)
            if expected != got:
                raise ValueError(f"{after}: expected the {name} of {before}, {expected}, got {got}")
        exact_integers = {first.subtype, second.subtype} <= INTEGER_BITS.keys()
        lossless = {first.subtype, second.subtype} <= LOSSLESS_SUBTYPES
        bits = max(INTEGER_BITS[one.subtype] for one in (first, second)) if exact_integers else 64
        subtype = "FLOAT" if bits <= MAX_FLOAT_BITS else "DOUBLE"
        size = first.num_samples * first.channels * (4 if subtype == "FLOAT" else 8)
        found = [no_runs()]
        with replacing(path) as temporary:
            with writing_audio(
                [temporary],
                sampling_rate=first.sampling_rate,
                subtype=subtype,
                channels=first.channels,
                format="WAV" if size <= MAX_RIFF_BYTES else "RF64",
            ) as (writer,):
                for start in range(0, first.num_samples, BLOCK_SAMPLES):
                    blocks = [one.read(start, start + BLOCK_SAMPLES) for one in (first, second)]
                    if lossless and not exact_integers:
                        here, values = changed_bits(*blocks)
                        found.append((here + np.array([0, start, start]), values))
                    finite = [np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0) for block in blocks]
                    writer.write(finite[1] - finite[0])
            if lossless and not exact_integers:
                append_chunk(temporary, CHUNK, as_payload(*map(np.concatenate, zip(*found, strict=True))))


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
        ValueError: as [`~aidd.signals.files.read_audio`], or a chunk of another form.
    """

    def __init__(self, path: str | Path):
        self._reader = AudioReader(path)
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
        kind, _, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
        if kind not in (b"RIFF", b"RF64") or form != b"WAVE":
            return None
        data_size = 0
        while len(header := file.read(8)) == 8:
            chunk, size = struct.unpack("<4sI", header)
            if chunk == name:
                return file.read(size)
            if chunk == b"ds64":
                _, data_size = struct.unpack("<QQ", file.read(16))
                size -= 16
            elif chunk == b"data" and kind == b"RF64":
                size = data_size
            file.seek(size + size % 2, io.SEEK_CUR)
    return None
