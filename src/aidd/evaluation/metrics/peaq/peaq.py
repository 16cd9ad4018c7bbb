"""The objective difference grade (ITU-R BS.1387-1, annex 2, section 6)."""

import warnings
from dataclasses import astuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from ....masks.gaps import find_gaps
from ....signals.measures.arguments import as_signals
from .model_output_variables import DATA_BOUNDARY, ModelOutputVariables, model_output_variables


# For the eleven variables, in their order: the values mapped to 0 and to 1, and weights of three hidden neurons.
LOWEST = np.array(
    [393.916656, 361.965332, -24.045116, 1.110661, -0.206623, 0.074318, 1.113683, 0.950345, 0.029985, 0.000101, 0]
)
HIGHEST = np.array(
    [921, 881.131226, 16.212030, 107.137772, 2.886017, 13.933351, 63.257874, 1145.018555, 14.819740, 1, 1]
)
HIDDEN_WEIGHTS = np.array(
    [
        [-0.502657, 0.436333, 1.219602],
        [4.307481, 3.246017, 1.123743],
        [4.984241, -2.211189, -0.192096],
        [0.051056, -1.762424, 4.331315],
        [2.321580, 1.789971, -0.754560],
        [-5.303901, -3.452257, -10.814982],
        [2.730991, -6.111805, 1.519223],
        [0.624950, -1.331523, -5.955151],
        [3.102889, 0.871260, -5.922878],
        [-1.051468, -0.939882, -0.142913],
        [-1.804679, -0.503610, -0.620456],
    ]
)
HIDDEN_BIASES = np.array([-2.518254, 0.654841, -2.207228])
OUTPUT_WEIGHTS = np.array([-3.817048, 4.107138, 4.629582])
OUTPUT_BIAS = -0.307594
WORST_GRADE, BEST_GRADE = -3.98, 0.22

# Digital silence of this length, in seconds, is no accident of rounding.
LEAST_SILENCE = 0.005


def objective_difference_grade(reference: ArrayLike, estimate: ArrayLike, *, sampling_rate: int) -> float:
    """
    PEAQ's objective difference grade, basic version: how much worse than the reference listeners would find the
    estimate, from 0 (no difference heard) over -1 (heard, not annoying), -2 (slightly annoying) and -3 (annoying) to
    -4 (very annoying).

    The ear model is calibrated to full scale at 92 dB SPL, and made for the artefacts of codecs. It forgives what is
    missing more than what is added: long gaps that were left silent it can grade better than fillings of them, so do
    not rank masked audio by it. That is warned of.

    Args:
        reference, estimate: float, `(samples,)`, `(1, samples)` or `(2, samples)`, of one shape, aligned in time; full
            scale is [-1, 1].
        sampling_rate: Hz; other rates than 48 kHz are resampled to it.

    Returns:
        between -3.98 and 0.22; of equal signals above 0.

    Raises:
        ValueError: as [`model_output_variables`].
    """
    reference, estimate = as_signals(reference, estimate)
    variables = model_output_variables(reference, estimate, sampling_rate=sampling_rate)
    silenced = _silenced(np.atleast_2d(reference), np.atleast_2d(estimate), sampling_rate)
    if silenced > 0:
        warnings.warn(
            f"the estimate is digital silence for {silenced:.3g} s in which the reference is not: PEAQ can rank "
            "masked audio above restorations of it, so do not compare this grade with theirs",
            stacklevel=2,
        )
    return difference_grade(variables)


def difference_grade(variables: ModelOutputVariables) -> float:
    """The grade that the variables of two signals lead to, between -3.98 and 0.22, without a warning of silence."""
    return float(WORST_GRADE + (BEST_GRADE - WORST_GRADE) * expit(distortion_index(variables)))


def distortion_index(variables: ModelOutputVariables) -> float:
    """What the network makes of the variables, which are not clipped to the range that it was trained on."""
    scaled = (np.array(astuple(variables)) - LOWEST) / (HIGHEST - LOWEST)
    return float(OUTPUT_BIAS + OUTPUT_WEIGHTS @ expit(HIDDEN_BIASES + scaled @ HIDDEN_WEIGHTS))


def _silenced(reference: np.ndarray, estimate: np.ndarray, sampling_rate: int) -> float:
    """Seconds in which, in the worst channel, the estimate is zero for long, and the reference makes a sound."""
    seconds = []
    for channel, silent in zip(reference, estimate == 0, strict=True):
        gaps = [(start, stop) for start, stop in find_gaps(silent) if stop - start >= LEAST_SILENCE * sampling_rate]
        # The mean of five samples that the standard takes for sound.
        silenced = [stop - start for start, stop in gaps if np.abs(channel[start:stop]).mean() >= DATA_BOUNDARY / 5]
        seconds.append(sum(silenced) / sampling_rate)
    return max(seconds)
