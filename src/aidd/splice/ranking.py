"""Which of several fillings are the better: by a gap's edges, or by how much they agree (minimum Bayes risk)."""

import numpy as np

from ..signals.bands import erb_powers


# Bands this far below the loudest one of the continuation in a frame say nothing: it decays there because it does not
# know, not because it is silent.
RANGE = 1e-3
# Powers this far below the loudest band of all fillings count as equal: -60 dB.
FLOOR = 1e-6


def edge_distance(generated: np.ndarray, continuation: np.ndarray, weight: np.ndarray, *, sampling_rate: int) -> float:
    """
    How far generated audio is from the continuation of a gap's edges, as far as that can be trusted: the root mean
    square, over bands of one ERB, of the difference of log10 powers, averaged over frames of 21 ms by the weight's
    power. Waveforms are not compared, as generated audio has phases of its own.

    Args:
        generated: float64, `(samples,)`: of the gap, at its level.
        continuation: float64, `(samples,)`, as [`~aidd.splice.continuation.continue_both_edges`] estimates it.
        weight: float64, `(samples,)`, of [`~aidd.splice.continuation.continuation_weight`].
        sampling_rate: Hz.

    Returns:
        The distance, 0 for the continuation itself. It is not comparable between gaps; among fillings of one gap, the
        one with the smallest goes on best.
    """
    (generated_power, power), centres = erb_powers(np.stack([generated, continuation]), sampling_rate)
    inside = (centres >= 0) & (centres < len(weight))
    generated_power, power, trust = generated_power[:, inside], power[:, inside], np.square(weight)[centres[inside]]
    if not trust.any():
        return 0.0
    floor = RANGE * power.max(0) + np.finfo(np.float64).tiny
    difference = np.log10(generated_power + floor) - np.log10(power + floor)
    return float(np.average(np.sqrt(np.mean(difference**2, axis=0)), weights=trust))


def agreement_risk(fillings: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """
    How far each filling of a gap is from the others, on average: its risk, if what was there is as likely to be like
    any of them (Kumar & Byrne 2004, Minimum Bayes-Risk Decoding). The distance of two is the mean absolute difference
    of their log10 powers in bands of one ERB and frames of 21 ms, so phases do not count.

    Args:
        fillings: float64, `(variations, samples)`: of one gap, at its level.
        sampling_rate: Hz.

    Returns:
        float64 `(variations,)`, at least 0. The filling with the smallest risk is the best guess.
    """
    if len(fillings) == 1:
        return np.zeros(1)
    power, _ = erb_powers(fillings, sampling_rate)
    levels = np.log10(power + FLOOR * power.max() + np.finfo(np.float64).tiny)
    distances = np.abs(levels[:, None] - levels).mean((2, 3))
    return distances.sum(-1) / (len(fillings) - 1)
