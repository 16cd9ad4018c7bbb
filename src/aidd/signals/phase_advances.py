"""How phases advance from frame to frame at instantaneous frequencies, and what frames differ by beyond that."""

import numpy as np

from .stft import analyse


# Power added to that of a spectrogram before it divides, relative to the maximum.
POWER_FLOOR = 1e-10


def phase_advances(signals: np.ndarray, window: np.ndarray, hop_length: int) -> np.ndarray:
    """
    How phases advance from a frame to the next at the instantaneous frequencies of the second. The distance of a bin's
    frequency from its centre is -Im(G'x conj(Gx)) / |Gx|^2, where G' has the window's derivative (Yatabe et al. 2019,
    equation 21); numerator and denominator are summed over channels.

    Args:
        signals: float64 `(channels, samples)`.
        window: float64 `(n_fft,)`.
        hop_length: samples from one frame to the next.

    Returns:
        complex128 `(bins, frames - 1)`, of magnitude 1.
    """
    slope = np.gradient(window) * len(window) / (2 * np.pi)
    spectra, sloped = analyse(signals, window, hop_length), analyse(signals, slope, hop_length)
    power = np.square(np.abs(spectra)).sum(0)
    power += POWER_FLOOR * power.max() + np.finfo(np.float64).tiny
    deviation = -(sloped * spectra.conj()).imag.sum(0) / power
    bins = np.arange(len(deviation))[:, None] + deviation
    return np.exp(2j * np.pi * hop_length / len(window) * bins[:, 1:])


def variation(spectra: np.ndarray, advances: np.ndarray) -> np.ndarray:
    """
    D R_w: what a frame differs by from the next, turned back. The rotations common to both change no magnitude and are
    left out. Complex `(..., bins, frames)` to `(..., bins, frames - 1)`.
    """
    return spectra[..., :-1] - advances.conj() * spectra[..., 1:]


def variation_adjoint(differences: np.ndarray, advances: np.ndarray) -> np.ndarray:
    """The adjoint of [`variation`]: complex `(..., bins, frames - 1)` to `(..., bins, frames)`."""
    none = np.zeros_like(differences[..., :1])
    return np.concatenate([differences, none], -1) - np.concatenate([none, advances * differences], -1)
