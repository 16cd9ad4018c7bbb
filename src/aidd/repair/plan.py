"""What fills which gaps: Janssen's method scattered samples and very short gaps, AIDD the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.arrays import as_numpy, check_sampling_rate
from ..signals.autoregressive import SAMPLES_PER_COEFFICIENT
from .methods import MODEL_METHODS


if TYPE_CHECKING:
    from torch import Tensor

    from ..pipelines import AIDDPipeline, SpectrogramRePaintPipeline

# Up to here Janssen's method is no worse than its rivals in either measure; from 10 ms on its spectra fall short:
# docs/auto_study.md, made by examples/studies/study_auto.py.
MAX_JANSSEN_SECONDS = 0.005
CONTINUATION = "continuation"


def choose(mask: np.ndarray | Tensor, *, sampling_rate: int) -> dict[str, np.ndarray]:
    """
    Which method [`auto`] fills which gaps by.

    Args:
        mask: bool, `(..., samples)`, True = missing. Every channel has its own gaps.
        sampling_rate: Hz.

    Returns:
        `{"janssen": ..., "aidd": ...}`, bool, each of the mask's shape: gaps of up to 5 ms (a single sample at any
        rate), and longer ones. The parts are disjoint, and add up to the mask.

    Raises:
        ValueError: a mask that is not bool or has no axis, or a rate that is no positive integer.
    """
    check_sampling_rate(sampling_rate)
    mask = as_numpy(mask, "mask")
    if mask.dtype != bool or mask.ndim == 0:
        raise ValueError(f"mask must be bool, with samples as its last axis, got {mask.dtype} of shape {mask.shape}")
    longest = longest_for_janssen(sampling_rate)
    short = np.zeros(mask.shape, bool)
    for channel in np.ndindex(mask.shape[:-1]):
        for start, end in find_gaps(mask[channel]).tolist():
            short[channel][start:end] = end - start <= longest
    return {"janssen": short, "aidd": mask & ~short}


def longest_for_janssen(sampling_rate: int) -> int:
    """Longest gap that Janssen's method fills, in samples: 5 ms, and a single sample at any rate."""
    return max(round(MAX_JANSSEN_SECONDS * sampling_rate), 1)


def filled_by(
    name: str,
    gaps: Sequence[np.ndarray],
    *,
    num_samples: int,
    sampling_rate: int,
    pipeline: AIDDPipeline | SpectrogramRePaintPipeline | None = None,
) -> list[list[str]]:
    """
    What fills each gap: the name of a method, or `continuation`, that of its edges alone, as pipelines do with short
    gaps ([`~aidd.splice.continuation.splice_short_gaps`]).

    Args:
        name: of `aidd.METHODS`.
        gaps: of every channel, int64 `(gaps, 2)`, in order.
        num_samples: of the recording.
        sampling_rate: Hz.
        pipeline: that of the method, if any.
    """
    of_janssen = longest_for_janssen(sampling_rate) if name == "auto" else 0
    of_edges = 0 if pipeline is None else round(pipeline.config.short_gap_seconds * sampling_rate)
    by_model = "aidd" if name == "auto" else name
    found = []
    for of_channel in gaps:
        names = ["janssen" if end - start <= of_janssen else by_model for start, end in of_channel.tolist()]
        longer = [number for number, by in enumerate(names) if by == by_model]
        starts = [*of_channel[longer, 0].tolist(), num_samples]
        # Where what is still missing ends, from left to right.
        reached = 0
        for number, start, next_start in zip(longer, starts, starts[1:], strict=False):
            end = int(of_channel[number, 1])
            if end - start <= of_edges and min(start - reached, next_start - end) >= SAMPLES_PER_COEFFICIENT:
                names[number] = CONTINUATION
            else:
                reached = end
        found.append(names)
    return found


def needs_pipeline(name: str, gaps: Sequence[np.ndarray], *, sampling_rate: int) -> bool:
    """
    Whether a method fills any of these gaps, int64 `(gaps, 2)` of every channel, by a model: `aidd` and
    `spectrogram_repaint` always do, `auto` those that are too long for Janssen's method.
    """
    if name == "auto":
        return any(map(len, short_and_long(gaps, sampling_rate=sampling_rate)[1]))
    return name in MODEL_METHODS


def short_and_long(gaps: Sequence[np.ndarray], *, sampling_rate: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """
    Which gaps of every channel, int64 `(gaps, 2)`, [`~aidd.repair.auto.auto`] fills by Janssen's method, and by AIDD.
    """
    is_short = [of_channel[:, 1] - of_channel[:, 0] <= longest_for_janssen(sampling_rate) for of_channel in gaps]
    parts = zip(gaps, is_short, strict=True)
    short, long = zip(*((of_channel[short], of_channel[~short]) for of_channel, short in parts), strict=True)
    return list(short), list(long)
