"""Autoregressive extrapolation of both edges of a gap."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter, lfiltic

from ..masks import find_gaps
from .channelwise import fill_channelwise


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signatures import Waveform

# A model of order p is fitted to at least this many times p samples.
SAMPLES_PER_COEFFICIENT = 3
# Power, relative to that of the other side of a gap, below which a side counts as silent: -60 dB.
SILENCE = 1e-6


def autoregressive(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    order: int = 1000,
    context_seconds: float = 0.1,
) -> Waveform:
    """
    Continues both edges of every gap by autoregressive models of their surroundings (Burg's method), and crossfades
    the continuations over the gap with a raised cosine (Kauppinen & Roth 2002).

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
        ValueError: as [`~aidd.masks.prepare`], or an order below 1.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    num_context = round(context_seconds * sampling_rate)
    return fill_channelwise(audio, mask, sampling_rate, partial(_fill, order=order, num_context=num_context))


def _fill(signal: np.ndarray, missing: np.ndarray, order: int, num_context: int) -> np.ndarray:
    for start, end in find_gaps(missing).tolist():
        if max(start, intact_run(missing[end:])) < SAMPLES_PER_COEFFICIENT:
            warnings.warn(
                f"samples {start} to {end} are set to 0: fewer than {SAMPLES_PER_COEFFICIENT} samples stand beside "
                "them, too few for an autoregressive model",
                stacklevel=4,
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
        float64 `(samples,)`; zero in gaps beside which too few samples stand for any model.
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


def beside(
    signal: np.ndarray, missing: np.ndarray, gap: tuple[int, int], num_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    The intact audio right before and right after a gap, up to the next missing sample.

    Args:
        signal: float, `(..., samples)`.
        missing: bool, `(samples,)`.
        gap: start and end (exclusive), in samples.
        num_samples: of each side, at most.

    Returns:
        Two views, `(..., samples)`, in the order of time; empty where nothing intact is beside the gap.
    """
    start, end = gap
    first = start - min(intact_run(missing[:start][::-1]), num_samples)
    return signal[..., first:start], signal[..., end : end + min(intact_run(missing[end:]), num_samples)]


def silent_side(before: np.ndarray, after: np.ndarray) -> int | None:
    """
    The side of a gap that is silent while the other sounds, 0 or 1, or None: its power is 60 dB below the other's.

    Args:
        before, after: float64, `(samples,)`, intact audio on both sides. Sides without any are not silent.
    """
    if not len(before) or not len(after):
        return None
    powers = np.mean(before**2), np.mean(after**2)
    quieter = int(powers[1] < powers[0])
    return quieter if powers[quieter] < SILENCE * powers[1 - quieter] else None


def intact_run(missing: np.ndarray) -> int:
    """Number of intact samples before the first missing one of a bool `(samples,)` mask."""
    return int(missing.argmax()) if missing.any() else len(missing)


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
    return extrapolate(context, burg(context, order), num_samples) if order else None


def burg(signal: np.ndarray, order: int) -> np.ndarray:
    """
    Prediction-error filter of an autoregressive model by Burg's method (Burg 1975; Kay & Marple 1981, section II.G).

    Every reflection coefficient is at most one in magnitude, so extrapolations do not grow.

    Args:
        signal: float64, `(samples,)`, more samples than the order.
        order: number of coefficients, at least 1.

    Returns:
        float64 `(order + 1,)`: 1, a_1, ..., a_order with x[n] + a_1 x[n - 1] + ... the prediction error. Coefficients
        behind the order that predicts the signal exactly are zero.

    Raises:
        ValueError: an order below 1, or as long as the signal.
    """
    if not 1 <= order < len(signal):
        raise ValueError(f"order must lie in [1, samples - 1 = {len(signal) - 1}], got {order}")
    error_filter = np.zeros(order + 1)
    error_filter[0] = 1.0
    forward, backward = signal[1:], signal[:-1]
    energy = forward @ forward + backward @ backward
    smallest = np.finfo(np.float64).eps ** 2 * energy
    for m in range(1, order + 1):
        energy = forward @ forward + backward @ backward
        if energy <= smallest:
            break
        reflection = -2 * (forward @ backward) / energy
        error_filter[: m + 1] += reflection * error_filter[m::-1]
        forward, backward = (forward + reflection * backward)[1:], (backward + reflection * forward)[:-1]
    return error_filter


def extrapolate(signal: np.ndarray, error_filter: np.ndarray, num_samples: int) -> np.ndarray:
    """
    Continues a signal by its autoregressive model, without innovation.

    Args:
        signal: float64, `(samples,)`, at least as many as the order.
        error_filter: `(order + 1,)`, as [`burg`] returns it.
        num_samples: length of the continuation.

    Returns:
        float64 `(num_samples,)`.
    """
    state = lfiltic([1.0], error_filter, signal[: -len(error_filter) : -1])
    continuation, _ = lfilter([1.0], error_filter, np.zeros(num_samples), zi=state)
    return continuation


def prediction_error(signal: np.ndarray, error_filter: np.ndarray, num_samples: int) -> np.ndarray:
    """
    How wrong a continuation is, as its model sees it: the variance of the error k samples on,

        sigma^2 (psi_0^2 + ... + psi_{k - 1}^2),

    with psi the impulse response of the model (Box & Jenkins, Time Series Analysis, section 5.1.1) and sigma^2 the
    power of its prediction error on the signal it was fitted to. It starts at the inverse of the prediction gain.

    Args:
        signal: float64, `(samples,)`, more than the order.
        error_filter: `(order + 1,)`, as [`burg`] returns it.
        num_samples: length of the continuation.

    Returns:
        float64 `(num_samples,)`, over the power of the signal; zero for silence.
    """
    power = np.mean(signal**2)
    if power == 0:
        return np.zeros(num_samples)
    innovation = lfilter(error_filter, [1.0], signal)[len(error_filter) - 1 :]
    response = lfilter([1.0], error_filter, np.eye(1, num_samples)[0])
    return np.cumsum(response**2) * np.mean(innovation**2) / power
