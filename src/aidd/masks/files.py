"""Masks from files: boolean arrays, and the label tracks of audio editors."""

import math
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import numpy as np

from ..signals.blocks import BLOCK_SAMPLES
from ..signals.formats import check_is_file
from .gaps import gaps_of, mask_of, unite
from .labels import read_labels


MASK_SUFFIXES = (".npy", ".txt")
# Headers of arrays by the version of the format; a later one is written for none of plain bools.
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_mask(path: str | Path, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    Reads which samples are missing.

    Args:
        path: a boolean `.npy` array, `(samples,)`, `(1, samples)` or `(channels, samples)`, True = missing; or a
            label file as Audacity exports it (`.txt`), see [`~aidd.masks.labels.read_labels`].
        num_samples: length of the audio.
        sampling_rate: Hz of the audio.

    Returns:
        bool, `(num_samples,)` or `(channels, num_samples)`.

    Raises:
        ValueError: a missing file, a folder, pipe or device, another kind of file, an array of another length or type,
            or labels that are no gaps of this audio, or have frequencies.

    Warns:
        UserWarning: as [`~aidd.masks.labels.read_labels`].
    """
    path = _mask_path(path)
    if path.suffix.lower() == ".npy":
        return np.array(_open_mask_array(path, num_samples))
    (gaps,) = read_gaps(path, num_samples=num_samples, sampling_rate=sampling_rate)
    return mask_of(gaps, 0, num_samples)


class Marks(NamedTuple):
    """
    What a file marks.

    Args:
        gaps: int64 `(gaps, 2)`, one for all channels, or as many as an array has channels.
        boxes: of frequency and time, in all channels, see [`~aidd.masks.labels.Labels`]; an array has none.
    """

    gaps: list[np.ndarray]
    boxes: list[tuple[float, float, float, float]]


def read_gaps(path: str | Path, *, num_samples: int, sampling_rate: int) -> list[np.ndarray]:
    """
    Reads what [`read_mask`] does as gaps, see [`aidd.masks.gaps`], which take no memory for what is intact.

    Returns:
        int64 `(gaps, 2)`, one for all channels, or as many as the array has channels.
    """
    marks = read_marks(path, num_samples=num_samples, sampling_rate=sampling_rate)
    if marks.boxes:
        raise ValueError(f"{path}: expected labels without frequencies, got {len(marks.boxes)} with, which are boxes")
    return marks.gaps


def read_marks(path: str | Path, *, num_samples: int, sampling_rate: int) -> Marks:
    """Reads gaps and boxes. All else as of [`read_gaps`], which knows gaps alone."""
    path = _mask_path(path)
    if path.suffix.lower() == ".txt":
        labels = read_labels(path, num_samples=num_samples, sampling_rate=sampling_rate)
        return Marks([labels.gaps], labels.boxes)
    found: list[list[np.ndarray]] = []
    for start in range(0, num_samples, BLOCK_SAMPLES):
        # Mapped anew for each block: what of the file was looked at counts as memory as long as it is mapped.
        block = np.atleast_2d(_open_mask_array(path, num_samples)[..., start : start + BLOCK_SAMPLES])
        found = found or [[] for _ in block]
        for of_channel, mask in zip(found, block, strict=True):
            of_channel.append(gaps_of(np.asarray(mask), start))
    return Marks([unite(of_channel) for of_channel in found], [])


def _mask_path(path: str | Path) -> Path:
    path = Path(path)
    check_is_file(path)
    if path.suffix.lower() not in MASK_SUFFIXES:
        raise ValueError(f"{path}: expected a boolean array (.npy) or an Audacity label file (.txt)")
    return path


def _open_mask_array(path: Path, num_samples: int) -> np.ndarray:
    """Mapped into memory, read-only."""
    try:
        with path.open("rb") as file:
            shape, _, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    # All exceptions: numpy reads headers as Python's own tokens and literals, and says of few what is wrong.
    except Exception as error:
        raise ValueError(f"{path}: cannot be read as a .npy array ({shorten(str(error), 200)})") from error
    # Before the array is mapped: a header may claim any size.
    if dtype.kind != "b" or len(shape) not in (1, 2) or shape[-1] != num_samples or min(shape) < 1:
        raise ValueError(
            f"{path}: expected a bool array of shape ({num_samples},) or (channels, {num_samples}), True = missing, "
            f"got {dtype} of shape {shape}"
        )
    if math.prod(shape) > path.stat().st_size:
        raise ValueError(f"{path}: cannot be read as a .npy array (it is cut short: expected {shape} values)")
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as a .npy array ({error})") from error
