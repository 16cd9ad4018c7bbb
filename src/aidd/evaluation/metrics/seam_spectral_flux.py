"""How much the spectrum changes at the edges of filled gaps."""

import numpy as np
from numpy.typing import ArrayLike

from ...masks.gaps import find_gaps
from ...signals.measures.arguments import as_missing, as_signals


def seam_spectral_flux(
    reference: ArrayLike,
    estimate: ArrayLike,
    mask: ArrayLike,
    *,
    sampling_rate: int,
    window_seconds: float = 0.02,
) -> float:
    """
    Spectral flux across a seam over that of the reference there, in dB, at least 0; mean over seams.

    A seam is a place where intact and restored samples meet: each edge of each gap that is no end of the signal. Its
    flux compares the windows on both sides of it, which meet in the seam and do not overlap:

        F(y) = sum_k ( |Y_after[k]| - |Y_before[k]| )^2,    D = max(0, 10 log10( F(estimate) / F(reference) ))

    Windows are sine squared, and small next to the seam: what is seen is a change of timbre, pitch or level, not a
    click, which is [`seam_discontinuity`]'s matter. A seam at which the reference changes more than the estimate, at
    a note's onset for one, scores 0 dB and does not make up for others. Of textures of noise, another draw of the
    same scores somewhat above 0.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.
        sampling_rate: Hz.
        window_seconds: length of each of the two windows. Both are cut to what is left of the signal on the shorter
            side. On gaps shorter than this the windows reach into the music after them.

    Returns:
        dB; exactly 0 of the reference itself, the same at any level of both. Infinite where the reference's spectrum
        does not change at all, and the estimate's does.

    Raises:
        ValueError: shapes that differ, samples that are not finite, a mask without a seam, or a window below one
            sample.
    """
    reference, estimate = as_signals(reference, estimate)
    num_window = round(window_seconds * sampling_rate)
    if num_window < 1:
        raise ValueError(f"the window must hold a sample, got {window_seconds} s at {sampling_rate} Hz")
    missing = as_missing(mask, reference.shape)
    num_samples, excesses = missing.shape[-1], []
    for channel in np.ndindex(missing.shape[:-1]):
        seams = np.unique(find_gaps(missing[channel]))
        for seam in seams[(seams > 0) & (seams < num_samples)].tolist():
            reach = min(num_window, seam, num_samples - seam)
            here = slice(seam - reach, seam + reach)
            excesses.append(_decibels(_flux(estimate[channel][here]), _flux(reference[channel][here])))
    if not excesses:
        raise ValueError("the mask has no seam: no intact sample next to a missing one")
    return float(np.mean(excesses))


def _flux(around: np.ndarray) -> float:
    """From the first half of some samples to the second."""
    before, after = around.reshape(2, -1)
    # Positive throughout, so that windows cut short to one sample still see it.
    window = np.sin(np.pi * (np.arange(len(before)) + 0.5) / len(before)) ** 2
    return float(np.sum((np.abs(np.fft.rfft(after * window)) - np.abs(np.fft.rfft(before * window))) ** 2))


def _decibels(flux: float, expected: float) -> float:
    if flux <= expected:
        return 0.0
    return float(10 * np.log10(flux / expected)) if expected > 0 else float("inf")
