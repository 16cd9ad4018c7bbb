"""Clipped samples: restored by any method, and brought beyond the values that they were clipped at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..detection import find_clipping, project_to_bounds
from ..masks.gaps import find_gaps
from ..signals.arrays import as_signals
from ..splice.contract import read, write_back


if TYPE_CHECKING:
    from torch import Generator

    from ..signals.arrays import Method, Waveform
    from .damage import Damage


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
        generator: of the method's draws.
        join_seconds: clipped samples no further apart than this are one gap, which the method fills as a whole: for
            methods that generate, and for those of whose frames the clipped samples leave none intact. What lies
            between clipped samples comes back to the bit even so.

    Returns:
        Audio of the same type, shape and dtype. Samples that are not clipped are equal to the bit, those that are lie
        within their bounds.

    Raises:
        ValueError: as the detection and the method, or a negative `join_seconds`.
    """
    if join_seconds < 0:
        raise ValueError(f"join_seconds must be at least 0, got {join_seconds}")
    values = as_signals(audio)
    found = [find_clipping(one) for one in values.reshape(-1, values.shape[-1])]
    mask, lower, upper = (np.stack(part).reshape(values.shape) for part in zip(*found, strict=True))
    gaps = np.array([joined(one, round(join_seconds * sampling_rate)) for one in mask.reshape(-1, values.shape[-1])])
    prepared = read(audio, mask)
    filled = method(audio, gaps.reshape(mask.shape), sampling_rate=sampling_rate, generator=generator)
    restored = project_to_bounds(as_signals(filled).astype(np.float64), mask, lower, upper)
    return write_back(prepared, np.where(prepared.missing, restored.reshape(prepared.missing.shape), prepared.signals))


def joined(mask: np.ndarray, distance: int) -> np.ndarray:
    """A bool mask `(samples,)` with stretches of at most `distance` samples between missing ones missing, too."""
    gaps = find_gaps(mask)
    result = mask.copy()
    for end, start in zip(gaps[:-1, 1], gaps[1:, 0], strict=True):
        if start - end <= distance:
            result[end:start] = True
    return result


def within_bounds(method: Callable[..., np.ndarray], damage: Damage) -> Callable[..., np.ndarray]:
    """A method whose fillings of clipped samples are brought beyond the values that they were clipped at."""
    return partial(_within_bounds, method, damage)


def _within_bounds(
    method: Callable[..., np.ndarray],
    damage: Damage,
    audio: np.ndarray,
    mask: np.ndarray,
    *,
    sampling_rate: int,
    generator: Generator | None,
) -> np.ndarray:
    from ..detection.clipping import clipping_bounds, project_to_bounds

    filled = method(audio, mask, sampling_rate=sampling_rate, generator=generator)
    return project_to_bounds(filled, *clipping_bounds(audio, damage.ceilings, damage.floors))
