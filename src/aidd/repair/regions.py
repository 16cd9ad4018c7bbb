"""
Which regions of a recording must be read to fill its gaps as if the whole recording had been.

No method reads more than a few seconds around a gap. A region is a run of gaps with as much on both sides as a method
reads. Two gaps share one where what is read for the one would hold the other; between regions lies intact audio that
nobody needs. Where gaps stand close together for long, as clipped peaks may over a whole file, their region is as
long, and so is what it takes in memory.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .methods import row_of
from .places import imported


if TYPE_CHECKING:
    from ..pipelines import InpaintingPipeline

# Fewest samples that are read on each side of a gap: at rates at which half a second is next to nothing, some methods
# still ask whether 3 samples are there.
LEAST_SAMPLES = 16
# Samples at the lower of two rates that a pipeline reads further where it resamples: twice the reach of the kernels,
# as intact audio spreads that far into a gap, and as far from a gap nothing counts as intact. With some to spare for
# rounding.
RESAMPLING_SAMPLES = 32


@dataclass(frozen=True)
class Reach:
    """
    How much of a recording a method needs, to give what it would give with all of it.

    Args:
        samples: samples on each side of a gap, beyond which nothing is read.
        grid: samples. Frames or tokens that the method lays over a recording, from its first sample on, lie where they
            did when the recording begins at a multiple of this.
    """

    samples: int
    grid: int


@dataclass(frozen=True)
class Region:
    """
    Part of a recording that is read at once.

    Args:
        start, stop: first sample that is read, and the one after the last.
        fill_start, fill_stop: first missing sample of any channel, and the one after the last.
    """

    start: int
    stop: int
    fill_start: int
    fill_stop: int


def reach_of(method: str, *, sampling_rate: int, pipeline: InpaintingPipeline | None = None) -> Reach:
    """
    How much of a recording a method reads around a gap.

    A pipeline reads a window, and the splice no more than the methods without a model do. Its regions start where a
    token, or frame, does and both rates have a sample. Those places may be far apart: hops of 511 samples at 24 kHz
    meet samples at 48 kHz at each hop, at 44.1 kHz every 1.7 s, and at 44,101 Hz every 8.5 minutes.

    Args:
        method: name of the method, or place of a user's own, see [`~aidd.repair.methods.row_of`].
        sampling_rate: Hz of the recording.
        pipeline: what fills the gaps for a method with a model, with windows and hops of any length. None if no gap
            needs a model.
    """
    row = row_of(method)
    if math.isinf(row.reach_seconds):
        return Reach(sys.maxsize, 1)
    seconds = row.reach_seconds
    grid = 1 if row.grid is None else imported(row.grid)(sampling_rate)
    if pipeline is not None:
        window_seconds = pipeline.context_hops * pipeline.hop_length / pipeline.sampling_rate
        resampling_seconds = RESAMPLING_SAMPLES / min(pipeline.sampling_rate, sampling_rate)
        seconds = max(window_seconds + resampling_seconds, seconds)
        grid = whole_hops(sampling_rate, pipeline.sampling_rate, pipeline.hop_length)
    return Reach(max(math.ceil(seconds * sampling_rate), LEAST_SAMPLES), grid)


def furthest(reaches: Iterable[Reach]) -> Reach:
    """How much several methods read together: as much as the one that reads furthest, and on the grids of all."""
    reaches = list(reaches)
    return Reach(max(one.samples for one in reaches), math.lcm(*(one.grid for one in reaches)))


def whole_hops(sampling_rate: int, other_rate: int, hop_length: int) -> int:
    """Fewest samples at a rate that last as long as a whole number of hops of `hop_length` samples at another."""
    hops = sampling_rate * hop_length
    return hops // math.gcd(hops, other_rate)


def plan_regions(gaps: np.ndarray, num_samples: int, reach: Reach) -> list[Region]:
    """
    Regions that hold all gaps of a recording.

    Args:
        gaps: where any channel is missing, int64 `(gaps, 2)`, see [`aidd.masks.gaps`].
        num_samples: length of the recording.
        reach: of the method that is to fill them.

    Returns:
        Regions in order. Each starts at a multiple of the grid, after the last gap of the one before; what they read
        may overlap, what they fill does not.
    """
    regions: list[Region] = []
    for fill_start, fill_stop in gaps.tolist():
        start = max(fill_start - reach.samples, 0) // reach.grid * reach.grid
        if regions and start < regions[-1].fill_stop:
            before = regions.pop()
            start, fill_start = before.start, before.fill_start
        regions.append(Region(start, min(fill_stop + reach.samples, num_samples), fill_start, fill_stop))
    return regions
