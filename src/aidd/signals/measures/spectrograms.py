"""Short-time spectra that metrics and embedders are built on: numpy, float64, no padding."""

import numpy as np


def hann(window_length: int) -> np.ndarray:
    """Periodic Hann window: float64 `(window_length,)`."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_length) / window_length)


def magnitude_spectrogram(
    signal: np.ndarray, *, window_length: int, hop_length: int, n_fft: int | None = None
) -> np.ndarray:
    """
    |DFT| of Hann-windowed frames, of which frame t reads samples t hop_length, ..., t hop_length + window_length - 1.

    Args:
        signal: float `(..., samples)`, samples at least window_length.
        window_length, hop_length: in samples.
        n_fft: length frames are zero-padded to; window_length if None.

    Returns:
        `(..., 1 + (samples - window_length) // hop_length, n_fft // 2 + 1)`.

    Raises:
        ValueError: a signal shorter than a window.
    """
    if signal.shape[-1] < window_length:
        raise ValueError(f"signals must be at least {window_length} samples long, one window, got {signal.shape[-1]}")
    frames = np.lib.stride_tricks.sliding_window_view(signal, window_length, axis=-1)[..., ::hop_length, :]
    return np.abs(np.fft.rfft(frames * hann(window_length), n_fft))


def gap_centres(missing: np.ndarray, hop_length: int) -> np.ndarray:
    """
    The multiples of a hop, in samples, around which a hop holds a missing sample: int `(frames,)`.

    Args:
        missing: bool, `(samples,)`.
        hop_length: in samples.
    """
    return np.unique((np.flatnonzero(missing) + hop_length // 2) // hop_length) * hop_length


def centred_frames(samples: np.ndarray, centres: np.ndarray, window_length: int) -> np.ndarray:
    """Frames of `(samples,)` about centres, with zeros outside the signal: `(frames, window_length)`."""
    padded = np.pad(samples, (window_length // 2, window_length))
    return np.lib.stride_tricks.sliding_window_view(padded, window_length)[centres]


def mel_filterbank(num_bins: int, n_mels: int, *, sampling_rate: float, f_min: float, f_max: float) -> np.ndarray:
    """
    Triangles of height 1, equally spaced and straight-sided on the mel scale, 1127 ln(1 + f / 700 Hz).

    A bin's weight is the triangle at its frequency; the bin at 0 Hz has none. This is HTK's form, and VGGish's.

    Args:
        num_bins: of the spectra, from 0 Hz to half the sampling rate.
        n_mels: number of triangles.
        sampling_rate: Hz.
        f_min, f_max: lower edge of the first triangle and upper edge of the last, Hz.

    Returns:
        `(num_bins, n_mels)`.

    Raises:
        ValueError: edges out of order or beyond half the sampling rate, or triangles so narrow that they hold no bin.
    """
    if not 0 <= f_min < f_max <= sampling_rate / 2:
        raise ValueError(f"expected 0 <= f_min < f_max <= {sampling_rate / 2} Hz, got {f_min} and {f_max} Hz")
    bins = _mel(np.linspace(0, sampling_rate / 2, num_bins))[:, None]
    edges = np.linspace(_mel(f_min), _mel(f_max), n_mels + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    weights[0] = 0
    if not weights.any(0).all():
        raise ValueError(
            f"{n_mels} mel bands from {f_min} to {f_max} Hz are too many for {num_bins} bins: "
            f"{np.count_nonzero(~weights.any(0))} hold none"
        )
    return weights


def frames_touching(mask: np.ndarray, *, window_length: int, hop_length: int) -> np.ndarray:
    """Which frames of [`magnitude_spectrogram`] read a sample that is True in a `(..., samples)` mask: bool."""
    frames = np.lib.stride_tricks.sliding_window_view(mask, window_length, axis=-1)[..., ::hop_length, :]
    return np.any(frames, axis=-1)


def _mel(frequency: float | np.ndarray) -> np.ndarray:
    return 1127 * np.log1p(np.asarray(frequency) / 700)
