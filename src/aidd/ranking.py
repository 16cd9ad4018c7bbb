"""Which of several generated fillings continues the edges of a gap best."""

import numpy as np

from .matching import erb_powers


# Bands this far below the loudest one of the continuation in a frame say nothing: it decays there because it does not
# know, not because it is silent.
RANGE = 1e-3


def edge_distance(generated: np.ndarray, continuation: np.ndarray, weight: np.ndarray, *, sampling_rate: int) -> float:
    """
    How far generated audio is from the continuation of a gap's edges, as far as that can be trusted: the root mean
    square, over bands of one ERB, of the difference of log10 powers, averaged over frames of 21 ms by the weight's
    power. Waveforms are not compared, as generated audio has phases of its own.

    Args:
        generated: float64, `(samples,)`: of the gap, at its level.
        continuation: float64, `(samples,)`, as [`~aidd.splice.continue_both_edges`] estimates it.
        weight: float64, `(samples,)`, of [`~aidd.splice.continuation_weight`].
        sampling_rate: Hz.

    Returns:
        The distance, 0 for the continuation itself. Not comparable between gaps; of fillings of one gap, the one with
        the smallest goes on best.
    """
    (generated_power, power), centres = erb_powers(np.stack([generated, continuation]), sampling_rate)
    inside = (centres >= 0) & (centres < len(weight))
    generated_power, power, trust = generated_power[:, inside], power[:, inside], np.square(weight)[centres[inside]]
    if not trust.any():
        return 0.0
    floor = RANGE * power.max(0) + np.finfo(np.float64).tiny
    difference = np.log10(generated_power + floor) - np.log10(power + floor)
    return float(np.average(np.sqrt(np.mean(difference**2, axis=0)), weights=trust))
