"""Segments of recordings to measure methods on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..audio_io import read_audio


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
    recording = read_audio(path)
    audio, length = recording.samples.mean(0), round(SEGMENT_SECONDS * recording.sampling_rate)
    if len(audio) < length:
        return
    for start in np.linspace(0, len(audio) - length, number + 2).astype(int)[1:-1]:
        segment = audio[start : start + length]
        if np.sqrt(np.mean(segment**2)) > min_rms:
            yield int(start), segment, recording.sampling_rate
