"""The band above the one that a model generates, at levels that are known from the surroundings of its gap."""

import numpy as np
import scipy

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
    """
    Fills the band above the one that a model generates: [`fill_up`] to the [`expected_power`].

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
    power = expected_power(surroundings, sampling_rate=sampling_rate, lowest_hertz=lowest_hertz)
    if power is None:
        return filling
    return fill_up(
        filling, continued, noise, surroundings, power, sampling_rate=sampling_rate, lowest_hertz=lowest_hertz
    )


def expected_power(
    surroundings: Surroundings, *, sampling_rate: int, lowest_hertz: float, memory_seconds: float = MEMORY_SECONDS
) -> np.ndarray | None:
    r"""
    The power of bands of one ERB that the surroundings of a gap let expect in it.

    Near the edges it is the edges' own. Further inside, what they were at the moment of the gap counts less, and their
    mean m in the second on either side more: in dB, with [`bridge_weights`] l and r,

        E(t, b) = m(b) + l(t) (E_left(b) - m(b)) + r(t) (E_right(b) - m(b))

    The time that this takes was chosen by measurement, and so was that the band below has no say in it
    (docs/full_band_study.md).

    Args:
        surroundings, sampling_rate, lowest_hertz: see [`extend_band`].
        memory_seconds: time in which a level forgets how far it was from its mean.

    Returns:
        float64 `(bands, frames)`, for the frames that [`~aidd.splice.framed_filling.framed`] gives a filling; None
        where on one side of the gap less than 21 ms of intact audio stand, or only silence does.
    """
    transform = erb_transform(sampling_rate)
    window = len(transform.win)
    edges = surroundings.sides(max(round(MEAN_SECONDS * sampling_rate), window))
    if min(map(len, edges)) < window or silent_side(*edges) is not None:
        return None
    bands = bands_above(transform.f, lowest_hertz)
    powers = [np.square(np.abs(spectra_within(edge, transform))) @ bands.T for edge in edges]
    floor = FLOOR * max(power.max() for power in powers) + TINY
    levels = [np.log(power + floor) for power in powers]
    num_frames = max(round((EDGE_SECONDS * sampling_rate - window) / transform.hop) + 1, 1)
    mean = np.concatenate(levels).mean(0)
    left, right = levels[0][-num_frames:].mean(0) - mean, levels[1][:num_frames].mean(0) - mean
    length = surroundings.num_samples
    along = framed(np.zeros((1, length)), *edges, transform).along
    from_left, from_right = bridge_weights(along, length / (memory_seconds * sampling_rate))
    expected = mean[:, None] + left[:, None] * from_left + right[:, None] * from_right
    return np.maximum(np.exp(expected) - floor, 0)


def fill_up(
    filling: np.ndarray,
    continued: np.ndarray,
    noise: np.ndarray,
    surroundings: Surroundings,
    power: np.ndarray,
    *,
    sampling_rate: int,
    lowest_hertz: float,
) -> np.ndarray:
    r"""
    Gives noise the power that the continuation of a gap's edges lacks.

    Above the band of most music, a continuation falls silent within milliseconds, where the music goes on as noise;
    what is a tone, it carries on. So with E the power that is wanted, in bands of one ERB and frames of 21 ms, the
    noise gets the gain

        G(t, b) = max(E(t, b) - P_continued(t, b), 0) / P_noise(t, b)

    in power, at most 20 dB.

    Args:
        filling, continued, noise, surroundings, sampling_rate, lowest_hertz: see [`extend_band`]; at least 21 ms of
            intact audio on either side of the gap.
        power: E, as of [`expected_power`].

    Returns:
        float64 `(variations, samples)`.
    """
    transform = erb_transform(sampling_rate)
    bands = bands_above(transform.f, lowest_hertz)
    edges = surroundings.sides(len(transform.win))
    frames = framed(filling, *edges, transform)
    carried = framed(continued[None], *edges, transform).spectra()[0]
    onset = np.sin(np.pi / 2 * np.minimum(np.arange(1, len(continued) + 1) / (ONSET_SECONDS * sampling_rate), 1))
    around = np.pad(np.minimum(onset, onset[::-1]) * noise, ((0, 0), (frames.margin, frames.margin)))
    spectra = transform.stft(around)
    lacking = np.maximum(power - bands @ np.square(np.abs(carried)), 0)
    gains = np.minimum(lacking / (bands @ np.square(np.abs(spectra)) + TINY), np.exp(MAX_CHANGE))
    above = transform.f[:, None] >= lowest_hertz
    return frames.filling_of(np.where(above, carried + np.sqrt(bands.T @ gains) * spectra, frames.spectra()))


def band_below(signal: np.ndarray, *, sampling_rate: int, lowest_hertz: float) -> np.ndarray:
    """A signal, float64 `(samples,)` at a rate in Hz, without what it has from a frequency on, in Hz."""
    # Lengths of large prime factors take ten times as long.
    n_fft = scipy.fft.next_fast_len(len(signal), real=True)
    below = np.fft.rfftfreq(n_fft, 1 / sampling_rate) < lowest_hertz
    return np.fft.irfft(np.fft.rfft(signal, n_fft) * below, n_fft)[: len(signal)]


def bands_above(frequencies: np.ndarray, lowest_hertz: float) -> np.ndarray:
    """What of [`~aidd.signals.bands.erb_bands`] lies at a frequency or above it, in Hz: float64 `(bands, bins)`."""
    bands = erb_bands(frequencies) * (frequencies >= lowest_hertz)
    return bands[bands.any(axis=1)]
