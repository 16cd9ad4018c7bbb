"""Janssen's method: autoregressive model and missing samples estimated in turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_toeplitz, solveh_banded
from scipy.signal import oaconvolve

from ..masks import find_gaps
from .autoregressive import SAMPLES_PER_COEFFICIENT
from .channelwise import fill_channelwise
from .linear import interpolate


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signatures import Waveform

ROUNDING = 16 * np.finfo(np.float64).eps
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
    Fills gaps so that the energy of an autoregressive model's prediction error is least, and estimates the model from
    the result, in turn (Janssen, Veldhuis & Vries 1986; Adler et al. 2011). Each group of neighbouring gaps is worked
    on by itself, with the model of its surroundings (gap-wise, Mokrý & Rajmic 2024, arXiv:2403.04433).

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
        ValueError: as [`~aidd.masks.prepare`], or an order or number of iterations below 1.
    """
    if order < 1 or num_iterations < 1:
        raise ValueError(f"order and num_iterations must be at least 1, got {order} and {num_iterations}")
    num_context = max(round(context_seconds * sampling_rate), 1)
    num_group = round(GROUP_SECONDS * sampling_rate)
    fill = partial(_fill, order=order, num_iterations=num_iterations, num_context=num_context, num_group=num_group)
    return fill_channelwise(audio, mask, sampling_rate, fill)


def _fill(
    signal: np.ndarray, missing: np.ndarray, order: int, num_iterations: int, num_context: int, num_group: int
) -> np.ndarray:
    restored, missing = interpolate(signal, missing), missing.copy()
    for start, end in _groups(missing, num_context, num_group):
        segment = slice(max(start - num_context, 0), end + num_context)
        here, lost = restored[segment], missing[segment]
        if lost.all():
            continue
        segment_order = max(min(order, len(here) // SAMPLES_PER_COEFFICIENT), 1)
        for _ in range(num_iterations if len(here) > segment_order else 0):
            here = least_error(here, lost, linear_prediction(here, segment_order))
        restored[segment] = here
        # What is restored is known to the next group; what is missing of that one was filled for this one's sake.
        missing[start:end] = False
    return restored


def _groups(missing: np.ndarray, distance: int, longest: int) -> list[tuple[int, int]]:
    """
    Start and exclusive end of groups of gaps that lie no further than `distance` from one another, no group of several
    gaps longer than `longest`.
    """
    groups: list[tuple[int, int]] = []
    for start, end in find_gaps(missing).tolist():
        if groups and start - groups[-1][1] <= distance and end - groups[-1][0] <= longest:
            start = groups.pop()[0]
        groups.append((start, end))
    return groups


def linear_prediction(signal: np.ndarray, order: int) -> np.ndarray:
    """
    Prediction-error filter of an autoregressive model by the autocorrelation method (Levinson's recursion).

    Its models are damped by the signal's ends, which keeps the normal equations of [`least_error`] well conditioned;
    Burg's, of tonal music, do not.

    Args:
        signal: float64, `(samples,)`.
        order: number of coefficients, below the number of samples.

    Returns:
        float64 `(order + 1,)`, 1, a_1, ..., a_order. Of silence, nothing is predicted.
    """
    correlation = oaconvolve(signal, signal[::-1])[len(signal) - 1 : len(signal) + order]
    if correlation[0] <= 0:
        return np.eye(1, order + 1)[0]
    return np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])


def least_error(signal: np.ndarray, missing: np.ndarray, error_filter: np.ndarray) -> np.ndarray:
    """
    Missing samples that make the prediction error least, given the others and the model (Janssen et al. 1986,
    equations 10 to 13), predicted forwards and backwards:

        minimise sum_n e[n]^2 + f[n]^2,    e[n] = sum_l a_l x[n - l],    f[n] = sum_l a_l x[n - order + l],

    n from the order to the end of the signal. Further from the signal's ends than the order, both directions give the
    same equations; a gap at the start is left almost undetermined by the forward ones alone, which see its samples
    through the model's last coefficients only.

    The normal equations are symmetric and banded, no wider than the order, and are solved by a banded Cholesky
    decomposition.

    Args:
        signal: float64, `(samples,)`; what stands at missing samples is not used, but must be finite.
        missing: bool, `(samples,)`.
        error_filter: float64, `(order + 1,)`, 1, a_1, ..., a_order; the order is below the number of samples.

    Returns:
        float64 `(samples,)`, equal to `signal` where nothing is missing.
    """
    order, where = len(error_filter) - 1, np.flatnonzero(missing)
    num_samples, num_missing = len(signal), len(where)
    known = np.where(missing, 0.0, signal)
    forward = oaconvolve(known, error_filter)[order:num_samples]
    backward = oaconvolve(known, error_filter[::-1])[order:num_samples]
    right = -(oaconvolve(forward, error_filter[::-1]) + oaconvolve(backward, error_filter))[where]

    # Sums over l < m of a_l a_(l + k), at [k, m].
    sums = np.zeros((order + 2, order + 2))
    for k in range(order + 1):
        np.cumsum(error_filter[: order + 1 - k] * error_filter[k:], out=sums[k, 1 : order + 2 - k])
    # A missing sample is coupled with the d-th one behind it by the sums of a_l a_(l + lag) over the forward and over
    # the backward errors that both are part of: all of them, but near the signal's ends.
    num_bands = int((np.searchsorted(where, where + order, "right") - np.arange(num_missing)).max())
    bands = np.zeros((num_bands, num_missing))
    for d in range(num_bands):
        earlier, later = where[: num_missing - d], where[d:]
        lag = np.minimum(later - earlier, order + 1)
        for first, last in (
            (order - later, num_samples - 1 - later),
            (earlier - (num_samples - 1 - order), earlier),
        ):
            end = np.clip(last, -1, order - lag) + 1
            bands[num_bands - 1 - d, d:] += sums[lag, end] - sums[lag, np.clip(first, 0, end)]
    # The matrix's norm is at most this square: a perfectly predictable signal stays solvable in spite of rounding.
    bands[-1] += ROUNDING * np.abs(error_filter).sum() ** 2
    restored = signal.copy()
    restored[where] = solveh_banded(bands, right, check_finite=False)
    return restored
