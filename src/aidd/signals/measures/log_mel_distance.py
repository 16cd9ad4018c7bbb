"""Distance of log-mel spectrograms."""

import numpy as np
from numpy.typing import ArrayLike

from .arguments import as_missing, as_signals
from .spectrograms import frames_touching, magnitude_spectrogram, mel_filterbank


def log_mel_distance(
    reference: ArrayLike,
    estimate: ArrayLike,
    *,
    sampling_rate: int,
    mask: ArrayLike | None = None,
    window_seconds: float = 0.025,
    hop_seconds: float = 0.01,
    n_mels: int = 64,
    f_min: float = 50.0,
    f_max: float = 8000.0,
    eps: float = 1e-6,
) -> float:
    r"""
    Mean absolute difference of log-mel spectrograms, over frames and bands:

        D = mean_{t, m} | 10 log10(P_x[t, m] + eps) - 10 log10(P_y[t, m] + eps) |

    with P the mel power: squared magnitudes of the DFT of Hann-windowed frames, summed under triangles of height 1 on
    the HTK mel scale. Frames are not padded.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        sampling_rate: Hz.
        mask: bool, broadcastable to the signals, True where samples were missing. When given, only frames that touch
            it count.
        window_seconds, hop_seconds: length and distance of frames.
        n_mels, f_min, f_max: mel bands and their edges in Hz; f_max at most half the sampling rate.
        eps: added to the power. At 24 kHz the default is some ten times the rounding noise of 16 bits; on digital
            silence the result measures mostly this.

    Returns:
        dB, at least 0. Frames of all channels are pooled.

    Raises:
        ValueError: shapes that differ, samples that are not finite, signals shorter than a window, a hop below one
            sample, mel bands that do not fit, an empty mask, or one that no frame touches.
    """
    reference, estimate = as_signals(reference, estimate)
    window_length, hop_length = round(window_seconds * sampling_rate), round(hop_seconds * sampling_rate)
    if min(window_length, hop_length) < 1:
        raise ValueError(f"window and hop must hold a sample, got {window_length} and {hop_length} samples")
    filterbank = mel_filterbank(window_length // 2 + 1, n_mels, sampling_rate=sampling_rate, f_min=f_min, f_max=f_max)
    x, y = (
        10
        * np.log10(
            magnitude_spectrogram(signal, window_length=window_length, hop_length=hop_length) ** 2 @ filterbank + eps
        )
        for signal in (reference, estimate)
    )
    distances = np.abs(x - y).mean(-1)
    if mask is not None:
        missing = as_missing(mask, reference.shape)
        distances = distances[frames_touching(missing, window_length=window_length, hop_length=hop_length)]
        if distances.size == 0:
            raise ValueError("no frame touches the mask")
    return float(distances.mean())
