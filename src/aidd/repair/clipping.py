"""Clipped samples: restored by any method, and brought beyond the values that they were clipped at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..detection.clipping import clipping_bounds, find_clipping, project_to_bounds
from ..masks.gaps import find_gaps
from ..signals.arrays import as_signals
from ..splice.contract import read, write_back


if TYPE_CHECKING:
    from torch import Generator

    from ..signals.arrays import Method, Waveform
    from .damage import Damage
    from .filling import FillRegion


def restore_saturated(
    audio: Waveform,
    method: Method,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    join_seconds: float = 0.0,
) -> Waveform:
    """
    Fills what [`~aidd.detection.find_clipping`] finds, and brings it to where a saturated signal can have been: at or
    beyond the level at which it was cut.

    Args:
        audio: float32 or float64, `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`, finite.
        method: an inpainting method, `method(audio, mask, *, sampling_rate, generator)`.
        sampling_rate: Hz.
        generator: source of the method's draws.
        join_seconds: clipped samples no further apart than this are one gap, which the method fills as a whole. Meant
            for methods that generate, and for those whose frames would all hold clipped samples. What lies between
            clipped samples comes back to the bit even so.

    Returns:
        Audio of the same type, shape and dtype. Samples that are not clipped are equal to the bit, those that are lie
        within their bounds.

    Raises:
        ValueError: as the detection and the method, or a negative `join_seconds`.
    """
    if join_seconds < 0:
        raise ValueError(f"join_seconds must be at least 0, got {join_seconds}")
    values = as_signals(audio)
    found = [find_clipping(channel) for channel in values.reshape(-1, values.shape[-1])]
    mask, lower, upper = (np.stack(part).reshape(values.shape) for part in zip(*found, strict=True))
    distance = round(join_seconds * sampling_rate)
    gaps = np.array([joined(channel, distance) for channel in mask.reshape(-1, values.shape[-1])])
    prepared = read(audio, mask)
    filled = method(audio, gaps.reshape(mask.shape), sampling_rate=sampling_rate, generator=generator)
    restored = project_to_bounds(as_signals(filled).astype(np.float64), mask, lower, upper)
    return write_back(prepared, np.where(prepared.missing, restored.reshape(prepared.missing.shape), prepared.signals))


def joined(mask: np.ndarray, distance: int) -> np.ndarray:
    """A bool mask `(samples,)` in which up to `distance` intact samples between missing ones are missing, too."""
    gaps = find_gaps(mask)
    result = mask.copy()
    for end, start in zip(gaps[:-1, 1], gaps[1:, 0], strict=True):
        if start - end <= distance:
            result[end:start] = True
    return result


def within_bounds(fill: FillRegion, damage: Damage) -> FillRegion:
    """
    [`~aidd.repair.filling.fill_as_planned`], or the like, whose fillings of clipped samples are brought to or beyond
    the values that they were clipped at.
    """
    return partial(_within_bounds, fill, damage)


def _within_bounds(fill: FillRegion, damage: Damage, audio: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
    return project_to_bounds(fill(audio, masks), *clipping_bounds(audio, damage.ceilings, damage.floors))
