"""Spectral lines of the music around a gap, given to what was generated for it."""

import numpy as np

from ..signals.bands import erb_bands
from .surroundings import SPECTRUM_SECONDS, Surroundings, edge_spectra


# Window length of the spectra: bins lie 12 Hz apart, which separates neighbouring notes of a piano from its second
# octave on.
WINDOW_SECONDS = 0.085
# Floor of a power spectrum, relative to its maximum.
FLOOR = 1e-12
# Least and largest gain of a line, in power.
LOWEST_GAIN, HIGHEST_GAIN = 1e-3, 1e2


def match_fine_structure(
    generated: np.ndarray, surroundings: Surroundings, *, sampling_rate: int, amount: float
) -> np.ndarray:
    r"""
    Moves power within bands of one ERB towards the lines that sound around a gap.

    A codec of few bits keeps how loud each band is, and when, better than where in it the partials lie, and a small
    token model hardly knows. The spectra around a gap do: with S the mean power spectrum of what was generated for the
    gap, and T(t) that which runs from one edge's to the other's, linearly in dB, frames of it get the gain

        G(t, f) = ( (T(t, f) / T_erb(t, f)) / (S(f) / S_erb(f)) )^amount * c(t, f)

    in power, where T_erb and S_erb are T and S summed over ERB bands, and c gives each band back the power that it
    had: levels and their course in time stay those that were generated.

    Args:
        generated: float64, `(samples,)`, aligned with the signal that the gap is of.
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        amount: in [0, 1]; 0 changes nothing, and at 1 the mean spectrum of a band has the shape it has around the gap.

    Returns:
        float64 `(samples,)`: changed inside the gap alone. The generated audio, where there is nothing intact next to
        the gap, or silence in one of the three places.
    """
    start, end = surroundings.start, surroundings.end
    n_fft = 4 * round(WINDOW_SECONDS * sampling_rate / 4)
    context = max(round(SPECTRUM_SECONDS * sampling_rate), n_fft)
    edges = edge_spectra(surroundings, n_fft=n_fft, num_context=context)
    if not amount or not edges or not all(one.any() for one in (*edges, generated[start:end])):
        return generated

    hop, window = n_fft // 4, np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft))
    # Every sample of the gap lies in four windows; outside the signal there are zeros.
    starts = np.arange(start - n_fft + hop, end, hop)
    padded = np.pad(generated, n_fft)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[starts + n_fft]
    centres = (starts + n_fft / 2 - start) / (end - start)
    inside = np.abs(centres - 0.5) <= max(0.5, np.abs(centres - 0.5).min())
    mean_power = (np.abs(np.fft.rfft(frames[inside] * window**2)) ** 2).mean(0)
    left, right, mean_power = (np.maximum(one, FLOOR * one.max()) for one in (edges[0], edges[-1], mean_power))
    along = np.clip(centres, 0, 1)[:, None]
    target = np.exp((1 - along) * np.log(left) + along * np.log(right))
    bands = erb_bands(np.fft.rfftfreq(n_fft, 1 / sampling_rate))

    def in_bands(power: np.ndarray) -> np.ndarray:
        return power @ bands.T @ bands

    fine_structure = (target / in_bands(target)) / (mean_power / in_bands(mean_power))
    gains = np.clip(fine_structure**amount, LOWEST_GAIN, HIGHEST_GAIN)
    gains *= in_bands(mean_power) / in_bands(gains * mean_power)

    matched = np.zeros(len(padded))
    filtered = np.fft.irfft(np.fft.rfft(frames * window) * np.sqrt(gains), n_fft) * window
    for first, frame in zip(starts + n_fft, filtered, strict=True):
        # Squared windows a quarter apart add up to two.
        matched[first : first + n_fft] += frame / 2
    result = generated.copy()
    result[start:end] = matched[n_fft + start : n_fft + end]
    return result
