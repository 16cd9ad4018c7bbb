"""Autoregressive extrapolation of both edges of a gap."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps, intact_run
from ..signals.autoregressive import EDGE_ORDER, EDGE_SECONDS, SAMPLES_PER_COEFFICIENT, continue_stably
from ..signals.warning import warn_at_caller
from ..splice.contract import fill_channels


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform


def autoregressive(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    order: int = EDGE_ORDER,
    context_seconds: float = EDGE_SECONDS,
) -> Waveform:
    """
    Continues both edges of every gap (`mask`: True = missing) by autoregressive models of their surroundings (Burg's
    method), and crossfades the continuations over the gap with a raised cosine (Kauppinen & Roth 2002).

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: part of every method's signature; nothing is drawn.
        order: of the models, at most; a third of the samples that a model is fitted to where those are few.
        context_seconds: audio on each side of a gap that its models are fitted to, at most: up to the next gap, on the
            left with earlier gaps as they were filled.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`], or an order below 1.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    num_context = round(context_seconds * sampling_rate)
    return fill_channels(audio, mask, sampling_rate, partial(_fill, order=order, num_context=num_context))


def _fill(signal: np.ndarray, missing: np.ndarray, order: int, num_context: int) -> np.ndarray:
    for start, end in find_gaps(missing).tolist():
        if max(start, intact_run(missing[end:])) < SAMPLES_PER_COEFFICIENT:
            warn_at_caller(
                f"samples {start} to {end} are set to 0: fewer than {SAMPLES_PER_COEFFICIENT} samples stand next to "
                "them, too few for an autoregressive model"
            )
    return continue_edges(signal, missing, order, num_context)


def continue_edges(signal: np.ndarray, missing: np.ndarray, order: int, num_context: int) -> np.ndarray:
    """
    [`autoregressive`] on one channel.

    Args:
        signal: float64, `(samples,)`. Missing samples are not read.
        missing: bool, `(samples,)`.
        order: of the models, at most.
        num_context: samples on each side of a gap that its models are fitted to, at most.

    Returns:
        float64 `(samples,)`; zero in gaps next to which too few samples stand for any model.
    """
    restored = signal.copy()
    for start, end in find_gaps(missing).tolist():
        before = restored[max(start - num_context, 0) : start]
        after = signal[end : end + min(intact_run(missing[end:]), num_context)]
        left = continue_edge(before, end - start, order)
        right = continue_edge(after[::-1], end - start, order)
        weight = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, end - start + 1) / (end - start + 1))
        if left is None or right is None:
            weight = np.full(end - start, float(right is None))
        restored[start:end] = 0.0
        if left is not None:
            restored[start:end] += weight * left
        if right is not None:
            restored[start:end] += (1 - weight) * right[::-1]
    return restored


def continue_edge(context: np.ndarray, num_samples: int, order: int) -> np.ndarray | None:
    """
    A signal continued by an autoregressive model of itself.

    Args:
        context: float64, `(samples,)`.
        num_samples: length of the continuation.
        order: of the model; a third of the context where that is shorter.

    Returns:
        float64 `(num_samples,)`, or None where the context is too short for any model.
    """
    order = min(order, len(context) // SAMPLES_PER_COEFFICIENT)
    return continue_stably(context, order, num_samples)[0] if order else None
