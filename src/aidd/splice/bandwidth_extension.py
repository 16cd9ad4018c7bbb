"""The band above the one that a model generates, at levels that are known from the surroundings of its gap."""

import numpy as np

from ..signals.bands import erb_bands, erb_transform, spectra_within
from .framed_filling import framed
from .levels import MAX_CHANGE
from .surroundings import Surroundings, silent_side


# Intact audio on each side of a gap that the levels of its edges are measured on, and the levels on average, at most.
EDGE_SECONDS, MEAN_SECONDS = 0.05, 1.0
# Time in which the level of a band forgets how far it was from its mean.
MEMORY_SECONDS = 0.1
# Time in which the noise sets in at an edge: cut off at once, what lies below would sound above.
ONSET_SECONDS = 0.002
# Floor of a band's power, relative to the loudest that is measured around the gap: -60 dB.
FLOOR = 1e-6
# Added to powers that are divided by, or whose logarithm is taken.
TINY = 1e-20


def bridge_weights(along: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    r"""
    What the levels at both edges of a gap count for a level inside it, if the covariance of levels falls
    exponentially with their distance in time (simple kriging, an Ornstein-Uhlenbeck bridge):

        l(t) = sinh(L - t) / sinh(L),    r(t) = sinh(t) / sinh(L)

    They are 1 at their own edge and 0 at the other one, and straight lines in gaps that are short for the memory.

    Args:
        along: where in the gap, in [0, 1], `(frames,)`.
        length: L, of the gap, over the time in which the covariance falls to 1 / e; above 0.

    Returns:
        Weights of the left edge and of the right one, each `(frames,)`.
    """
    times = length * along
    # Without the growing part of the hyperbolic sines, which overflows.
    whole = -np.expm1(-2 * length)
    left = np.exp(-times) * -np.expm1(-2 * (length - times)) / whole
    right = np.exp(times - length) * -np.expm1(-2 * times) / whole
    return left, right


def extend_band(
    filling: np.ndarray,
    continued: np.ndarray,
    noise: np.ndarray,
    surroundings: Surroundings,
    *,
    sampling_rate: int,
    lowest_hertz: float,
) -> np.ndarray:
    r"""
    Fills the band above the one that a model generates.

    There, the continuation of an edge knows little: it falls silent within milliseconds where music goes on as noise,
    and carries on what is a tone. So, band by band, an ERB each, and in frames of 21 ms, noise gets the power that the
    continuation lacks of the power that the surroundings let expect, E:

        G(t, b) = max(E(t, b) - P_continued(t, b), 0) / P_noise(t, b)

    at most 20 dB. Near the edges E is their power. Further inside, what they were at the moment of the gap counts
    less, and their mean power m in the second around the gap more: in dB, with [`bridge_weights`] l and r,

        E(t, b) = m(b) + l(t) (E_left(b) - m(b)) + r(t) (E_right(b) - m(b))

    That is chosen by measurement, and so is that the band below has no say in it (docs/full_band_study.md).

    Args:
        filling: float64, `(variations, samples)`, as long as the gap: what is kept below `lowest_hertz`.
        continued: float64, `(samples,)`, the share of the edges' continuation in it.
        noise: float64, `(variations, samples)`, for the band above.
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        lowest_hertz: Hz from which on the filling is changed; below half the sampling rate.

    Returns:
        float64 `(variations, samples)`. The filling as it came, where on one side of the gap less than 21 ms of intact
        audio stand, or only silence does.
    """
    transform = erb_transform(sampling_rate)
    window, hop = len(transform.win), transform.hop
    edges = surroundings.sides(max(round(MEAN_SECONDS * sampling_rate), window))
    if min(map(len, edges)) < window or silent_side(*edges) is not None:
        return filling
    above = transform.f >= lowest_hertz
    bands = erb_bands(transform.f) * above
    bands = bands[bands.any(1)]
    powers = [np.square(np.abs(spectra_within(edge, transform))) @ bands.T for edge in edges]
    floor = FLOOR * max(power.max() for power in powers) + TINY

    continuation = framed(continued[None], *edges, transform)
    levels = [np.log(power + floor) for power in powers]
    num_frames = max(round((EDGE_SECONDS * sampling_rate - window) / hop) + 1, 1)
    left, right = levels[0][-num_frames:].mean(0), levels[1][:num_frames].mean(0)
    mean = np.concatenate(levels).mean(0)
    from_left, from_right = bridge_weights(continuation.along, len(continued) / (MEMORY_SECONDS * sampling_rate))
    expected = mean[:, None] + (left - mean)[:, None] * from_left + (right - mean)[:, None] * from_right

    carried = continuation.spectra()[0]
    set_in = np.sin(np.pi / 2 * np.minimum(np.arange(1, len(continued) + 1) / (ONSET_SECONDS * sampling_rate), 1))
    margins = ((0, 0), (continuation.margin, continuation.margin))
    spectra = transform.stft(np.pad(np.minimum(set_in, set_in[::-1]) * noise, margins))
    lacking = np.maximum(np.exp(expected) - floor - bands @ np.square(np.abs(carried)), 0)
    gains = np.minimum(lacking / (bands @ np.square(np.abs(spectra)) + TINY), np.exp(MAX_CHANGE))
    extended = carried + np.sqrt(bands.T @ gains) * spectra
    frames = framed(filling, *edges, transform)
    return frames.filling_of(np.where(above[:, None], extended, frames.spectra()))
