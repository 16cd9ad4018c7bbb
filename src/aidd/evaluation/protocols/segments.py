"""Segments of recordings to measure methods on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...signals.recordings import read_excerpt, recording_length
from .selection import evenly_spread_starts


# As in the AIDD paper (arXiv:2507.08333).
SEGMENT_SECONDS = 4.17


def read_segments(path: str | Path, number: int, *, min_rms: float = 1e-3) -> Iterator[tuple[int, np.ndarray, int]]:
    """
    Segments of 4.17 s, evenly spread over a recording, at its own rate.

    Args:
        path: audio file; channels are averaged.
        number: of segments. Where the recording is shorter than one, there is none.
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
