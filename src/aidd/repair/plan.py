"""
What fills each gap. This is the one place that says which filler fills which length:

| filler | gaps that it fills |
| --- | --- |
| `similarity` | those of 375 ms or more whose surroundings come again, by the method `best` ([`aidd.repair.alike`]) |
| `janssen` | those of up to 5 ms, and single samples at any rate, by the methods `auto` and `best` |
| `u_phain` | those of more than 20 ms and up to 70 ms, by the method `auto` |
| a candidate | those of more than 20 ms, by the method `best`: the one that trials choose ([`aidd.repair.best`]) |
| `continuation` | those of up to `short_gap_seconds` of the pipeline with intact edges, by methods with a model |
| a method without a model | those that are longer than the model fills, where a fallback is given |
| the model, `aidd` for `auto` | all others, by methods with a model |
| the method itself | all, by methods without a model |

Each filler takes what those above it have filled as intact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..masks.gaps import mask_of
from ..signals.arrays import check_sampling_rate
from ..splice.filling import continued_gaps
from .methods import BEST, row_of


# What `auto` fills by methods without a model: the gaps longer than the first number and up to the second, in seconds.
# At these lengths the method is nearest to the waveform, and no worse in spectrum than what would fill them otherwise:
# docs/auto_study.md and docs/short_gaps_study.md.
AUTO_LENGTHS = MappingProxyType({"janssen": (0.0, 0.005), "u_phain": (0.02, 0.07)})
# The shortest gaps, in seconds, that are worth a trial of `best`: of shorter ones, the measures see little else than
# the music on both sides.
LEAST_TRIED_SECONDS = 0.02
# What a gap is filled by that takes no model but the autoregressive models of its edges.
CONTINUATION = "continuation"


@dataclass(frozen=True)
class RepairPlan:
    """
    What fills each gap of a recording.

    Args:
        fillers: names of the fillers in the order in which they fill. The last is the method, or the model in it.
        gaps: gaps of every channel in order, int64 `(gaps, 2)`.
        filled_by: the filler of each of them.
    """

    fillers: tuple[str, ...]
    gaps: list[np.ndarray]
    filled_by: list[list[str]]

    def gaps_filled_by(self, filler: str) -> list[np.ndarray]:
        """Gaps of every channel that a filler fills, int64 `(gaps, 2)`."""
        return [gaps[np.array(names, object) == filler] for gaps, names in zip(self.gaps, self.filled_by, strict=True)]

    def masks(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """What each filler fills from `start` to before `stop`: bool `(channels, stop - start)`, True = missing."""
        return {
            filler: np.stack([mask_of(gaps, start, stop) for gaps in self.gaps_filled_by(filler)])
            for filler in self.fillers
        }

    @property
    def needs_model(self) -> bool:
        """Whether a model fills any gap."""
        return row_of(self.fillers[-1]).has_model and any(self.fillers[-1] in names for names in self.filled_by)


def plan_repair(
    gaps: Sequence[np.ndarray],
    *,
    method: str,
    num_samples: int,
    sampling_rate: int,
    short_gap_seconds: float = 0.0,
    longest_gap_seconds: float = math.inf,
    fallback: str | None = None,
) -> RepairPlan:
    """
    Names the filler of each gap of a recording.

    Args:
        gaps: gaps of every channel in order, int64 `(gaps, 2)`, see [`aidd.masks.gaps`].
        method: name of a method, or the place of a user's own, see [`~aidd.repair.methods.row_of`].
        num_samples: length of the recording.
        sampling_rate: Hz.
        short_gap_seconds: longest gap, in seconds, that the method's pipeline fills by the continuation of its edges
            ([`~aidd.splice.filling.splice_short_gaps`]); 0 before there is a pipeline.
        longest_gap_seconds: longest gap that the method's model fills.
        fallback: method that fills longer ones, if any.

    Raises:
        ValueError: no such method, or a rate that is no positive integer.
    """
    check_sampling_rate(sampling_rate)
    main = "aidd" if method == "auto" else method
    lengths_of = {"auto": AUTO_LENGTHS, BEST: {"janssen": AUTO_LENGTHS["janssen"]}}.get(method, {})
    longest_for_edges = round(short_gap_seconds * sampling_rate) if row_of(method).has_model else 0
    longest_for_model = math.inf if fallback is None else longest_gap_seconds * sampling_rate
    fillers = [*lengths_of, *([CONTINUATION] if longest_for_edges else []), *([fallback] if fallback else []), main]
    filled_by = []
    for channel_gaps in gaps:
        lengths = channel_gaps[:, 1] - channel_gaps[:, 0]
        names = np.full(len(lengths), main, object)
        for name, (above, longest) in lengths_of.items():
            names[(lengths > above * sampling_rate) & (lengths <= max(round(longest * sampling_rate), 1))] = name
        (others,) = np.nonzero(names == main)
        names[others[continued_gaps(channel_gaps[others], num_samples, longest_for_edges)]] = CONTINUATION
        names[lengths > longest_for_model] = fallback
        filled_by.append(names.tolist())
    return RepairPlan(tuple(fillers), list(gaps), filled_by)
