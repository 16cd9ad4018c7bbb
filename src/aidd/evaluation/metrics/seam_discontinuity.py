"""How much the edges of filled gaps stick out."""

import numpy as np
from numpy.typing import ArrayLike

from ...masks.gaps import find_gaps
from ...signals.autoregressive import burg
from ...signals.measures.arguments import as_missing, as_signals


def seam_discontinuity(
    reference: ArrayLike,
    estimate: ArrayLike,
    mask: ArrayLike,
    *,
    sampling_rate: int,
    order: int = 32,
    context_seconds: float = 0.02,
) -> float:
    """
    Energy of the prediction errors across a seam over that of the reference's own, in dB, at least 0; mean over seams.

    A seam is a place where intact and restored samples meet: each edge of each gap that is no end of the signal.
    Around it, an autoregressive model (Burg's method) is fitted to the reference. Its errors across the seam s are
    those that see both sides of it, forwards and backwards in time:

        e[n] = sum_l a_l y[n - l],    f[n] = sum_l a_l y[n - order + l],    s <= n < s + order
        D = max(0, 10 log10( sum_n e^2 + f^2  of the estimate / the same of the reference ))

    The two errors of one n see the same samples y[n - order], ..., y[n]. A click, a step in value or slope, or a jump
    of phase cannot be predicted from the other side, and is audible where the music's own innovation, which it is
    compared with, does not cover it. Of a filling that is smoother than the reference nothing sticks out: it scores
    0 dB, and does not make up for other seams. What happens further than the order from a seam is not seen; methods
    that overwrite audio next to the gap have their seams elsewhere.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.
        sampling_rate: Hz.
        order: of the model, and reach of the measure in samples: 32 are 0.7 ms at 44.1 kHz and 1.3 ms at 24 kHz.
        context_seconds: reference on each side of a seam that the model is fitted to, at most.

    Returns:
        dB; exactly 0 of the reference itself, the same at any level of both. Infinite where the model predicts the
        reference without any error, and the estimate not.

    Raises:
        ValueError: shapes that differ, samples that are not finite, a mask without a seam, an order below 1, or
            signals or a context that are too short to fit a model of that order to.
    """
    reference, estimate = as_signals(reference, estimate)
    num_context = round(context_seconds * sampling_rate)
    if not 1 <= order < min(num_context, reference.shape[-1]):
        raise ValueError(
            f"order must be at least 1, and below the {num_context} samples of context and the signals' "
            f"{reference.shape[-1]}; got {order}"
        )
    missing = as_missing(mask, reference.shape)
    excesses = []
    for channel in np.ndindex(missing.shape[:-1]):
        seams = np.unique(find_gaps(missing[channel]))
        for seam in seams[(seams > 0) & (seams < missing.shape[-1])].tolist():
            start = max(seam - num_context, 0)
            here = slice(start, seam + num_context)
            model = burg(reference[channel][here], order)
            expected = _energy_across(reference[channel][here], model, seam - start)
            excesses.append(_decibels(_energy_across(estimate[channel][here], model, seam - start), expected))
    if not excesses:
        raise ValueError("the mask has no seam: no intact sample next to a missing one")
    return float(np.mean(excesses))


def _energy_across(signal: np.ndarray, error_filter: np.ndarray, seam: int) -> float:
    """Joins the prediction errors, forwards and backwards, that use samples on both sides of a seam."""
    order = len(error_filter) - 1
    around = signal[max(seam - order, 0) : seam + order]
    forward, backward = (np.convolve(around, taps, "valid") for taps in (error_filter, error_filter[::-1]))
    return float(forward @ forward + backward @ backward)


def _decibels(energy: float, expected: float) -> float:
    if energy <= expected:
        return 0.0
    return float(10 * np.log10(energy / expected)) if expected > 0 else float("inf")
