"""The method that chooses by the length of each gap: Janssen's, U-PHAIN or AIDD."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..splice.contract import prepare, write_back
from .filling import fill_as_planned
from .methods import aidd
from .plan import plan_repair


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform


def auto(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing): scattered samples and those of up to 5 ms by Janssen's method first, then gaps
    of more than 20 ms and up to 70 ms by U-PHAIN, and then all others by AIDD with the default model, which continues
    the edges of gaps of up to 20 ms. Each takes the samples that were restored before as part of its surroundings, and
    U-PHAIN estimates the frequencies from all channels at once, but for those with a gap nearby that is yet to fill.
    [`~aidd.repair.plan.plan_repair`] decides which are which. If no gap is left for AIDD, no model is loaded.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: source of AIDD's draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`] and the pipeline.
    """
    return auto_with(aidd, audio, mask, sampling_rate=sampling_rate, generator=generator)


def auto_with(
    fill_others: Callable[..., np.ndarray],
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by [`auto`] with another model or other options of AIDD.

    Args:
        fill_others: a method, such as a function that calls a pipeline. It gets float64 numpy audio
            `(batch, channels, samples)`, and may return it with a leading axis of variations. It is not called if no
            gap is left for it.
        audio, mask, sampling_rate, generator: as of `auto`.

    Returns:
        As `auto`, with the leading axis that `fill_others` returns, if any.
    """
    prepared = prepare(audio, mask, sampling_rate)
    shape, num_samples = prepared.missing.shape, prepared.missing.shape[-1]
    gaps = [find_gaps(channel) for channel in prepared.missing.reshape(-1, num_samples)]
    plan = plan_repair(gaps, method="auto", num_samples=num_samples, sampling_rate=sampling_rate)
    filled = fill_as_planned(
        prepared.signals,
        {filler: fills.reshape(shape) for filler, fills in plan.masks(0, num_samples).items()},
        method=fill_others,
        sampling_rate=sampling_rate,
        generator=generator,
    )
    return write_back(prepared, filled)
