"""Differences of two signals' excitation, frame by frame (ITU-R BS.1387-1, annex 2, sections 4.2, 4.3 and 4.7)."""

import numpy as np

from .bands import INTERNAL_NOISE, NUM_BANDS


def modulation_differences(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Differences of modulation relative to the reference's, in percent, mean over bands: the first treats more and less
    modulation alike; the second forgives loss of modulation, and looks at the still bands.

    Args:
        reference, estimate: modulation, `(..., 109)`.

    Returns:
        `(...)` both.
    """
    difference = np.abs(estimate - reference)
    weight = np.where(estimate >= reference, 1, 0.1)
    both_ways = 100 * np.mean(difference / (1 + reference), axis=-1)
    mostly_added = 100 * np.mean(weight * difference / (0.01 + reference), axis=-1)
    return both_ways, mostly_added


def loudness_weight(mean_loudness: np.ndarray) -> np.ndarray:
    """How much modulation can be heard in a frame, `(...)`, from the reference's mean loudness, `(..., 109)`."""
    return np.sum(mean_loudness / (mean_loudness + 100 * INTERNAL_NOISE**0.3), axis=-1)


def noise_loudness(
    reference: np.ndarray, estimate: np.ndarray, reference_modulation: np.ndarray, estimate_modulation: np.ndarray
) -> np.ndarray:
    """
    Loudness in sone of what the estimate has more than the reference, partially masked by the reference.

    Args:
        reference, estimate: adapted excitation, `(..., 109)`.
        reference_modulation, estimate_modulation: `(..., 109)`.

    Returns:
        `(...)`
    """
    reference_weight, estimate_weight = 0.15 * reference_modulation + 0.5, 0.15 * estimate_modulation + 0.5
    masking = np.exp(-1.5 * (estimate - reference) / reference)
    added = np.maximum(estimate_weight * estimate - reference_weight * reference, 0)
    partial = added / (INTERNAL_NOISE + reference_weight * reference * masking)
    loudness = (INTERNAL_NOISE / estimate_weight) ** 0.23 * ((1 + partial) ** 0.23 - 1)
    return 24 / NUM_BANDS * loudness.sum(-1)


def detection(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    The chance that a listener notices a frame's difference, and by how many just noticeable steps it exceeds that.
    Both ears count: of the channels, the one in which a band differs more.

    Args:
        reference, estimate: excitation, `(frames, channels, 109)`.

    Returns:
        probability and number of steps, `(frames,)` both.
    """
    reference, estimate = 10 * np.log10(reference), 10 * np.log10(estimate)
    level = 0.3 * np.maximum(reference, estimate) + 0.7 * estimate
    step = np.full(level.shape, 1e30)
    audible = level > 0
    audible_level = level[audible]
    polynomial = np.polyval([9.01033e-11, 5.05622e-6, -0.00102438, 0.0550197, -0.198719], audible_level)
    step[audible] = 5.95072 * (6.39468 / audible_level) ** 1.71332 + polynomial
    difference = reference - estimate
    # Half the listeners notice a step of 1; loss is noticed less sharply than what is added.
    exponents = np.abs(difference / step) ** np.where(difference > 0, 4, 6)
    probability = 1 - 0.5 ** exponents.max(-2).sum(-1)
    return probability, np.max(np.abs(np.trunc(difference)) / step, axis=-2).sum(-1)
