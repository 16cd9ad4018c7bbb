"""Segments of recordings that studies measure methods on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from aidd.evaluation.protocols.selection import evenly_spread_starts
from aidd.signals.files import find_audio_files
from aidd.signals.recordings import read_excerpt, recording_length


# Length of a segment, as in the AIDD paper (arXiv:2507.08333).
SEGMENT_SECONDS = 4.17


def read_segments(path: str | Path, number: int, *, min_rms: float = 1e-3) -> Iterator[tuple[int, np.ndarray, int]]:
    """
    Reads segments of 4.17 s, evenly spread over a recording, at its own rate.

    Args:
        path: audio file; channels are averaged.
        number: number of segments; none is read from a recording that is shorter than one.
        min_rms: segments quieter than this root mean square (-60 dBFS) are left out.

    Yields:
        The sample a segment starts at, the segment, float64 `(samples,)`, and the sampling rate in Hz.
    """
    num_samples, sampling_rate = recording_length(path)
    length = round(SEGMENT_SECONDS * sampling_rate)
    if num_samples < length:
        return
    for start in evenly_spread_starts(num_samples, length, number):
        segment = read_excerpt(path, start, length)
        if np.sqrt(np.mean(segment**2)) > min_rms:
            yield start, segment, sampling_rate


def recordings_in(folders: Sequence[Path], share: tuple[int, int] = (0, 1)) -> Iterator[Path]:
    """The audio files of folders, or every n-th from the i-th on, given (i, n), with a bar of their progress."""
    index, number = share
    paths = [path for folder in folders for path in find_audio_files(folder)]
    return iter(tqdm(paths[index::number], unit="recording"))


def segments_in(
    folders: Sequence[Path], number: int, share: tuple[int, int] = (0, 1)
) -> Iterator[tuple[Path, int, np.ndarray, int]]:
    """The segments of all recordings in folders, each after its recording's path; else as [`read_segments`]."""
    for path in recordings_in(folders, share):
        for start, segment, rate in read_segments(path, number):
            yield path, start, segment, rate
