"""
What a filled gap is made of: each edge's autoregressive continuation, as far as its own prediction error lets it be
trusted, and generated audio beyond.
"""

import numpy as np
import scipy

from ..signals.autoregressive import (
    EDGE_ORDER,
    EDGE_SECONDS,
    SAMPLES_PER_COEFFICIENT,
    continue_stably,
    prediction_error,
)
from .surroundings import Surroundings, silent_side


# Gaps from which on the reach of a continuation grows with the gap, and how many times over at most.
GROWING_SECONDS = 2 / 15
MOST_GROWTH = 2
# Errors up to which a continuation does not fade, and from which on it fades as if nothing were known of it.
FADE_ERRORS = (1e-6, 1e-2)
MIN_ERROR = 1e-12
# Gaps of more than so many reaches are predicted from each edge as far as it reaches, and no further, unless one is
# all but certain: what an edge would have said of the other's reach made no difference there, and takes most of the
# time.
FAR_REACHES = 4
# Time over which the correlation of a continuation with generated audio is measured.
COHERENCE_SECONDS = 0.02


def splice(
    surroundings: Surroundings,
    generated: np.ndarray,
    *,
    sampling_rate: int,
    reach_seconds: float = 0.08,
    context_seconds: float = EDGE_SECONDS,
    order: int = EDGE_ORDER,
) -> np.ndarray:
    """
    A filling of a gap: the [`mix`] of the [`continuation`] of its edges and generated audio.

    Args:
        surroundings: of the gap, of one channel.
        generated: float64, `(samples,)`, as long as the gap, at its level ([`~aidd.splice.matching.match_edges`]).
        sampling_rate, reach_seconds, context_seconds, order: see [`continuation`].

    Returns:
        float64 `(samples,)`, as long as the gap.

    Raises:
        ValueError: generated audio of another length than the gap.
    """
    if len(generated) != surroundings.num_samples:
        raise ValueError(
            f"expected as many generated samples as are missing, {surroundings.num_samples}, got {len(generated)}"
        )
    estimate, weight = continuation(
        surroundings,
        sampling_rate=sampling_rate,
        reach_seconds=reach_seconds,
        context_seconds=context_seconds,
        order=order,
    )
    fade = fade_to_silence(surroundings, sampling_rate=sampling_rate, context_seconds=context_seconds, order=order)
    return mix(estimate, weight, fade * generated)


def continuation(
    surroundings: Surroundings,
    *,
    sampling_rate: int,
    reach_seconds: float,
    context_seconds: float = EDGE_SECONDS,
    order: int = EDGE_ORDER,
) -> tuple[np.ndarray, np.ndarray]:
    """
    The continuation of a gap's edges, and its share of the mix.

    Args:
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        reach_seconds: how far from an edge its continuation is audible, at most, in gaps of up to 2/15 s. In longer
            ones it reaches further, in proportion to the gap, up to twice as far.
        context_seconds: intact audio on each side that the autoregressive models are fitted to, at most.
        order: of the models, at most.

    Returns:
        Two float64 `(samples,)`, as long as the gap: the estimate of [`continue_both_edges`], and its
        [`continuation_weight`].
    """
    growth = surroundings.num_samples / sampling_rate / GROWING_SECONDS
    reach = round(reach_seconds * min(max(growth, 1), MOST_GROWTH) * sampling_rate)
    known = max(reach, 1) if surroundings.num_samples > FAR_REACHES * reach else None
    estimate, error, (from_left, from_right) = continue_both_edges(
        surroundings, round(context_seconds * sampling_rate), order, known
    )
    return estimate, continuation_weight(error, reach, from_left=from_left, from_right=from_right)


def mix(estimate: np.ndarray, weight: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """
    w c + sqrt(1 - w^2) g: the continuation c with its weight w, and generated audio g, which is another signal and is
    mixed at equal power. All float64; estimate and weight `(samples,)`, generated `(..., samples)`, as the result.
    """
    return weight * estimate + np.sqrt(1 - weight**2) * generated


def mix_coherently(
    estimate: np.ndarray, weight: np.ndarray, generated: np.ndarray, *, sampling_rate: int
) -> np.ndarray:
    """
    w c + v g: [`mix`] of signals that may be one another's continuation. With r their correlation in 20 ms around a
    sample, the power of the mix is that of two signals at equal power if

        v = sqrt(1 - w^2 (1 - r^2)) - w r,

    which is sqrt(1 - w^2) for different signals and 1 - w for the same. Arguments as of `mix`, all `(samples,)`.
    """
    num_samples = max(round(COHERENCE_SECONDS * sampling_rate), 1)

    def around(values: np.ndarray) -> np.ndarray:
        return scipy.ndimage.uniform_filter1d(values, num_samples, mode="nearest")

    powers = around(estimate**2) * around(generated**2)
    correlation = around(estimate * generated) / np.sqrt(np.maximum(powers, np.finfo(np.float64).tiny))
    correlation = np.clip(correlation, 0, 1)
    other = np.sqrt(1 - weight**2 * (1 - correlation**2)) - weight * correlation
    return weight * estimate + other * generated


def continue_both_edges(
    surroundings: Surroundings, num_context: int, order: int, known: int | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[bool, bool]]:
    """
    Estimates a gap from its edges. Silence on one side alone says nothing of it: it goes on by itself without any
    error, and yet the other side's music ends or begins somewhere in the gap. Its error counts as 1 throughout.

    Args:
        surroundings: of the gap, of one channel.
        num_context: samples on each side that the models are fitted to, at most: up to the next gap.
        order: of the models, at most.
        known: samples of a continuation, see [`continue_with_error`], unless one edge knows so much there that it does
            not fade ([`FADE_ERRORS`]). Default: the whole gap.

    Returns:
        The estimate and its error as of [`combine`], and whether there is enough around the gap for a model on the
        left, and on the right.
    """
    num_samples = surroundings.num_samples
    before, after = surroundings.sides(num_context)
    left, left_error = continue_with_error(before, num_samples, order, known)
    right, right_error = (values[::-1] for values in continue_with_error(after[::-1], num_samples, order, known))
    # Both or neither: where one of two edges that are heard ceased to be known, their estimate would jump.
    if known is not None and min(left_error[known - 1], right_error[-known]) < FADE_ERRORS[1]:
        return continue_both_edges(surroundings, num_context, order)
    silent = silent_side(_continued(before, order), _continued(after[::-1], order))
    if silent is not None:
        (left_error if silent == 0 else right_error)[:] = 1
    estimate, error = combine(left, left_error, right, right_error)
    return estimate, error, (bool(np.isfinite(left_error[0])), bool(np.isfinite(right_error[0])))


def continue_with_error(
    context: np.ndarray, num_samples: int, order: int, known: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """
    A signal continued by an autoregressive model of itself, and how wrong the model expects to be.

    Args:
        context: float64, `(samples,)`.
        num_samples: length of the continuation.
        order: of the model; a third of the context where that is shorter.
        known: samples, at least 1 and at most `num_samples`, after which nothing counts as known of the signal: the
            continuation is 0 there, and its error 1. Default: all.

    Returns:
        Two float64 `(num_samples,)`: the continuation, and the variance of its error over the power of the context. It
        is zero after silence, and infinite where the context is too short for any model.
    """
    order = min(order, len(context) // SAMPLES_PER_COEFFICIENT)
    if not order:
        return np.zeros(num_samples), np.full(num_samples, np.inf)
    length = num_samples if known is None else known
    continuation, error_filter = continue_stably(context, order, length)
    error = prediction_error(context, error_filter, length)
    unknown = num_samples - length
    return np.pad(continuation, (0, unknown)), np.pad(error, (0, unknown), constant_values=1.0)


def _continued(context: np.ndarray, order: int) -> np.ndarray:
    """The samples that a continuation starts from: as many as its model has coefficients; none without a model."""
    order = min(order, len(context) // SAMPLES_PER_COEFFICIENT)
    return context[len(context) - order :]


def fade_to_silence(
    surroundings: Surroundings,
    *,
    sampling_rate: int,
    context_seconds: float = EDGE_SECONDS,
    order: int = EDGE_ORDER,
) -> np.ndarray:
    """
    Amplitude of generated audio in a gap with silence on one side: a quarter of a sine, from 1 at the edge that
    sounds to 0 at the one that does not, so that the filling ends as a note does and not at a hard edge.

    Args:
        surroundings: of the gap, of one channel.
        sampling_rate, context_seconds, order: see [`continuation`].

    Returns:
        float64 `(samples,)`, as long as the gap; 1 throughout where both sides sound, or neither does.
    """
    num_samples = surroundings.num_samples
    before, after = surroundings.sides(round(context_seconds * sampling_rate))
    silent = silent_side(_continued(before, order), _continued(after[::-1], order))
    if silent is None:
        return np.ones(num_samples)
    rising = np.sin(np.pi / 2 * np.arange(1, num_samples + 1) / (num_samples + 1))
    return rising if silent == 0 else rising[::-1]


def combine(
    left: np.ndarray, left_error: np.ndarray, right: np.ndarray, right_error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    The least-squares estimate of a gap from the predictions of both its sides, which are independent given the gap:

        (l / P_l + r / P_r) P,   1 / P = 1 / P_l + 1 / P_r - 1,

    with P the variances of the errors over the signal's power. The shares of the two are also weighted by ramps: what
    the models do not know of, such as a note's end, makes the nearer edge the better witness, and at an edge nothing
    but its own continuation may be audible.

    Args:
        left, right: float64, `(samples,)`, the continuations, both in the order of time.
        left_error, right_error: P_l and P_r, `(samples,)`, as of [`continue_with_error`].

    Returns:
        Two float64 `(samples,)`: the estimate and its P.
    """
    if np.isinf(left_error[0]) or np.isinf(right_error[0]):
        return (right, right_error) if np.isinf(left_error[0]) else (left, left_error)
    tiny = np.finfo(np.float64).tiny
    left_error, right_error = np.minimum(left_error, 1), np.minimum(right_error, 1)
    ramp = np.arange(1, len(left) + 1) / (len(left) + 1)
    left_share, right_share = (1 - ramp) * (right_error + tiny), ramp * (left_error + tiny)
    mean = (left_share * left + right_share * right) / (left_share + right_share)
    either = left_error + right_error - left_error * right_error + tiny
    return mean * (left_error + right_error + tiny) / either, left_error * right_error / either


def continuation_weight(error: np.ndarray, reach: int, *, from_left: bool, from_right: bool) -> np.ndarray:
    """
    Amplitude of the continuation in the mix: w^2 = F (1 - error^2), with F the [`edge_fade`]. Where nothing has faded,
    generated audio then has the error's variance as its amplitude. The law was chosen by measurement
    (docs/splice_study.md).

    Music changes in ways no model expects, hence the fade. What is all but certain, as silence and test tones are,
    does not fade: not at all where the error is -60 dB or less, from -20 dB on as said.

    Args:
        error: variance of the continuation's error over the signal's power, `(samples,)`.
        reach, from_left, from_right: see [`edge_fade`].

    Returns:
        float64 `(samples,)`, in [0, 1].
    """
    fade = edge_fade(len(error), reach, from_left=from_left, from_right=from_right)
    certainty = np.interp(np.log10(np.maximum(error, MIN_ERROR)), np.log10(FADE_ERRORS), (1.0, 0.0))
    return np.sqrt(np.maximum(fade, certainty) * (1 - np.minimum(error, 1) ** 2))


def edge_fade(num_samples: int, reach: int, *, from_left: bool, from_right: bool) -> np.ndarray:
    """
    Power with which the edges of a gap go on in it: a squared cosine that falls to zero over the reach.

    Args:
        num_samples: length of the gap.
        reach: samples from an edge to where it has faded. Two edges within reach of one another add up, to at most 1.
        from_left, from_right: whether that edge has a continuation.

    Returns:
        float64 `(num_samples,)`, in [0, 1].
    """
    reach = min(reach, num_samples)
    fade = np.cos(np.pi / 2 * np.minimum(np.arange(1, num_samples + 1) / (reach + 1), 1)) ** 2
    return np.minimum(from_left * fade + from_right * fade[::-1], 1)
