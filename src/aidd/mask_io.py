"""Masks from files: boolean arrays, and the label tracks of audio editors."""

from pathlib import Path

import numpy as np

from .audio_io import check_is_file
from .masks import mask_from_seconds


# Label files hold seconds to the microsecond.
LABEL_PRECISION = 0.5e-6


def read_mask(path: str | Path, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    Reads which samples are missing.

    Args:
        path: a boolean `.npy` array, `(samples,)`, `(1, samples)` or `(channels, samples)`, True = missing; or an
            Audacity label file (`.txt`): a line a gap with its start and end in seconds, and a name that is not read.
        num_samples: length of the audio.
        sampling_rate: Hz of the audio.

    Returns:
        bool, `(num_samples,)` or `(channels, num_samples)`.

    Raises:
        ValueError: a missing file, a folder, pipe or device, another kind of file, an array of another length or type,
            or labels that are no gaps of this audio.
    """
    path = Path(path)
    check_is_file(path)
    if path.suffix.lower() == ".npy":
        return _read_mask_array(path, num_samples)
    if path.suffix.lower() == ".txt":
        return _read_labels(path, num_samples, sampling_rate)
    raise ValueError(f"{path}: expected a boolean array (.npy) or an Audacity label file (.txt)")


def _read_mask_array(path: Path, num_samples: int) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            mask = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read as a .npy array ({error})") from error
    if mask.dtype != bool or mask.ndim not in (1, 2) or mask.shape[-1] != num_samples:
        raise ValueError(
            f"{path}: expected a bool array of shape ({num_samples},) or (channels, {num_samples}), True = missing, "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    return mask


def _read_labels(path: Path, num_samples: int, sampling_rate: int) -> np.ndarray:
    try:
        # Not `splitlines`: it splits at characters that names may hold, too.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: cannot be read as text ({error})") from error
    mask = np.zeros(num_samples, bool)
    duration = num_samples / sampling_rate
    for number, line in enumerate(lines, start=1):
        # A label's line of frequencies follows its own and starts with a backslash.
        if not line.strip() or line.startswith("\\"):
            continue
        fields = line.split("\t")
        try:
            start, end = float(fields[0]), float(fields[1])
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"{path}, line {number}: expected start and end in seconds and a name, parted by tabs, got {line!r}"
            ) from error
        # The end of the audio may come rounded up.
        if duration < end <= duration + LABEL_PRECISION:
            end = duration
        try:
            mask |= mask_from_seconds(start, end, num_samples=num_samples, sampling_rate=sampling_rate)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if not mask.any():
        raise ValueError(f"{path}: the file holds no label")
    return mask
