"""Partials tracked on both sides of a gap and carried through it by linear prediction, with shaped noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..masks.gaps import find_gaps
from ..signals.autoregressive import continue_stably
from ..signals.sinusoids import Sinusoids, measure_sinusoids
from ..splice.continuation import splice
from ..splice.contract import fill_channels
from ..splice.partials import WINDOW_SECONDS, Partials, find_partials, match_partials
from ..splice.surroundings import Surroundings, surrounding_noise, surroundings_of


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform

# Intact audio on each side of a gap that partials are tracked in, at most.
TRACK_SECONDS = 0.4
# Frames that begin within the length of one.
OVERLAP = 8
# A track goes on where the frequency is within this many bins of the expected one, and the level within this many
# powers of e.
SAME_BINS, SAME_LEVEL = 0.6, 0.7
# Shorter tracks show no trend.
LEAST_FRAMES = 8
# A track has a trend if a straight line explains all but this share of its variance.
UNEXPLAINED = 0.1
# What rates alone add to an amplitude in the middle of a gap, at most, in powers of e.
MOST_SWELL = np.log(2.0)
# Lowest logarithm of an amplitude.
LOWEST = -50.0
# Added to the diagonal of the normal equations of amplitudes and phases, relative to itself.
REGULAR = 1e-3
# Window length of the residual's spectra, in samples, and how far its continuation reaches from an edge.
N_FFT, REACH_SECONDS = 2048, 0.04
# Fewest samples on a side that partials are looked for in.
LEAST_SAMPLES = 16


@dataclass(frozen=True)
class Side:
    """
    One side of a gap, in time that runs towards it.

    Args:
        partials: frequencies, amplitudes and phases at the edge itself.
        level_rates: of the logarithm of each amplitude at the edge, per sample, `(partials,)`.
        tracks: rates of each partial, complex, per sample, `(frames,)`; the frame next to the gap is the last.
        residual: what the partials leave of the last frame, float64 `(samples,)`.
        hop: samples from frame to frame.
    """

    partials: Partials
    level_rates: np.ndarray
    tracks: list[np.ndarray]
    residual: np.ndarray
    hop: int

    @property
    def states(self) -> np.ndarray:
        """Logarithm of the amplitude, and phase, at the edge: complex `(partials,)`."""
        return np.log(self.partials.amplitudes) + 1j * self.partials.phases


def sinusoidal(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) with the partials next to them, carried on by linear prediction (Lagrange,
    Marchand & Rault 2005, Long Interpolation of Audio Signals Using Linear Prediction in Sinusoidal Modeling, Journal
    of the Audio Engineering Society 53).

    Partials are peaks of the spectrum next to the gap; their frequency, its slope and that of the amplitude are
    measured by the distribution derivative ([`~aidd.signals.sinusoids`]), and tracked away from the gap. What is found
    on both sides runs through the gap by its predicted rates, from the left ones to the right ones, with what they
    leave of amplitude and phase as a cubic (McAulay & Quatieri 1986). A partial of one side alone dies, or is born, as
    one whose power falls linearly over the gap: its note may end anywhere in it. What the partials leave of both edges
    is filled by noise of its spectrum and the continuation of its edges, as [`~aidd.classical.envelope_noise`] does.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: source of the noise. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`].
    """
    fill = partial(_fill, sampling_rate=sampling_rate, generator=generator)
    return fill_channels(audio, mask, sampling_rate, fill)


def _fill(signal: np.ndarray, missing: np.ndarray, sampling_rate: int, generator: Generator | None) -> np.ndarray:
    restored = signal.copy()
    num_context = round((TRACK_SECONDS + WINDOW_SECONDS) * sampling_rate)
    for start, end in find_gaps(missing).tolist():
        here = slice(max(start - num_context, 0), end + num_context)
        surroundings = surroundings_of(signal[here], missing[here], (start - here.start, end - here.start))
        # Time is reversed after the gap, so that it runs towards the gap on both sides.
        left = analyse_side(surroundings.before, sampling_rate)
        right = analyse_side(surroundings.after[::-1], sampling_rate)
        tonal = carry_on(left, right, end - start, sampling_rate)
        residual = Surroundings(
            len(left.residual), len(left.residual) + end - start, left.residual, right.residual[::-1]
        )
        noise = surrounding_noise(
            residual,
            num_samples=residual.end + len(residual.after),
            n_fft=N_FFT,
            num_context=num_context,
            generator=generator,
        )[residual.start : residual.end]
        rest = splice(residual, noise, sampling_rate=sampling_rate, reach_seconds=REACH_SECONDS)
        restored[start:end] = tonal + rest
    return restored


def analyse_side(side: np.ndarray, sampling_rate: int) -> Side:
    """
    Finds the partials at the end of a signal, and their tracks.

    Frequencies are measured, amplitudes and phases are those of the least squares over the last frame, whose samples
    count the more the nearer they are to the gap.

    Args:
        side: float64, `(samples,)`; its end is the edge of the gap.
        sampling_rate: Hz.
    """
    length = min(scipy.fft.next_fast_len(round(WINDOW_SECONDS * sampling_rate)), len(side))
    hop, edge, none = max(length // OVERLAP, 1), side[len(side) - length :], np.zeros(0)
    if length < LEAST_SAMPLES or not edge.any():
        return Side(Partials(none, none, none, none), none, [], edge, hop)
    found = find_partials(edge, sampling_rate)
    last = measure_sinusoids(edge, 2 * np.pi * found.frequencies / sampling_rate)
    time = np.arange(length) - length // 2
    waves = np.exp(last.rates[:, None] * time + last.bends[:, None] * time**2)
    basis = np.concatenate([waves.real, -waves.imag])
    weighted = basis * np.sqrt(np.arange(length) / length)
    normal = weighted @ weighted.T
    normal[np.diag_indices_from(normal)] *= 1 + REGULAR
    weights = np.linalg.solve(normal, weighted @ (edge * np.sqrt(np.arange(length) / length)))
    at_edge = (weights[: len(waves)] + 1j * weights[len(waves) :]) * waves[:, -1]
    partials = Partials(
        found.frequencies, np.maximum(np.abs(at_edge), np.exp(LOWEST)), np.angle(at_edge), found.floors
    )
    tracks = track(side, last, length, hop)
    lasting = np.array([len(one) >= LEAST_FRAMES for one in tracks], bool)
    level_rates = np.where(lasting, last.rates.real + 2 * last.bends.real * time[-1], 0)
    return Side(partials, level_rates, tracks, edge - weights @ basis, hop)


def track(side: np.ndarray, last: Sinusoids, length: int, hop: int) -> list[np.ndarray]:
    """
    Follows sinusoids from the last frame of a signal back in time, frame by frame, each as long as its frequency and
    its level go on as expected.

    Args:
        side: float64, `(samples,)`.
        last: the sinusoids in its last frame.
        length: of a frame, in samples.
        hop: samples from frame to frame.

    Returns:
        Rates of each sinusoid, complex `(frames,)`, in the order of time.
    """
    tracks = [[rate] for rate in last.rates]
    alive = np.arange(len(tracks))
    for stop in range(len(side) - hop, length - 1, -hop):
        if not len(alive):
            break
        expected = last.rates - 2 * last.bends * hop
        here = measure_sinusoids(side[stop - length : stop], np.clip(expected.imag, 0, np.pi))
        same = here.found & (np.abs(here.rates.imag - expected.imag) < SAME_BINS * 2 * np.pi / length)
        same &= np.abs(here.levels - (last.levels - last.rates.real * hop)) < SAME_LEVEL
        alive, last = alive[same], here.chosen(same)
        for index, rate in zip(alive.tolist(), last.rates, strict=True):
            tracks[index].append(rate)
    return [np.array(one[::-1]) for one in tracks]


def predict(values: np.ndarray, num_frames: int) -> np.ndarray:
    """
    Values of a track, real `(frames,)`, and as many more as are asked for: a straight line, as far as the track is
    one, and what deviates from it, as a vibrato or tremolo, by linear prediction. Tracks that are too short for a line
    go on as they end.
    """
    num = len(values)
    if num < LEAST_FRAMES:
        return np.concatenate([values, np.full(num_frames, values[-1])])
    time = np.arange(num + num_frames) - (num - 1) / 2
    past, spread = time[:num], np.square(values - values.mean()).sum()
    line = past @ values / (past @ past)
    if spread:
        line *= max(1 - (1 - line**2 * (past @ past) / spread) / UNEXPLAINED, 0)
    trend = values.mean() + line * time
    rest = values - trend[:num]
    if rest.any():
        trend[num:] += continue_stably(rest, num // 2, num_frames)[0]
    return np.concatenate([values, trend[num:]])


def rates_through(side: Side, span: int, places: np.ndarray) -> np.ndarray:
    """Predicted rates of all partials at places in samples from the edge, complex `(partials, places)`."""
    # From the middle of the last frame to the edge.
    lag = len(side.residual) - 1 - len(side.residual) // 2
    num_frames = -(-(span + lag) // side.hop) + 1
    swell = 8 * MOST_SWELL / span
    through = np.zeros((len(side.tracks), len(places)), complex)
    for index, rates in enumerate(side.tracks):
        at = (np.arange(len(rates) + num_frames) - len(rates) + 1) * side.hop - lag
        of_phase = np.interp(places, at, predict(rates.imag, num_frames))
        through[index] = np.clip(side.level_rates[index], -swell, swell) + 1j * np.clip(of_phase, 0, np.pi)
    return through


def carry_on(left: Side, right: Side, length: int, sampling_rate: int) -> np.ndarray:
    """
    The sum of all partials in a gap.

    Args:
        left, right: sides of the gap; time runs backwards on the right one.
        length: of the gap, in samples.
        sampling_rate: Hz.

    Returns:
        float64 `(length,)`.
    """
    # The edges themselves are the intact samples next to the gap.
    span = length + 1
    places = np.linspace(0, span, -(-span // max(left.hop, right.hop)) + 1)
    progress, along = np.arange(1, length + 1) / span, places / span
    from_left, from_right = rates_through(left, span, places), -rates_through(right, span, places)[:, ::-1].conj()
    expected = [
        replace(side.partials, frequencies=rates[:, len(places) // 2].imag * sampling_rate / (2 * np.pi))
        for side, rates in ((left, from_left), (right, from_right))
    ]
    total = np.zeros(length)
    for before, after in match_partials(*expected):
        if before is not None and after is not None:
            path = _integral((1 - along) * from_left[before] + along * from_right[after], places, span)
            rest = right.states[after].conj() - left.states[before] - path[-1]
            rest = rest.real + 1j * np.angle(np.exp(1j * rest.imag))
            path = left.states[before] + path[:-1] + rest * (3 * progress**2 - 2 * progress**3)
            power = np.ones(length)
        elif before is not None:
            path = _integral(from_left[before], places, span)[:-1]
            path = left.states[before] + np.minimum(path.real, 0) + 1j * path.imag
            power = 1 - progress
        else:
            path = _integral(from_right[after], places, span)
            path = path[:-1] - path[-1]
            path = right.states[after].conj() + np.minimum(path.real, 0) + 1j * path.imag
            power = progress
        total += np.sqrt(power) * np.exp(path.real) * np.cos(path.imag)
    return total


def _integral(rates: np.ndarray, places: np.ndarray, span: int) -> np.ndarray:
    """Integral of rates, linear between places, from the first place to each of samples 1 to `span`."""
    steps, at = np.diff(places), np.arange(1, span + 1)
    sums = np.concatenate([[0], np.cumsum((rates[1:] + rates[:-1]) / 2 * steps)])
    index = np.minimum(np.searchsorted(places, at, "right") - 1, len(steps) - 1)
    time = at - places[index]
    return sums[index] + rates[index] * time + ((rates[1:] - rates[:-1]) / steps)[index] * time**2 / 2
