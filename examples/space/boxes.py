"""Boxes of a spectrogram filled in a file: from a lowest to a highest frequency, from a start to an end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from aidd.classical.cells import fading, log_magnitude, zeroing
from aidd.masks.cells import boxes as cells_of_boxes
from aidd.repair.methods import default_pipeline
from aidd.repair.recipe import generator_of
from aidd.repair.scan import Scan
from aidd.signals.blocks import BLOCK_SAMPLES, AudioReader, writing_audio
from aidd.signals.resampling import resample
from aidd.signals.stft import Grid, istft, stft


# What fills boxes, the default first.
CELL_METHODS = {"log_magnitude": log_magnitude, "fading": fading, "zeroing": zeroing, "spectrogram_repaint": None}
# Music that methods are given on either side of the boxes, and the longest stretch that boxes may lie in.
AROUND_SECONDS, LONGEST_SECONDS = 4.0, 60.0
WINDOW_SECONDS = 0.046


@dataclass(frozen=True)
class BoxReport:
    """
    What was done to a recording.

    Args:
        output: the file.
        stretch: first and last second that is played.
        alone: the boxes before they were filled, float64 `(channels, samples)`, from the stretch's start on.
        other_db: level of what has changed outside the boxes, in the frames that they touch, against what was there.
        loading_seconds, seconds: time that loading the model took, and filling.
    """

    output: Path
    stretch: tuple[float, float]
    alone: np.ndarray
    other_db: float
    loading_seconds: float
    seconds: float


def grid_at(sampling_rate: int) -> Grid:
    """A grid at the recording's own rate, for methods without a model: all frequencies can be filled."""
    n_fft = 2 ** round(math.log2(WINDOW_SECONDS * sampling_rate))
    return Grid(sampling_rate, n_fft, n_fft // 4)


def fill_boxes(
    scan: Scan,
    boxes: Sequence[tuple[float, float, float, float]],
    output: Path,
    *,
    method: str,
    seed: int | None,
    subtype: str,
    format: str,
) -> BoxReport:
    """
    Fills boxes, and copies all else. Samples that no frame of a box holds are the recording's.

    Args:
        scan: of the recording.
        boxes: lowest and highest Hz, start and end in seconds.
        output: file to write.
        method: out of `CELL_METHODS`.
        seed: seed of the draws; None draws anew.
        subtype, format: encoding of the output.

    Raises:
        ValueError: no boxes, some beyond the recording or the model's frequencies, or too far apart.
    """
    if not boxes:
        raise ValueError("no box is drawn: drag a rectangle on the spectrogram, or write its frequencies and seconds")
    rate, seconds = scan.sampling_rate, scan.num_samples / scan.sampling_rate
    start = max(min(box[2] for box in boxes) - AROUND_SECONDS, 0.0)
    end = min(max(box[3] for box in boxes) + AROUND_SECONDS, seconds)
    if not 0 < end - start <= LONGEST_SECONDS:
        raise ValueError(f"boxes must lie in {LONGEST_SECONDS - 2 * AROUND_SECONDS:g} s of the recording")
    first, last = math.floor(start * rate), min(math.ceil(end * rate), scan.num_samples)

    began = time.perf_counter()
    pipeline = default_pipeline("spectrogram_repaint") if method == "spectrogram_repaint" else None
    loading_seconds = time.perf_counter() - began
    grid = grid_at(rate) if pipeline is None else pipeline.front_end.grid
    num_on_grid = grid.resampled_length(last - first, rate)
    mask = cells_of_boxes(
        [(low, high, on - first / rate, off - first / rate) for low, high, on, off in boxes], num_on_grid, grid
    )
    fill = (
        partial(CELL_METHODS[method], grid=grid)
        if pipeline is None
        else lambda audio, cells, **given: pipeline(audio, tf_mask=cells, **given).audios
    )
    began = time.perf_counter()
    with (
        AudioReader(scan.path) as reader,
        writing_audio([output], sampling_rate=rate, subtype=subtype, channels=scan.channels, format=format) as (
            writer,
        ),
    ):
        for position in range(0, first, BLOCK_SAMPLES):
            writer.write(reader.read(position, min(position + BLOCK_SAMPLES, first)))
        before = np.array(reader.read(first, last))
        after = fill(before, mask, sampling_rate=rate, generator=generator_of(seed))
        writer.write(after)
        for position in range(last, scan.num_samples, BLOCK_SAMPLES):
            writer.write(reader.read(position, min(position + BLOCK_SAMPLES, scan.num_samples)))
    cells, changes = (stft(resample(audio, rate, grid.sampling_rate), grid) for audio in (before, after - before))
    outside = ~mask & mask.any(0)
    ratio = (np.abs(changes[:, outside]) ** 2).sum() / max((np.abs(cells[:, outside]) ** 2).sum(), 1e-20)
    alone = resample(istft(np.where(mask, cells, 0), grid, num_on_grid), grid.sampling_rate, rate)
    return BoxReport(
        output=output,
        stretch=(first / rate, last / rate),
        alone=alone[..., : last - first],
        other_db=10 * math.log10(max(ratio, 1e-12)),
        loading_seconds=loading_seconds,
        seconds=time.perf_counter() - began,
    )
