"""
Which stretches of a recording must be read to fill its gaps as if the whole recording had been.

No method hears more than a few seconds around a gap. A region is a run of gaps with as much on both sides as a method
reads. Two gaps share one where what is read for the one would hold the other; between regions lies intact audio that
nobody needs. Where gaps stand close together for long, as clipped peaks may over a whole file, their region is as
long, and so is what it takes in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..classical.sparse import frame_hop


if TYPE_CHECKING:
    from ..pipelines import AIDDPipeline, SpectrogramRePaintPipeline

# What classical methods read beside a gap, at most, with as much to spare: Janssen's 0.2 s, autoregressive models and
# spectra of envelope_noise 0.1 s, and sparse's nearest training frames 13 / 4 of its windows of 0.1 s. The splice,
# which reads 0.1 s, is handed a second, which decides nothing.
CLASSICAL_SECONDS = 0.5
# At rates at which that is next to nothing: some methods tell whether 3 samples are there.
LEAST_SAMPLES = 16
# What pipelines read further where they resample, in samples at the lower rate: twice its kernels' reach, as what is
# known is heard that far, and as far from a gap nothing counts as known. With some to spare for rounding.
RESAMPLING_SAMPLES = 32


@dataclass(frozen=True)
class Locality:
    """
    How much of a recording a method needs, to give what it would give with all of it.

    Args:
        context: samples on each side of a gap, beyond which nothing is read.
        grid: samples. Frames or tokens that the method lays over a recording, from its first sample on, lie where they
            did when the recording begins at a multiple of this.
    """

    context: int
    grid: int


@dataclass(frozen=True)
class Region:
    """
    Args:
        start, stop: first sample that is read, and the one behind the last.
        fill_start, fill_stop: first missing sample of any channel, and the one behind the last.
    """

    start: int
    stop: int
    fill_start: int
    fill_stop: int


def locality_of(method: str, *, sampling_rate: int) -> Locality:
    """
    Of a method without a model, `auto` for gaps that need none among them.

    Args:
        method: its name, of `aidd.METHODS`.
        sampling_rate: Hz of the recording.
    """
    context = max(math.ceil(CLASSICAL_SECONDS * sampling_rate), LEAST_SAMPLES)
    return Locality(context, frame_hop(sampling_rate) if method == "sparse" else 1)


def locality_of_pipeline(pipeline: AIDDPipeline | SpectrogramRePaintPipeline, *, sampling_rate: int) -> Locality:
    """
    Of a pipeline, and of `auto` with it: it reads a window, and the splice no more than classical methods do. Regions
    start where a token, or frame, does and both rates have a sample. Those places may be far apart: hops of 511
    samples at 24 kHz meet samples at 48 kHz at each hop, at 44.1 kHz every 1.7 s, and at 44,101 Hz every 8.5 minutes.

    Args:
        pipeline: with any windows of any hops, which its `sampling_rate`, `hop_length` and `context_hops` tell.
        sampling_rate: Hz of the recording.
    """
    window_seconds = pipeline.context_hops * pipeline.hop_length / pipeline.sampling_rate
    resampling_seconds = RESAMPLING_SAMPLES / min(pipeline.sampling_rate, sampling_rate)
    seconds = max(window_seconds + resampling_seconds, CLASSICAL_SECONDS)
    grid = whole_hops(sampling_rate, pipeline.sampling_rate, pipeline.hop_length)
    return Locality(max(math.ceil(seconds * sampling_rate), LEAST_SAMPLES), grid)


def whole_hops(sampling_rate: int, other_rate: int, hop_length: int) -> int:
    """Fewest samples at a rate that last as long as a whole number of hops of `hop_length` samples at another."""
    hops = sampling_rate * hop_length
    return hops // math.gcd(hops, other_rate)


def plan_regions(gaps: np.ndarray, num_samples: int, locality: Locality) -> list[Region]:
    """
    Args:
        gaps: int64 `(gaps, 2)`, where any channel is missing, see [`aidd.masks.gaps`].
        num_samples: length of the recording.
        locality: of the method that is to fill them.

    Returns:
        Regions in order. Each starts at a multiple of the grid, behind the last gap of the one before; what they read
        may overlap, what they fill does not.
    """
    regions: list[Region] = []
    for fill_start, fill_stop in gaps.tolist():
        start = max(fill_start - locality.context, 0) // locality.grid * locality.grid
        if regions and start < regions[-1].fill_stop:
            before = regions.pop()
            start, fill_start = before.start, before.fill_start
        regions.append(Region(start, min(fill_stop + locality.context, num_samples), fill_start, fill_stop))
    return regions
