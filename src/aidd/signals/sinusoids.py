"""Sinusoids of changing amplitude and frequency, measured in a frame by the distribution derivative method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy


# Limits of what counts as one sinusoid, in a frame: how far its frequency lies from its peak and how much it changes,
# in bins, and how much its amplitude changes, in powers of e.
MOST_OFFSET, MOST_GLIDE, MOST_CHANGE = 1.0, 10.0, 8.0
# A sinusoid counts as steady unless what changes explains all but this share of what a steady one leaves.
UNEXPLAINED = 0.1
# Added to the diagonal of the normal equations, relative to its largest entry.
REGULAR = 1e-12
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Sinusoids:
    """
    Sinusoids in a frame, each `(sinusoids,)`, with t in samples from the middle of the frame:

        x(t) = Re exp(level + i phase + rate t + bend t^2)

    Args:
        rates: complex, per sample: of the logarithm of the amplitude, and in rad of the phase.
        bends: complex, per squared sample.
        levels: logarithms of the amplitudes in the middle of the frame; too low where the frequency changes much.
        found: whether a sinusoid stands at the peak; where none does, the rate is the peak's frequency alone.
    """

    rates: np.ndarray
    bends: np.ndarray
    levels: np.ndarray
    found: np.ndarray

    def chosen(self, which: np.ndarray) -> Sinusoids:
        """Those that are marked, bool `(sinusoids,)`."""
        return Sinusoids(self.rates[which], self.bends[which], self.levels[which], self.found[which])


def measure_sinusoids(frame: np.ndarray, frequencies: np.ndarray) -> Sinusoids:
    r"""
    Measures the sinusoids at peaks of a spectrum by the distribution derivative method (Betser 2009, Sinusoidal
    Polynomial Parameter Estimation Using the Distribution Derivative, IEEE Transactions on Signal Processing 57). With
    w a Hann window and S, T and D the spectra of x w, x t w and x w', the three bins k around the peak of a sinusoid
    say

        rate S_k + 2 bend T_k = i omega_k S_k - D_k

    In music, other sounds disturb these bins, and take a steady partial for one that changes. With e the squared error
    that is left, and e' that of a steady sinusoid, changes are trusted as far as 1 - 10 e / e' is above 0.

    Args:
        frame: float64, `(samples,)`.
        frequencies: of the peaks, in rad a sample, `(sinusoids,)`.
    """
    length = len(frame)
    window = scipy.signal.windows.hann(length, sym=False)
    # In frames rather than samples, which leaves the equations well conditioned.
    time = (np.arange(length) - length // 2) / length
    slope = np.pi * np.sin(2 * np.pi * np.arange(length) / length)
    spectra = np.fft.rfft(frame * np.stack([window, time * window, slope]))
    places = frequencies * length / (2 * np.pi)
    bins = np.clip(np.round(places).astype(int)[:, None] + np.arange(-1, 2), 0, spectra.shape[-1] - 1)
    # Phases are those in the middle of the frame.
    here, timed, sloped = spectra[:, bins] * np.exp(2j * np.pi * bins * (length // 2) / length)
    matrix = np.stack([here, 2 * timed], axis=-1)
    adjoint = matrix.conj().swapaxes(-1, -2)
    right = (2j * np.pi * bins * here - sloped)[..., None]
    normal = adjoint @ matrix
    normal += (REGULAR * np.abs(normal).max((-1, -2), keepdims=True, initial=0) + TINY) * np.eye(2)
    changing = np.linalg.solve(normal, adjoint @ right)
    power = np.square(np.abs(here)).sum(-1) + TINY
    steady = np.zeros_like(changing)
    steady[:, 0, 0] = 1j * (here.conj() * right[..., 0]).sum(-1).imag / power
    error, steady_error = (np.square(np.abs(right - matrix @ one)).sum((-1, -2)) for one in (changing, steady))
    trust = np.maximum(1 - error / (UNEXPLAINED * steady_error + TINY), 0)[:, None]
    rates, bends = (trust * changing[..., 0] + (1 - trust) * steady[..., 0]).T

    found = np.abs(rates.imag / (2 * np.pi) - places) < MOST_OFFSET
    found &= (np.abs(bends.imag) < np.pi * MOST_GLIDE) & (np.abs(bends.real) < MOST_CHANGE)
    found &= np.abs(rates.real) < MOST_CHANGE
    return Sinusoids(
        np.where(found, rates, 2j * np.pi * places) / length,
        np.where(found, bends, 0) / length**2,
        # These bins hold nearly the same power, 3 / 8 of the peak's squared sum, wherever the peak lies between them.
        0.5 * np.log(power / (0.375 * length**2 / 4)),
        found,
    )
