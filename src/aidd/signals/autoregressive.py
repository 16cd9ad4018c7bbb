"""Autoregressive models: fitted, continued, and solved for missing samples."""

from __future__ import annotations

import numpy as np
import scipy


# Limits of the models that continue the edges of a gap: their order, and seconds of intact audio on each side that
# they are fitted to.
EDGE_ORDER = 1000
EDGE_SECONDS = 0.1
# A model of order p is fitted to at least this many times p samples.
SAMPLES_PER_COEFFICIENT = 3
# Power of white noise that makes singular equations regular, relative to the signal's: -120 dB.
WHITENING = 1e-12
ROUNDING = 16 * np.finfo(np.float64).eps
# Continuations of music reach up to 1.4 times its peak. Beyond this, rounding has made a model unstable.
MOST_GROWTH = 2.0


def burg(signal: np.ndarray, order: int) -> np.ndarray:
    """
    Prediction-error filter of an autoregressive model by Burg's method (Burg 1975; Kay & Marple 1981, section II.G).

    Every reflection coefficient is at most one in magnitude, so extrapolations do not grow, but for rounding: see
    [`continue_stably`].

    Args:
        signal: float64, `(samples,)`, more samples than the order.
        order: number of coefficients, at least 1.

    Returns:
        float64 `(order + 1,)`: 1, a_1, ..., a_order with x[n] + a_1 x[n - 1] + ... the prediction error. Coefficients
        after the order that predicts the signal exactly are zero.

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


def continue_stably(signal: np.ndarray, order: int, num_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Continues a signal by Burg's model of it. Where the signal has next to no power in part of its band, as a steeply
    low-passed one in float64, a model of high order has coefficients so large that rounding makes it unstable: the
    order is halved until the continuation stays below twice the signal's peak.

    Args:
        signal: float64, `(samples,)`, more samples than the order.
        order: number of coefficients, at least 1.
        num_samples: length of the continuation.

    Returns:
        The continuation, float64 `(num_samples,)`, and the prediction-error filter, `(order + 1,)` of the order that
        was taken.

    Raises:
        ValueError: as [`burg`].
    """
    highest = MOST_GROWTH * np.abs(signal).max()
    while True:
        error_filter = burg(signal, order)
        continuation = extrapolate(signal, error_filter, num_samples)
        if order == 1 or np.abs(continuation).max(initial=0) <= highest:
            return continuation, error_filter
        order //= 2


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
    # The filter's state, sums of a_(m + k) x[-k] over k from 1 on. scipy's `lfiltic` takes as long as Burg's method.
    past = signal[: -len(error_filter) : -1]
    state = -np.correlate(error_filter[1:], past, "full")[len(past) - 1 :]
    continuation, _ = scipy.signal.lfilter([1.0], error_filter, np.zeros(num_samples), zi=state)
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
    innovation = scipy.signal.lfilter(error_filter, [1.0], signal)[len(error_filter) - 1 :]
    response = scipy.signal.lfilter([1.0], error_filter, np.eye(1, num_samples)[0])
    return np.cumsum(response**2) * np.mean(innovation**2) / power


def linear_prediction(signal: np.ndarray, order: int) -> np.ndarray:
    """
    Prediction-error filter of an autoregressive model by the autocorrelation method (Levinson's recursion).

    Its models are damped by the signal's ends, which keeps the normal equations of [`least_error`] well conditioned;
    Burg's, of tonal music, do not.

    Args:
        signal: float64, `(samples,)`.
        order: number of coefficients, below the number of samples.

    Returns:
        float64 `(order + 1,)`, 1, a_1, ..., a_order. Nothing is predicted of silence. Where rounding makes the
        equations singular, as of a few sinusoids, the model is that of the signal with white noise 120 dB below it.
    """
    correlation = scipy.signal.oaconvolve(signal, signal[::-1])[len(signal) - 1 : len(signal) + order]
    if correlation[0] <= 0:
        return np.eye(1, order + 1)[0]
    try:
        coefficients = scipy.linalg.solve_toeplitz(correlation[:-1], correlation[1:])
    except np.linalg.LinAlgError:
        # Fewer coefficients predict the signal up to rounding, and any number of others would do as well.
        correlation[0] *= 1 + WHITENING
        coefficients = scipy.linalg.solve_toeplitz(correlation[:-1], correlation[1:])
    return np.concatenate([[1.0], -coefficients])


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
    forward = scipy.signal.oaconvolve(known, error_filter)[order:num_samples]
    backward = scipy.signal.oaconvolve(known, error_filter[::-1])[order:num_samples]
    right = -(scipy.signal.oaconvolve(forward, error_filter[::-1]) + scipy.signal.oaconvolve(backward, error_filter))[
        where
    ]

    # Sums over l < m of a_l a_(l + k), at [k, m].
    sums = np.zeros((order + 2, order + 2))
    for k in range(order + 1):
        np.cumsum(error_filter[: order + 1 - k] * error_filter[k:], out=sums[k, 1 : order + 2 - k])
    # A missing sample is coupled with the d-th one after it by the sums of a_l a_(l + lag) over the forward and over
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
    restored[where] = scipy.linalg.solveh_banded(bands, right, check_finite=False)
    return restored
