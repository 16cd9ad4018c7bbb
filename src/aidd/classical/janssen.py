"""Janssen's method: autoregressive model and missing samples estimated in turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import group_gaps
from ..signals.autoregressive import SAMPLES_PER_COEFFICIENT, least_error, linear_prediction
from ..splice.contract import fill_channels
from .linear import interpolate


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform

# Longest group of several gaps: music changes, and memory grows with the group.
GROUP_SECONDS = 0.5


def janssen(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    order: int = 512,
    num_iterations: int = 10,
    context_seconds: float = 0.2,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) so that the energy of an autoregressive model's prediction error is least, and
    estimates the model from the result, in turn (Janssen, Veldhuis & Vries 1986; Adler et al. 2011). Each group of
    neighbouring gaps is worked on by itself, with the model of its surroundings (gap-wise, Mokrý & Rajmic 2024,
    arXiv:2403.04433).

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing. Scattered samples are welcome.
        sampling_rate: Hz.
        generator: part of every method's signature; nothing is drawn.
        order: of the model, at most; a third of the samples it is estimated from where those are few.
        num_iterations: times that model and samples are estimated. The first model is that of a straight line across
            each gap.
        context_seconds: audio on each side of a group that the model is estimated from, at most. Gaps closer to each
            other than this are one group, of up to half a second.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`], or an order or number of iterations below 1.
    """
    if order < 1 or num_iterations < 1:
        raise ValueError(f"order and num_iterations must be at least 1, got {order} and {num_iterations}")
    num_context = max(round(context_seconds * sampling_rate), 1)
    num_group = round(GROUP_SECONDS * sampling_rate)
    fill = partial(_fill, order=order, num_iterations=num_iterations, num_context=num_context, num_group=num_group)
    return fill_channels(audio, mask, sampling_rate, fill)


def _fill(
    signal: np.ndarray, missing: np.ndarray, order: int, num_iterations: int, num_context: int, num_group: int
) -> np.ndarray:
    restored, missing = interpolate(signal, missing), missing.copy()
    for start, end in group_gaps(missing, num_context, num_group):
        segment = slice(max(start - num_context, 0), end + num_context)
        here, here_missing = restored[segment], missing[segment]
        if here_missing.all():
            continue
        segment_order = max(min(order, len(here) // SAMPLES_PER_COEFFICIENT), 1)
        for _ in range(num_iterations if len(here) > segment_order else 0):
            here = least_error(here, here_missing, linear_prediction(here, segment_order))
        restored[segment] = here
        # What is restored is known to the next group; what is missing of that one was filled for this one's sake.
        missing[start:end] = False
    return restored
