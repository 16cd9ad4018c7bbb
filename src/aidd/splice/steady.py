"""Partials that sound steadily on both sides of a gap, put through its filling."""

import numpy as np

from ..signals.bands import erb_bands, erb_transform, spectra_within
from .framed_filling import framed
from .partials import LEVEL_SECONDS, WINDOW_SECONDS, Partials, cubic_phase, find_partials, match_partials
from .surroundings import Surroundings, silent_side


# How far two frequencies of one steady partial differ, at most: this share, or this many Hz.
SAME_SHARE, SAME_HZ = 0.003, 1.0
# Deviation from the expected phase, in rad, and from equal amplitudes, in powers of e, at which a partial counts 1/e.
PHASE_SCALE, AMPLITUDE_SCALE = 0.5, np.log(4.0)
# A partial that counts less is left to the filling.
LEAST_STEADINESS = 0.1
# Added to powers that are divided by.
TINY = 1e-14


def add_steady_partials(
    filling: np.ndarray, surroundings: Surroundings, *, sampling_rate: int, amount: float
) -> np.ndarray:
    r"""
    Puts through a filling what sounds on steadily from one edge of its gap to the other.

    A partial that a gap merely hides has one frequency on both sides, and arrives at the right edge with the phase
    that the left one lets expect. Such a partial is known in the gap, to the phase, and no model needs to guess it.
    With w the mean of its two frequencies in rad a sample, p and q its phases in the middles of the windows on both
    sides, L samples apart, and a and b its amplitudes, it counts

        s = exp(-(arg exp(i (q - p - w L)) / 0.5)^2 - (ln(a / b) / ln 4)^2)

    A partial whose note is struck again has another phase, and passes by chance in one of five cases. The steady
    partials run from edge to edge by [`~aidd.splice.partials.cubic_phase`]. Band by band, an ERB each, the filling
    gives up the share of its power that they have of the power between the edges.

    Args:
        filling: float64, `(variations, samples)`, as long as the gap.
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        amount: in [0, 1], the share of their amplitude that steady partials get; 0 changes nothing.

    Returns:
        float64 `(variations, samples)`. The filling as it came, where on one side of the gap less than 85 ms of intact
        audio stand, or only silence does, and where nothing is steady.
    """
    n_fft = 4 * round(WINDOW_SECONDS * sampling_rate / 4)
    before, after = surroundings.sides(max(round(LEVEL_SECONDS * sampling_rate), n_fft))
    if not amount or min(len(before), len(after)) < n_fft or silent_side(before, after) is not None:
        return filling
    transform = erb_transform(sampling_rate)
    margin, length = len(transform.win), filling.shape[-1]
    # Time is reversed after the gap, so that both windows end at it.
    found = find_partials(before[-n_fft:], sampling_rate), find_partials(after[:n_fft][::-1], sampling_rate)
    partials = amount * _steady_partials(*found, np.arange(-margin, length + margin), length, n_fft, sampling_rate)
    if not partials.any():
        return filling

    bands = erb_bands(transform.f)
    left, right = (
        np.log(bands @ np.square(np.abs(spectra_within(edge, transform))).mean(0) + TINY) for edge in (before, after)
    )
    frames, spectrum = framed(filling, before, after, transform), transform.stft(partials)
    share = np.clip(bands @ np.square(np.abs(spectrum)) / np.exp(frames.between(left, right)), 0, 1)
    rest = np.sqrt(np.clip(1 - bands.T @ share, 0, 1))
    return frames.filling_of(frames.spectra() * rest + spectrum)


def _steady_partials(
    before: Partials, after: Partials, positions: np.ndarray, length: int, n_fft: int, sampling_rate: int
) -> np.ndarray:
    """The sum of the partials, as much as each is steady, at positions in samples from the gap's start."""
    speeds = [2 * np.pi * side.frequencies / sampling_rate for side in (before, after)]
    # From the middle of a window to the intact sample next to the gap, and from that one to the other.
    lag, span = n_fft - 1 - n_fft // 2, length + 1
    progress = np.clip((positions + 1 + lag) / (span + 2 * lag), 0, 1)
    total = np.zeros(len(positions))
    for left, right in match_partials(before, after):
        if left is None or right is None:
            continue
        difference = abs(before.frequencies[left] - after.frequencies[right])
        if difference > max(SAME_HZ, SAME_SHARE * before.frequencies[left]):
            continue
        ends = before.amplitudes[left], after.amplitudes[right]
        # Phases after the gap were measured in reversed time.
        phases, ends_speeds = (before.phases[left], -after.phases[right]), (speeds[0][left], speeds[1][right])
        deviation = np.angle(np.exp(1j * (phases[1] - phases[0] - np.mean(ends_speeds) * (span + 2 * lag))))
        steadiness = np.exp(-((deviation / PHASE_SCALE) ** 2) - (np.log(ends[0] / ends[1]) / AMPLITUDE_SCALE) ** 2)
        if steadiness < LEAST_STEADINESS:
            continue
        phase = cubic_phase(positions + 1, span, (lag, lag), phases, ends_speeds)
        total += steadiness * ends[0] ** (1 - progress) * ends[1] ** progress * np.cos(phase)
    return total
