"""PHAIN: missing samples over which partials go on at the frequencies that the spectrogram shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..masks.gaps import group_gaps
from ..signals.arrays import check_sampling_rate
from ..signals.phase_advances import phase_advances, variation, variation_adjoint
from ..signals.stft import analyse, bin_weights, synthesise, tight_hann
from ..signals.warning import passing_over
from ..splice.contract import MaskWarning, prepare, write_back
from .autoregressive import autoregressive


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Method, Waveform

# The paper's windows are 2800 samples long at 44.1 kHz, 0.063 s, a quarter apart.
WINDOW_SECONDS = 0.1
OVERLAP = 4
# Step size of the samples; that of the dual is 1. Times the squared norm of the operator, 4, it must not exceed 1.
STEP = 0.25
# Weight of the variation. The paper's is 1; with this one weak components settle within few iterations.
WEIGHT = 0.005
# Added to the magnitudes that weights are the inverse of, where the largest known sample is 1.
MAGNITUDE_FLOOR = 1e-3
# Rounds end when the samples change by less than this (root of a sum of squares, the largest known sample being 1).
LEAST_CHANGE = 0.01
# Iterations between two looks at the objective.
PATIENCE = 10
# Longest group of several gaps: memory grows with the group.
GROUP_SECONDS = 0.5

# From excerpts `(channels, samples)` that hold a first filling, where they are missing, and a window, to them filled.
Restore = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# From excerpts as the round before has filled them, its advances of phase, the window and the weight of the variation,
# to the advances and the weights of the next round.
Update = Callable[[np.ndarray, np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray | float]]


def u_phain(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    first: Method = autoregressive,
    window_seconds: float = WINDOW_SECONDS,
    num_rounds: int = 4,
    num_iterations: int = 50,
    weight: float = WEIGHT,
    tolerance: float = 1e-4,
) -> Waveform:
    r"""
    Fills gaps (`mask`: True = missing) by U-PHAIN (T. Tanaka, K. Yatabe, Y. Oikawa, "PHAIN: audio inpainting via
    phase-aware optimization with instantaneous frequency", IEEE/ACM Transactions on Audio, Speech, and Language
    Processing, 2024). With G the short-time Fourier transform as a tight frame, w the instantaneous frequencies of the
    signal, R_w the rotation that undoes the advance of phase at these frequencies, and D the difference of a frame and
    the next, the result is

        x = argmin || D R_w G x ||_1,    x as known where nothing is missing,

    which is zero for partials that go on as they are. Every round solves this by the method of Chambolle and Pock, and
    takes w from the result. The channels of an item have one w, that of their summed cross spectra.

    The paper starts every round from silence in the gap, with a weight of 1 and 10 rounds of 100 iterations. Here the
    first round starts from another method's filling and each later one from what the one before it found, with a
    small weight. A fifth of the iterations is enough then, and what is no partial keeps the level that the first
    filling gave it: at the minimum itself, noise is missing.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: passed to `first`; nothing else is drawn.
        first: method whose filling the first round starts from.
        window_seconds: length of the windows, which lie a quarter apart. Gaps closer to each other than this are one
            group, of up to half a second.
        num_rounds: times that the frequencies are estimated, at most.
        num_iterations: iterations in a round, at most.
        weight: what the variation is multiplied by, where the largest known sample is 1. It has no part in the
            minimum, but in how it is approached: with a small weight, the samples stay near the first filling longer.
        tolerance: a round ends when ten iterations lower the objective by a smaller share than this. 0 never ends one.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`] and `first`, a window shorter than 8 samples, a number of
            rounds or iterations below 1, or a negative tolerance.
    """
    _check(num_rounds, num_iterations, weight, tolerance)
    restore = partial(
        in_rounds,
        update=update_frequencies,
        num_rounds=num_rounds,
        num_iterations=num_iterations,
        weight=weight,
        tolerance=tolerance,
    )
    return _fill(audio, mask, sampling_rate, generator, first, window_seconds, restore)


def b_phain(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    first: Method = autoregressive,
    window_seconds: float = WINDOW_SECONDS,
    num_iterations: int = 1000,
    weight: float = WEIGHT,
    tolerance: float = 1e-4,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by B-PHAIN: [`u_phain`] of one round, by the frequencies of the first filling.

    Args, returns, raises:
        as [`u_phain`].
    """
    _check(1, num_iterations, weight, tolerance)
    restore = partial(
        in_rounds,
        update=update_frequencies,
        num_rounds=1,
        num_iterations=num_iterations,
        weight=weight,
        tolerance=tolerance,
    )
    return _fill(audio, mask, sampling_rate, generator, first, window_seconds, restore)


def r_phain(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    first: Method = autoregressive,
    window_seconds: float = WINDOW_SECONDS,
    num_rounds: int = 10,
    num_iterations: int = 100,
    weight: float = WEIGHT,
    tolerance: float = 1e-4,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by R-PHAIN: the frequencies stay those of the first filling, and every round
    weighs differences by the inverse of the magnitudes that the one before it found ([`reweight`]). Otherwise as
    [`u_phain`].

    Args, returns, raises:
        as [`u_phain`].
    """
    _check(num_rounds, num_iterations, weight, tolerance)
    restore = partial(
        in_rounds,
        update=reweight,
        num_rounds=num_rounds,
        num_iterations=num_iterations,
        weight=weight,
        tolerance=tolerance,
    )
    return _fill(audio, mask, sampling_rate, generator, first, window_seconds, restore)


def _check(num_rounds: int, num_iterations: int, weight: float, tolerance: float) -> None:
    if num_rounds < 1 or num_iterations < 1 or not 0 < weight < np.inf or not tolerance >= 0:
        raise ValueError(
            "expected num_rounds and num_iterations of at least 1, a positive weight and a tolerance of at least 0, "
            f"got {num_rounds}, {num_iterations}, {weight} and {tolerance}"
        )


def _fill(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    sampling_rate: int,
    generator: Generator | None,
    first: Method,
    window_seconds: float,
    restore: Restore,
) -> Waveform:
    check_sampling_rate(sampling_rate)
    if not 8 <= window_seconds * sampling_rate < np.inf:
        raise ValueError(
            f"window_seconds must be at least 8 samples long, 8 / {sampling_rate} Hz, and finite, got {window_seconds}"
        )
    prepared = prepare(audio, mask, sampling_rate)
    window = tight_hann(scipy.fft.next_fast_len(round(window_seconds * sampling_rate / OVERLAP), real=True), OVERLAP)
    filled = prepared.signals.copy()
    for channels, missing in zip(filled, prepared.missing, strict=True):
        if missing.any():
            # The mask was looked at as a whole.
            with passing_over(MaskWarning):
                channels[:] = first(channels, missing, sampling_rate=sampling_rate, generator=generator)
            for start, end in group_gaps(missing.any(0), len(window), round(GROUP_SECONDS * sampling_rate)):
                group = _filled_group(channels, missing, start, end, window, restore)
                channels[:, start:end] = np.where(missing[:, start:end], group, channels[:, start:end])
    return write_back(prepared, filled)


def _filled_group(
    channels: np.ndarray, missing: np.ndarray, start: int, end: int, window: np.ndarray, restore: Restore
) -> np.ndarray:
    """`(channels, end - start)` from `start` on, restored on the frames that touch it and one more on each side."""
    hop = len(window) // OVERLAP
    num_hops = 2 * OVERLAP + -(-(end - start) // hop)
    before = (num_hops * hop - (end - start)) // 2
    here = np.arange(start - before, start - before + num_hops * hop)
    # Beyond its ends the signal is as unknown as in its gaps.
    outside = (here < 0) | (here >= channels.shape[1])
    here = np.clip(here, 0, channels.shape[1] - 1)
    unknown = missing[:, here] | outside
    excerpts = np.where(outside, 0.0, channels[:, here])
    group = slice(before, before + end - start)
    peak = np.abs(excerpts[~unknown]).max(initial=0)
    return peak * restore(excerpts / peak, unknown, window)[:, group] if peak else excerpts[:, group]


def in_rounds(
    signals: np.ndarray,
    missing: np.ndarray,
    window: np.ndarray,
    update: Update,
    num_rounds: int,
    num_iterations: int,
    weight: float,
    tolerance: float,
) -> np.ndarray:
    """
    The rounds of U-PHAIN and R-PHAIN: samples of least variation, by what the samples of the round before say of it.

    Args:
        signals: float64 `(channels, samples)`, whole hops, of at most 1 where known. Values where samples are missing
            are a first estimate.
        missing: bool `(channels, samples)`.
        window: float64 `(n_fft,)`; a quarter of it is the hop.
        update: what every round but the first begins with: [`update_frequencies`] or [`reweight`].
        num_rounds, num_iterations, weight, tolerance: as in [`u_phain`].

    Returns:
        float64 `(channels, samples)`, equal to `signals` where nothing is missing.
    """
    advances: np.ndarray = phase_advances(signals, window, len(window) // OVERLAP)
    weights: np.ndarray | float = weight
    for number in range(num_rounds):
        if number > 0:
            advances, weights = update(signals, advances, window, weight)
        before = signals
        signals = least_variation(signals, missing, advances, weights, window, num_iterations, tolerance)
        if np.linalg.norm(signals - before) < LEAST_CHANGE:
            break
    return signals


def update_frequencies(
    signals: np.ndarray, advances: np.ndarray, window: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray | float]:
    """Advances of phase at the frequencies of signals `(channels, samples)`, and the weight as it is: U-PHAIN."""
    return phase_advances(signals, window, len(window) // OVERLAP), weight


def reweight(
    signals: np.ndarray, advances: np.ndarray, window: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray | float]:
    """
    The advances as they are, and the weight of each difference divided by the mean magnitude of its two frames in
    signals `(channels, samples)`: R-PHAIN.
    """
    magnitudes = np.abs(analyse(signals, window, len(window) // OVERLAP))
    return advances, weight / ((magnitudes[..., :-1] + magnitudes[..., 1:]) / 2 + MAGNITUDE_FLOOR)


def least_variation(
    signals: np.ndarray,
    missing: np.ndarray,
    advances: np.ndarray,
    weights: np.ndarray | float,
    window: np.ndarray,
    num_iterations: int,
    tolerance: float,
) -> np.ndarray:
    """
    The method of Chambolle and Pock for the missing samples that minimise the weighted sum of magnitudes of
    [`variation`], over negative frequencies too.

    Args:
        signals, missing, window, num_iterations, tolerance: as in [`in_rounds`].
        advances: as [`phase_advances`] returns them.
        weights: of the magnitudes, positive, broadcastable to `(channels, bins, frames - 1)`.

    Returns:
        float64 `(channels, samples)`, equal to `signals` where nothing is missing.
    """
    hop = len(window) // OVERLAP
    dual = np.zeros_like(variation(analyse(signals, window, hop), advances))
    estimate, lowest = signals, np.inf
    for iteration in range(1, num_iterations + 1):
        descent = synthesise(variation_adjoint(dual, advances), window, hop)
        moved = np.where(missing, estimate - STEP * descent, signals)
        dual += variation(analyse(2 * moved - estimate, window, hop), advances)
        dual *= weights / np.maximum(np.abs(dual), weights)
        estimate = moved
        if tolerance and iteration % PATIENCE == 0:
            reached = objective(estimate, advances, weights, window)
            if reached > (1 - tolerance) * lowest:
                break
            lowest = reached
    return estimate


def objective(signals: np.ndarray, advances: np.ndarray, weights: np.ndarray | float, window: np.ndarray) -> float:
    """The sum that [`least_variation`] minimises, of signals `(channels, samples)`."""
    spectra = analyse(signals, window, len(window) // OVERLAP)
    return float((bin_weights(spectra.shape[-2]) * weights * np.abs(variation(spectra, advances))).sum())
