"""Bands of equal auditory bandwidth (ERB)."""

from __future__ import annotations

import numpy as np
import scipy


FRAME_SECONDS = 0.0213


def erb_rate(frequencies: np.ndarray) -> np.ndarray:
    """Hz to units of equal auditory bandwidth (Glasberg & Moore 1990)."""
    return 21.4 * np.log10(1 + 0.00437 * frequencies)


def erb_bands(frequencies: np.ndarray) -> np.ndarray:
    """
    Triangular bands a unit of the ERB-rate scale apart.

    Args:
        frequencies: Hz, `(bins,)`.

    Returns:
        float64 `(bands, bins)`; every bin's weights add up to one.
    """
    rate = erb_rate(frequencies)
    bands = np.maximum(0, 1 - np.abs(rate - np.arange(np.ceil(rate.max()) + 1)[:, None]))
    return bands[bands.any(axis=1)]


def erb_transform(sampling_rate: int) -> scipy.signal.ShortTimeFFT:
    """Short-time spectra whose powers are summed in these bands: Hann windows of 21 ms, a quarter of one apart."""
    hop = max(round(FRAME_SECONDS * sampling_rate / 4), 1)
    return scipy.signal.ShortTimeFFT(scipy.signal.windows.hann(4 * hop, sym=False), hop, sampling_rate)


def spectra_within(signals: np.ndarray, transform: scipy.signal.ShortTimeFFT) -> np.ndarray:
    """
    Spectra of the frames that lie within signals, none of which reads beyond their ends.

    Args:
        signals: float64, `(..., samples)`, at least a window of them.
        transform: as [`erb_transform`] makes it.

    Returns:
        complex128 `(..., frames, bins)`.
    """
    frames = np.lib.stride_tricks.sliding_window_view(signals, len(transform.win), axis=-1)
    return np.fft.rfft(frames[..., :: transform.hop, :] * transform.win)


def erb_powers(signals: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Powers in bands of one ERB and frames of 21 ms, a quarter of a frame apart. Signals shorter than a frame are padded
    by zeros to one.

    Args:
        signals: float64, `(signals, samples)`.
        sampling_rate: Hz.

    Returns:
        float64 `(signals, bands, frames)`, and the samples that the frames are centred on, int `(frames,)`: some lie
        outside the signals.
    """
    transform = erb_transform(sampling_rate)
    padded = np.pad(signals, ((0, 0), (0, max(len(transform.win) - signals.shape[-1], 0))))
    powers = np.einsum("bf,sft->sbt", erb_bands(transform.f), np.square(np.abs(transform.stft(padded))))
    return powers, (transform.p_min + np.arange(powers.shape[-1])) * transform.hop
