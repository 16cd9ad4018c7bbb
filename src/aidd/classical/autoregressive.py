"""Autoregressive models of a signal's edges: Burg's method and extrapolation."""

import numpy as np
from scipy.signal import lfilter, lfiltic


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
