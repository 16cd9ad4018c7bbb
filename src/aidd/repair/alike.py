"""
Gaps whose surroundings are like those of another part of the recording: the method `best` fills them with it, before
anything else is filled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..classical.similarity import filling_from
from ..classical.source_search import EDGE_SECONDS, likest_sources
from ..masks.gaps import touching, unite
from .methods import BEST, SIMILARITY
from .plan import RepairPlan


if TYPE_CHECKING:
    from ..classical.source_search import Source
    from ..signals.arrays import ReadStretches
    from .filling import FillRegion

# Gaps from so many seconds on, and the likeness from which on another part of the recording is nearer to what is
# missing in them than what others fill in: docs/what_the_recording_knows.md.
LEAST_SECONDS, LEAST_LIKENESS = 0.375, 0.7


def alike_sources(plan: RepairPlan, read: ReadStretches, *, num_samples: int, sampling_rate: int) -> list[Source]:
    """
    Finds what fills long gaps of a plan of `best` from elsewhere in the recording.

    Args:
        plan: of [`~aidd.repair.plan.plan_repair`] for the method `best`.
        read: reads the recording.
        num_samples: length of the recording.
        sampling_rate: Hz.

    Returns:
        The sources of gaps of at least 0.375 s, with a likeness of at least 0.7, in order. Gaps that another is within
        0.1 s of are left out: too little is known of their edges.
    """
    every, near = unite(plan.gaps), round(EDGE_SECONDS * sampling_rate)
    others = unite([gaps for name in plan.fillers if name != BEST for gaps in plan.gaps_filled_by(name)])
    long_enough = [
        number
        for number, (start, stop) in enumerate(every.tolist())
        if stop - start >= LEAST_SECONDS * sampling_rate
        and len(touching(every, start - near, stop + near)) == 1
        and not len(touching(others, start, stop))
    ]
    if not long_enough:
        return []
    sources = likest_sources(read, every, long_enough, num_samples=num_samples, sampling_rate=sampling_rate)
    return [source for _, source in sorted(sources.items()) if source.likeness >= LEAST_LIKENESS]


def plan_with(plan: RepairPlan, sources: Sequence[Source]) -> RepairPlan:
    """The plan with these gaps, which are filled from elsewhere in the recording, by the name of `similarity`."""
    if not sources:
        return plan
    starts, stops = np.array([(source.start, source.stop) for source in sources], np.int64).T
    filled_by = []
    for gaps, names in zip(plan.gaps, plan.filled_by, strict=True):
        # A gap of one channel lies within one of any channel.
        within = np.searchsorted(starts, gaps[:, 0], side="right") - 1
        alike = (within >= 0) & (gaps[:, 0] < stops[within])
        filled_by.append([SIMILARITY if one else name for one, name in zip(alike.tolist(), names, strict=True)])
    return RepairPlan((SIMILARITY, *plan.fillers), plan.gaps, filled_by)


def filling_alike_first(
    fill: FillRegion,
    sources: Sequence[Source],
    read: ReadStretches,
    *,
    num_samples: int,
    sampling_rate: int,
    observe: Callable[[str, np.ndarray], None],
) -> FillRegion:
    """
    What fills the regions of such a plan, in their order.

    Args:
        fill: what fills all other gaps of a region, and takes those that are filled before as intact.
        sources: of the plan's gaps that are filled from elsewhere.
        read, num_samples, sampling_rate: as of [`alike_sources`].
        observe: called with the name `similarity` and what it has filled.
    """
    put = filling_from(sources, read, num_samples=num_samples, sampling_rate=sampling_rate)

    def fill_region(audio: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
        alike = masks[SIMILARITY]
        if alike.any():
            audio = put(audio, alike, sampling_rate=sampling_rate)
            observe(SIMILARITY, alike)
        return fill(audio, {name: mask for name, mask in masks.items() if name != SIMILARITY})

    return fill_region


def tried(candidates: Sequence[str]) -> tuple[str, ...]:
    """
    The candidates that trials choose among. `similarity` is none of them: how well it fills a gap is told by how alike
    the surroundings are, which needs no trial.

    Raises:
        ValueError: no other.
    """
    others = tuple(name for name in candidates if name != SIMILARITY)
    if not others:
        raise ValueError(f"expected a candidate besides {SIMILARITY}, for gaps that nothing else is like")
    return others
