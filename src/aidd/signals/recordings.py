"""Recordings of data sets by name, and excerpts of them: no recording is ever read whole."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .blocks import AudioReader
from .files import find_audio_files
from .formats import check_is_file
from .resampling import RESAMPLING_REACH, resample, resampled_length


if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Recording:
    """
    A recording of a data set.

    Args:
        name: of the recording, like no other in its data set.
        read: gives what [`~aidd.signals.blocks.AudioReader`] opens: the file's path, or its content.
    """

    name: str
    read: Callable[[], Path | io.BytesIO]


def folder_recordings(folder: str | Path) -> list[Recording]:
    """
    Every audio file in a folder and below it, named by its path from there, in the order of these names.

    Raises:
        ValueError: not a folder, or no audio file in it.
    """
    return [_file_recording(Path(folder), path) for path in find_audio_files(folder)]


def musicnet_recordings(folder: str | Path, split: str) -> list[Recording]:
    """
    MusicNet (https://zenodo.org/records/5120004) as it is unpacked from `musicnet.tar.gz`: 320 recordings in
    `train_data`, the 10 of the official test set in `test_data`.

    Args:
        folder: the one that holds both.
        split: `train` or `test`.

    Raises:
        ValueError: another split, a folder that is not there, or no audio file in it.
    """
    if split not in ("train", "test"):
        raise ValueError(f"MusicNet has the splits train and test, got {split}")
    paths = find_audio_files(Path(folder) / f"{split}_data")
    return [_file_recording(Path(folder), path) for path in paths]


def maestro_recordings(folder: str | Path, split: str) -> list[Recording]:
    """
    MAESTRO (https://magenta.tensorflow.org/datasets/maestro) as it is unpacked from `maestro-v3.0.0.zip` or an earlier
    version: its table `maestro-v*.csv` tells each recording's split. (In version 3: 962, 137 and 177.)

    Args:
        folder: the one that holds the table.
        split: `train`, `validation` or `test`.

    Raises:
        ValueError: no table, or several; no recording of this split in it; or one that is listed but not there, or not
            in the folder.
    """
    tables = sorted(Path(folder).glob("maestro-v*.csv"))
    if len(tables) != 1:
        raise ValueError(f"expected one maestro-v*.csv in {folder}, got {[table.name for table in tables]}")
    with tables[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = sorted(Path(folder) / row["audio_filename"] for row in rows if row["split"] == split)
    if not paths:
        raise ValueError(f"{tables[0]} has the splits {sorted({row['split'] for row in rows})}, got {split}")
    outside = [path for path in paths if not lies_in(path, folder)]
    if outside:
        raise ValueError(f"{tables[0]} lists {len(outside)} recordings outside its folder, the first is {outside[0]}")
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ValueError(f"{tables[0]} lists {len(missing)} recordings that are not there, the first is {missing[0]}")
    return [_file_recording(Path(folder), path) for path in paths]


def dataset_recordings(dataset: Dataset, column: str) -> list[Recording]:
    """
    Rows of a data set of the Hugging Face Hub, named by their number and, where it is told, their file.

    Args:
        dataset: one split of it.
        column: the feature `Audio`. soundfile decodes it, not `datasets`.

    Raises:
        ValueError: a column that is not there or holds no audio.
    """
    from datasets import Audio

    if not isinstance(dataset.features.get(column), Audio):
        audio = [name for name, feature in dataset.features.items() if isinstance(feature, Audio)]
        raise ValueError(f"expected a column of audio, got {column}; the data set's columns of audio are {audio}")
    encoded = dataset.select_columns(column).cast_column(column, Audio(decode=False))

    def reader(index: int) -> Callable[[], Path | io.BytesIO]:
        def read() -> Path | io.BytesIO:
            row = encoded[index][column]
            return Path(row["path"]) if row["bytes"] is None else io.BytesIO(row["bytes"])

        return read

    # The table's paths, without the sound beside them.
    paths = (path.as_py() for chunk in encoded.with_format("arrow")[:][column].chunks for path in chunk.field("path"))
    return [
        Recording(f"{index}/{Path(path).name}" if path else str(index), reader(index))
        for index, path in enumerate(paths)
    ]


def lies_in(path: str | Path, folder: str | Path) -> bool:
    """Whether a path leads into a folder by its name. A link in the folder may lead out: who made it wants that."""
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


class MonoReader:
    """
    The channels' mean of a recording at another rate, region by region: each is what the recording resampled whole
    would hold there ([`~aidd.signals.resampling.resample`]), to rounding. Regions may overlap, but none may start
    before the one that was read before it.

    Args:
        recording: to be read.
        sampling_rate: Hz of what is read; the file's own if None.
        speed: playing speed; at 2, the recording is half as long and an octave higher.
        max_seconds: of the recording, before it is sped up; the rest is taken not to be there.
        dtype: of what is read, np.float32 or np.float64. Channels are averaged and resampled in it.

    Raises:
        ValueError: a recording that cannot be read as audio, or holds no samples.
    """

    def __init__(
        self,
        recording: Recording,
        sampling_rate: int | None = None,
        *,
        speed: float = 1.0,
        max_seconds: float | None = None,
        dtype: type[np.floating] = np.float32,
    ):
        self.file = AudioReader(recording.read(), name=recording.name)
        self.num_frames = self.file.num_samples
        if max_seconds is not None:
            self.num_frames = min(self.num_frames, int(max_seconds * self.file.sampling_rate))
        if self.num_frames <= 0:
            raise ValueError(f"{recording.name}: holds no samples")
        self.dtype = dtype
        self.sampling_rate = sampling_rate or self.file.sampling_rate
        # A recording played faster is one taken at a higher rate.
        self.file_rate = round(self.file.sampling_rate * speed)
        self.num_samples = resampled_length(self.num_frames, self.file_rate, self.sampling_rate)

    def __enter__(self) -> MonoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def read(self, start: int, stop: int) -> np.ndarray:
        """
        Reads samples from `start` to before `stop`, or to the end: float `(samples,)`.

        Raises:
            ValueError: a start before the last one, samples that cannot be decoded, or a file with fewer samples than
                its header says.
        """
        divisor = math.gcd(self.file_rate, self.sampling_rate)
        up, down = self.sampling_rate // divisor, self.file_rate // divisor
        # In frames, which are the file's samples.
        reach = 0 if up == down else math.ceil(RESAMPLING_REACH * max(1, down / up)) + 1
        # At multiples of `down`, frames and samples coincide.
        first = max(start * down // up - reach, 0) // down * down
        last = max(min(-(-stop * down // up) + reach, self.num_frames), first)
        frames = self.file.read(first, last).astype(self.dtype).mean(0)
        if len(frames) < last - first:
            raise ValueError(
                f"{self.file.name}: expected {self.file.num_samples} samples, as its header says, the file ends after "
                f"{first + len(frames)}"
            )
        offset = first // down * up
        return resample(frames, self.file_rate, self.sampling_rate)[start - offset : stop - offset]


def recording_length(path: str | Path, sampling_rate: int | None = None) -> tuple[int, int]:
    """
    Number of samples and rate in Hz of what [`read_excerpt`] takes excerpts of.

    Raises:
        ValueError: a file that is not there, or is no audio.
    """
    with AudioReader(path) as file:
        rate = sampling_rate or file.sampling_rate
        return resampled_length(file.num_samples, file.sampling_rate, rate), rate


def read_excerpt(path: str | Path, start: int, num_samples: int, *, sampling_rate: int | None = None) -> np.ndarray:
    """
    The channels' mean of a recording, from a sample on, as [`MonoReader`] reads it.

    Args:
        path: audio file.
        start, num_samples: of the excerpt, at `sampling_rate`.
        sampling_rate: Hz; the file's own if None.

    Returns:
        float64 `(num_samples,)`.

    Raises:
        ValueError: a file that is not there, is no audio, or ends before the excerpt does.
    """
    path, stop = Path(path), start + num_samples
    with MonoReader(Recording(str(path), lambda: path), sampling_rate, dtype=np.float64) as reader:
        if stop > reader.num_samples:
            raise ValueError(
                f"{path}: expected samples {start} to {stop} at {reader.sampling_rate} Hz, the recording ends before, "
                f"at {reader.num_samples}"
            )
        return reader.read(start, stop)


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


def _file_recording(folder: Path, path: Path) -> Recording:
    return Recording(path.relative_to(folder).as_posix(), lambda: path)
