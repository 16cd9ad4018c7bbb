"""Partials and noise that run from one edge of a gap to the other, in phase with both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..signals.bands import erb_bands, erb_transform, spectra_within
from .surroundings import Surroundings, power_spectrum, shaped_noise, silent_side, spectra_between


if TYPE_CHECKING:
    from torch import Generator

# Length of the spectra that partials are found in: neighbouring semitones are apart from 400 Hz on.
WINDOW_SECONDS = 0.085
# Spectra are padded to this many times the window, and parabolas through peaks give the rest of a frequency.
PADDING = 4
# How far a partial stands out of the median of its surroundings, in dB. Noise reaches this once in 40,000 bins.
PROMINENCE_DB = 12.0
# Width of these surroundings, in bins of the window.
SURROUNDINGS = 25
# Partials this far below the strongest are left to the noise, in dB.
RANGE_DB = 65.0
# Partials on both sides are one if their frequencies differ by no more than this share, or than this many Hz.
SAME_SHARE, SAME_HZ = 0.02, 5.0
# Intact audio that levels are measured on, on each side, at most.
LEVEL_SECONDS = 0.1
# Largest and smallest change of a band's amplitude that brings it to its level.
MAX_GAIN, MIN_GAIN = 30.0, 1e-4
# Added to powers before their logarithm is taken.
TINY = 1e-14


@dataclass(frozen=True)
class Partials:
    """
    Sinusoids that sound at an edge of a gap, each `(partials,)`.

    Args:
        frequencies: Hz.
        amplitudes: of the sinusoids, in the middle of the window that they were found in.
        phases: rad, of their cosines in the middle of that window.
        floors: amplitude that each would have if it did not stand out of its surroundings.
    """

    frequencies: np.ndarray
    amplitudes: np.ndarray
    phases: np.ndarray
    floors: np.ndarray


def find_partials(edge: np.ndarray, sampling_rate: int) -> Partials:
    """
    The partials that sound at the end of a signal: peaks of a Hann-windowed, zero-padded spectrum that stand out of
    the median around them, with parabolas through their levels in dB (Smith & Serra 1987, PARSHL).

    Args:
        edge: float64, `(samples,)`; its end is the edge of the gap.
        sampling_rate: Hz.

    Returns:
        The partials, in the order of their frequencies.
    """
    num_samples = len(edge)
    window = scipy.signal.windows.hann(num_samples, sym=False)
    # Rotated so that phases are those in the middle of the window.
    padded = np.roll(np.pad(edge * window, (0, (PADDING - 1) * num_samples)), -(num_samples // 2))
    spectrum = np.fft.rfft(padded)
    level = 20 * np.log10(2 * np.abs(spectrum) / window.sum() + TINY)
    around = scipy.ndimage.median_filter(level, SURROUNDINGS * PADDING, mode="nearest")
    # The main lobe of a Hann window is four bins wide.
    is_peak = level == scipy.ndimage.maximum_filter1d(level, 3 * PADDING + 1, mode="nearest")
    is_peak &= (level > around + PROMINENCE_DB) & (level > level.max() - RANGE_DB)
    is_peak[: 2 * PADDING] = is_peak[-1] = False
    peaks = np.flatnonzero(is_peak)
    below, here, above = level[peaks - 1], level[peaks], level[peaks + 1]
    offset = 0.5 * (below - above) / np.minimum(below - 2 * here + above, -TINY)
    frequencies = (peaks + offset) * sampling_rate / len(padded)
    return Partials(
        frequencies,
        10 ** ((here - 0.25 * (below - above) * offset) / 20),
        np.angle(spectrum[peaks]),
        10 ** (around[peaks] / 20),
    )


def match_partials(before: Partials, after: Partials) -> list[tuple[int | None, int | None]]:
    """
    Which partials on the two sides of a gap are the same, the strongest ones first: pairs of their indices; partials
    that sound on one side alone have None for the other.
    """
    pairs: list[tuple[int | None, int | None]] = []
    free = np.ones(len(after.frequencies), bool)
    for left in np.argsort(-before.amplitudes, kind="stable").tolist():
        frequency = before.frequencies[left]
        distances = np.where(free, np.abs(after.frequencies - frequency), np.inf)
        if len(distances) and distances.min() <= max(SAME_SHARE * frequency, SAME_HZ):
            right = int(distances.argmin())
            free[right] = False
            pairs.append((left, right))
        else:
            pairs.append((left, None))
    return pairs + [(None, right) for right in np.flatnonzero(free).tolist()]


def cubic_phase(
    positions: np.ndarray, span: int, lags: tuple[int, int], phases: tuple[float, float], speeds: tuple[float, float]
) -> np.ndarray:
    """
    Phase that runs from one edge to the other with the frequency and phase of both: the cubic whose frequency bends
    least (McAulay & Quatieri 1986, Speech Analysis/Synthesis Based on a Sinusoidal Representation, section IV).
    Frequencies and phases are measured some way from the edges, and brought there along the straight line between the
    two frequencies. Before and after the gap, the frequencies at its edges go on.

    Args:
        positions: samples from the left edge, `(samples,)`.
        span: samples from the left edge to the right one, at least 1.
        lags: samples between the places of the measurements and the edges, left and right.
        phases: rad, at these places.
        speeds: rad a sample, there.

    Returns:
        rad, `(samples,)`.
    """
    slope = (speeds[1] - speeds[0]) / (span + sum(lags))
    left_speed, right_speed = speeds[0] + slope * lags[0], speeds[1] - slope * lags[1]
    left_phase = phases[0] + speeds[0] * lags[0] + slope * lags[0] ** 2 / 2
    right_phase = phases[1] - speeds[1] * lags[1] + slope * lags[1] ** 2 / 2
    bend = right_speed - left_speed
    turns = round((left_phase + left_speed * span - right_phase + bend * span / 2) / (2 * np.pi))
    rest = right_phase + 2 * np.pi * turns - left_phase - left_speed * span
    inside = np.clip(positions, 0, span)
    squared = 3 * rest / span**2 - bend / span
    cubed = bend / span**2 - 2 * rest / span**3
    phase = left_phase + left_speed * inside + squared * inside**2 + cubed * inside**3
    return phase + left_speed * np.minimum(positions, 0) + right_speed * np.maximum(positions - span, 0)


def surrounding_lines(surroundings: Surroundings, *, sampling_rate: int, generator: Generator | None) -> np.ndarray:
    """
    A filling of a gap by what sounds beside it. Partials that are found on both sides run from one edge to the other
    in phase with both, those of one side alone sink into the noise towards the other, and the rest of both spectra is
    noise. Band by band, an ERB each, levels run from one edge's to the other's, linearly in dB.

    Args:
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        generator: source of the noise.

    Returns:
        float64 `(samples,)`, as long as the gap; zero where nothing intact, or silence alone, stands beside the gap.
    """
    length = surroundings.num_samples
    n_fft = 4 * round(WINDOW_SECONDS * sampling_rate / 4)
    edges = list(surroundings.sides(max(round(LEVEL_SECONDS * sampling_rate), n_fft)))
    # Time is reversed after the gap, so that both edges end at it.
    edges[1] = edges[1][::-1]
    silent = silent_side(*edges)
    sounding = [side for side, edge in enumerate(edges) if edge.any() and side != silent]
    if not sounding:
        return np.zeros(length)
    edges = [edges[side] for side in sounding]
    found = [find_partials(edge[-n_fft:], sampling_rate) for edge in edges]

    # A frame more on each side: levels are then measured on whole frames everywhere.
    margin = len(erb_transform(sampling_rate).win)
    positions = np.arange(-margin, length + margin)
    # The edges themselves are the intact samples next to the gap.
    from_left, span = positions + 1, length + 1
    # Amplitudes were measured in the middle of the windows.
    progress = np.clip((positions + n_fft / 2) / (length + n_fft), 0, 1)
    tonal = np.zeros(len(positions))
    # From the middle of a window to its edge.
    lags = [num_samples - 1 - num_samples // 2 for num_samples in (len(edge[-n_fft:]) for edge in edges)]
    speeds = [2 * np.pi * side.frequencies / sampling_rate for side in found]
    if len(edges) == 1:
        # One side's partials go on as they are.
        away = lags[0] + (from_left if sounding == [0] else span - from_left)
        for speed, amplitude, phase in zip(speeds[0], found[0].amplitudes, found[0].phases, strict=True):
            tonal += amplitude * np.cos(phase + speed * away)
    else:
        before, after = found
        for left, right in match_partials(before, after):
            if left is not None and right is not None:
                ends = before.amplitudes[left], after.amplitudes[right]
                # Phases after the gap were measured in reversed time.
                phases = before.phases[left], -after.phases[right]
                phase = cubic_phase(from_left, span, (lags[0], lags[1]), phases, (speeds[0][left], speeds[1][right]))
            elif left is not None:
                ends = before.amplitudes[left], before.floors[left]
                phase = before.phases[left] + speeds[0][left] * (lags[0] + from_left)
            else:
                ends = after.floors[right], after.amplitudes[right]
                phase = after.phases[right] + speeds[1][right] * (lags[1] + span - from_left)
            tonal += ends[0] ** (1 - progress) * ends[1] ** progress * np.cos(phase)

    rests = [
        _without_partials(power_spectrum(edge, n_fft), side.frequencies * n_fft / sampling_rate)
        for edge, side in zip(edges, found, strict=True)
    ]
    noise = shaped_noise(rests[0], rests[-1], len(positions), generator)
    return _at_levels(tonal, noise, rests, edges, positions / length, sampling_rate)[margin : margin + length]


def _without_partials(power: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A power spectrum `(bins,)` with the median of the surroundings at places, in bins, where partials stand."""
    around = scipy.ndimage.median_filter(power, SURROUNDINGS, mode="nearest")
    tonal = (np.abs(np.arange(len(power))[:, None] - np.round(places)) <= 2).any(-1)
    return np.where(tonal, np.minimum(around, power), power)


def _at_levels(
    tonal: np.ndarray,
    noise: np.ndarray,
    rests: list[np.ndarray],
    edges: list[np.ndarray],
    progress: np.ndarray,
    sampling_rate: int,
) -> np.ndarray:
    """
    The sum of partials and noise, `(samples,)`, at levels that run from one edge's to the other's, in bands of one
    ERB. Samples lie at a progress of 0 to 1, from edge to edge. The noise counts with the power that it is expected to
    have from the spectra at its ends: what it has, goes up and down by itself.
    """
    transform = erb_transform(sampling_rate)
    bands = erb_bands(transform.f)
    levels = []
    for edge in (edges[0], edges[-1]):
        padded = np.pad(edge, (max(len(transform.win) - len(edge), 0), 0))
        levels.append(np.log(bands @ np.square(np.abs(spectra_within(padded, transform))).mean(0) + TINY))
    spectra = transform.stft(np.stack([tonal, noise]))
    centres = (transform.p_min + np.arange(spectra.shape[-1])) * transform.hop
    along = np.clip(np.interp(centres, np.arange(len(tonal)), progress), 0, 1)
    target = (1 - along) * levels[0][:, None] + along * levels[1][:, None]

    power = bands @ np.square(np.abs(spectra[0]))
    if rests[0].any() or rests[-1].any():
        n_fft = 2 * (len(rests[0]) - 1)
        window = scipy.signal.windows.hann(n_fft, sym=False)
        # Bins of the long window are closer, and have more power.
        scale = (transform.win @ transform.win) / (window @ window) * len(transform.win) / n_fft
        wide = erb_bands(np.fft.rfftfreq(n_fft, 1 / sampling_rate))
        power += scale * wide @ spectra_between(rests[0], rests[-1], along[:, None]).T
    gains = np.clip(0.5 * (target - np.log(power + TINY)), np.log(MIN_GAIN), np.log(MAX_GAIN))
    return transform.istft(spectra.sum(0) * np.exp(bands.T @ gains), k1=len(tonal))
