"""Differences of the spectra of two signals, frame by frame (ITU-R BS.1387-1, annex 2, sections 4.4, 4.5 and 4.8)."""

import numpy as np

from .bands import MASKING_OFFSET, NUM_BANDS
from .ear_model import band_powers


# Bins from this one on, 21.6 kHz, are taken to hold nothing but noise.
FIRST_NOISE_BIN = 921
# Frames whose reference reaches no higher than this bin, 8.1 kHz, are not asked for bandwidths.
LEAST_BANDWIDTH = 346
NUM_LAGS = 256


def bandwidths(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    How many bins, counted from the lowest, each frame's spectra fill: up to the highest that exceeds the estimate's
    noise at the top by 10 dB in the reference, and by 5 dB in the estimate, there no higher than in the reference.

    Args:
        reference, estimate: power spectra, `(..., 1025)`.

    Returns:
        of both, `(...)`; NaN in frames that do not count.
    """
    noise = estimate[..., FIRST_NOISE_BIN:-1].max(-1, keepdims=True)
    of_reference = _highest(reference[..., :FIRST_NOISE_BIN] > 10 * noise)
    within = np.arange(FIRST_NOISE_BIN) < of_reference[..., None]
    of_estimate = _highest(within & (estimate[..., :FIRST_NOISE_BIN] >= 10**0.5 * noise))
    counts = of_reference > LEAST_BANDWIDTH
    return np.where(counts, of_reference, np.nan), np.where(counts, of_estimate, np.nan)


def _highest(above: np.ndarray) -> np.ndarray:
    """One more than the last index that is True, 0 if none is."""
    return np.where(above.any(-1), above.shape[-1] - np.argmax(above[..., ::-1], axis=-1), 0)


def noise_in_bands(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Band powers, `(..., 109)`, of the difference of magnitudes of power spectra after the outer ear."""
    return band_powers((np.sqrt(reference) - np.sqrt(estimate)) ** 2)


def noise_to_mask(noise: np.ndarray, excitation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Ratio of the noise's power to what the reference's excitation masks: mean over bands, and that of the worst band.

    Args:
        noise, excitation: `(..., 109)`.

    Returns:
        ratios of power, `(...)` both.
    """
    ratios = noise * MASKING_OFFSET / excitation
    return ratios.sum(-1) / NUM_BANDS, ratios.max(-1)


def harmonic_structure(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """
    How periodic along frequency the difference of log spectra is: errors that follow a tone's harmonics, or have ones
    of their own, sound coarser than noise. The highest peak of the spectrum of the difference's autocorrelation
    (cepstrum-like), whose mean is taken off before the window, as the reference results ask for, not after.

    Args:
        reference, estimate: power spectra after the outer ear, `(..., 1025)`.

    Returns:
        `(...)`; 0 where there is no difference, or one of the signals is digital silence.
    """
    here, there = reference[..., 1 : 2 * NUM_LAGS], estimate[..., 1 : 2 * NUM_LAGS]
    audible = np.all(here > 0, axis=-1) & np.all(there > 0, axis=-1)
    difference = np.zeros((*reference.shape[:-1], 2 * NUM_LAGS))
    # The bin of the mean is 0 in both.
    difference[audible, 1:] = np.log(there[audible] / here[audible])

    first = np.fft.rfft(difference[..., :NUM_LAGS], 2 * NUM_LAGS)
    correlation = np.fft.irfft(np.fft.rfft(difference) * first.conj())[..., :NUM_LAGS]
    sums = np.cumsum(np.pad(difference**2, [(0, 0)] * (difference.ndim - 1) + [(1, 0)]), axis=-1)
    energies = sums[..., NUM_LAGS:-1] - sums[..., :NUM_LAGS]
    norms = energies[..., :1] * energies
    defined = np.all(norms > 0, axis=-1)
    correlation = correlation / np.sqrt(np.where(defined[..., None], norms, 1))

    window = np.sqrt(2 / 3) * (1 - np.cos(2 * np.pi * np.arange(NUM_LAGS) / (NUM_LAGS - 1))) / NUM_LAGS
    centred = correlation - correlation.mean(-1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred * window)) ** 2
    # The spectrum falls from its first bin: only what rises again is a peak.
    rising = spectrum[..., 1:] > spectrum[..., :-1]
    return np.where(defined, np.max(spectrum[..., 1:], axis=-1, initial=0, where=rising), 0)
