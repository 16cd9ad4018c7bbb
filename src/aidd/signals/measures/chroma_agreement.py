"""Whether what was filled in has the pitches that were there."""

import numpy as np
from numpy.typing import ArrayLike

from .arguments import as_missing, as_signals
from .spectrograms import centred_frames, gap_centres, hann


# Missing samples 60 dB below their signal carry no chroma of their own.
SILENT_SHARE = 1e-6
A4 = 440.0


def chroma_agreement(
    reference: ArrayLike,
    estimate: ArrayLike,
    mask: ArrayLike,
    *,
    sampling_rate: int,
    window_seconds: float = 0.2,
    hop_seconds: float = 0.01,
    f_min: float = 100.0,
    f_max: float = 5000.0,
) -> float:
    """
    Mean cosine similarity of the chroma of both signals, over the frames centred in the gaps.

    The chroma of a frame is its energy on the twelve pitch classes: bins of a Hann-windowed DFT from f_min to f_max,
    each given whole to the equal-tempered semitone (A4 = 440 Hz) nearest to its frequency, octaves joined. Phases and
    octaves do not matter, and level neither; pitches do.

    Frames are centred on multiples of the hop, and count where the hop around their centre holds a missing sample.
    Their windows are long, as semitones near f_min, 6 Hz apart at 100 Hz, ask for: of a gap shorter than the window
    they read real music on both sides, which both signals share. That raises every score, more so the shorter the
    gap: compare scores at one length of gap only. Outside the signal there are zeros.

    A frame is silent where the power of its missing samples, weighed by its window, is 60 dB below the mean power of
    the whole signal, so that the music next to a gap does not stand in for a gap left empty, or where it has no energy
    between f_min and f_max. Two silent frames agree wholly (1), a silent one and another not at all (0).

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.
        sampling_rate: Hz.
        window_seconds: length of a frame. 0.2 s put bins 5 Hz apart.
        hop_seconds: distance of frames.
        f_min, f_max: Hz; f_max at most half the sampling rate.

    Returns:
        In [0, 1]; 1 of the reference itself, and of it at any other level. Frames of all gaps and channels are pooled.
        Noise does not score 0, as its chroma is flat: expect about 0.5 on a long gap.

    Raises:
        ValueError: shapes that differ, samples that are not finite, an empty mask, a hop below one sample or above
            the window, or frequencies out of order or without any bin.
    """
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    window_length, hop_length = round(window_seconds * sampling_rate), round(hop_seconds * sampling_rate)
    if not 1 <= hop_length <= window_length:
        raise ValueError(f"expected 1 <= hop <= window in samples, got {hop_length} and {window_length}")
    window, folding = hann(window_length), _folding(window_length, sampling_rate, f_min, f_max)
    cosines = []
    for channel in np.ndindex(missing.shape[:-1]):
        centres = gap_centres(missing[channel], hop_length)
        weights = window**2 * centred_frames(missing[channel], centres, window_length)
        x, y = (
            _unit_chroma(
                centred_frames(signal[channel], centres, window_length),
                window,
                weights,
                SILENT_SHARE * np.mean(signal[channel] ** 2),
                folding,
            )
            for signal in (reference, estimate)
        )
        both_silent = ~x.any(-1) & ~y.any(-1)
        cosines.append(np.sum(x * y, axis=-1) + both_silent)
    return float(np.mean(np.concatenate(cosines)))


def _folding(window_length: int, sampling_rate: int, f_min: float, f_max: float) -> np.ndarray:
    """Which bin of a window's DFT counts for which pitch class: `(bins, 12)`, 0 or 1."""
    if not 0 < f_min < f_max <= sampling_rate / 2:
        raise ValueError(f"expected 0 < f_min < f_max <= {sampling_rate / 2} Hz, got {f_min} and {f_max} Hz")
    folding = pitch_classes(np.fft.rfftfreq(window_length, 1 / sampling_rate), f_min, f_max)
    if not folding.any():
        raise ValueError(f"a window of {window_length} samples has no bin between {f_min} and {f_max} Hz")
    return folding


def pitch_classes(frequencies: np.ndarray, f_min: float, f_max: float) -> np.ndarray:
    """
    Which frequencies count for which of the twelve pitch classes, from A on.

    Args:
        frequencies: Hz, `(bins,)`.
        f_min, f_max: Hz; what lies outside counts for none.

    Returns:
        float64 `(bins, 12)`, 0 or 1.
    """
    in_range = (frequencies >= f_min) & (frequencies <= f_max)
    classes = np.zeros((len(frequencies), 12))
    classes[in_range, np.round(12 * np.log2(frequencies[in_range] / A4)).astype(int) % 12] = 1
    return classes


def _unit_chroma(
    frames: np.ndarray, window: np.ndarray, weights: np.ndarray, silent_power: float, folding: np.ndarray
) -> np.ndarray:
    """Chroma at norm 1, or 0 where a frame is silent: `(frames, 12)`. Weights `(frames, samples)` pick the missing."""
    chroma = np.abs(np.fft.rfft(frames * window)) ** 2 @ folding
    silent = np.sum(weights * frames**2, axis=-1) <= silent_power * weights.sum(-1)
    norms = np.linalg.norm(chroma, axis=-1)
    audible = ~silent & (norms > 0)
    return np.where(audible[:, None], chroma / np.where(audible, norms, 1)[:, None], 0)
