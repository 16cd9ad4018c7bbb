"""Whether what was filled in has the note onsets that were there."""

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_missing, as_signals
from ...signals.measures.spectrograms import frames_touching, magnitude_spectrogram, mel_filterbank


# Onset strengths, in log10 units of power, that spread less than this are rounding: there is no curve to compare.
CONSTANT = 1e-9


def onset_agreement(
    reference: ArrayLike,
    estimate: ArrayLike,
    mask: ArrayLike,
    *,
    sampling_rate: int,
    window_seconds: float = 0.032,
    hop_seconds: float = 0.008,
    n_mels: int = 40,
    f_min: float = 40.0,
    f_max: float = 8000.0,
    floor_db: float = 40.0,
) -> float:
    """
    Pearson correlation of the onset strengths of both signals, over the frames that touch the gaps.

    Onset strength is the half-wave rectified flux of the log-mel spectrogram,

        o[t] = mean_m max(0, L[t, m] - L[t - 1, m]),    L = log10( P + 10^(-floor_db / 10) max P )

    with P the mel power, and the maximum that over the whole signal. Frames are not padded; one counts where it or
    the one before it reads a missing sample. So a gap left empty has its onset where the music comes back.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.
        sampling_rate: Hz.
        window_seconds, hop_seconds: length and distance of frames.
        n_mels, f_min, f_max: mel bands and their edges in Hz; f_max at most half the sampling rate.
        floor_db: what is further than this below the loudest of its signal counts for little. Without it, hiss
            between the notes would flicker as strongly as notes.

    Returns:
        In [-1, 1]; 1 of the reference itself, and of it at any other level. The frames of all gaps of a channel are
        pooled; channels are averaged. A curve that is constant has no correlation: two of them agree wholly (1), one
        of them and another not at all (0). On music without an onset in the gap the score is that of small
        fluctuations, and low for anything but the reference: take means over many gaps.

    Raises:
        ValueError: shapes that differ, samples that are not finite, an empty mask, signals shorter than a window and a
            hop, a gap that no pair of frames touches, or mel bands that do not fit.
    """
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    frames = {
        "window_length": round(window_seconds * sampling_rate),
        "hop_length": round(hop_seconds * sampling_rate),
    }
    if not 1 <= frames["hop_length"] <= reference.shape[-1] - frames["window_length"]:
        raise ValueError(
            f"expected signals of a window and a hop, {frames['window_length']} + {frames['hop_length']} samples, "
            f"the hop at least 1; got {reference.shape[-1]}"
        )
    filterbank = mel_filterbank(
        frames["window_length"] // 2 + 1, n_mels, sampling_rate=sampling_rate, f_min=f_min, f_max=f_max
    )
    correlations = []
    for channel in np.ndindex(missing.shape[:-1]):
        touching = frames_touching(missing[channel], **frames)
        counted = touching[1:] | touching[:-1]
        if not counted.any():
            if missing[channel].any():
                raise ValueError("no pair of frames touches the gap")
            continue
        x, y = (
            _onset_strength(magnitude_spectrogram(signal[channel], **frames) ** 2 @ filterbank, floor_db)[counted]
            for signal in (reference, estimate)
        )
        correlations.append(_correlation(x, y))
    return float(np.mean(correlations))


def _onset_strength(mel_power: np.ndarray, floor_db: float) -> np.ndarray:
    """Spectral flux of each frame but the first, `(frames - 1,)`."""
    loudest = mel_power.max()
    if loudest == 0:
        return np.zeros(len(mel_power) - 1)
    levels = np.log10(mel_power / loudest + 10 ** (-floor_db / 10))
    return np.maximum(0, np.diff(levels, axis=0)).mean(-1)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    constant = np.ptp(x) < CONSTANT, np.ptp(y) < CONSTANT
    if any(constant):
        return float(all(constant))
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))
