"""What the frames of a recording sound like, read block by block: levels in bands, onsets, and pitch classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..masks.gaps import mask_of
from ..signals.bands import erb_bands
from ..signals.measures.chroma_agreement import pitch_classes


if TYPE_CHECKING:
    from ..signals.arrays import ReadStretches

# Length of a frame, and distance of frames.
WINDOW_SECONDS, HOP_SECONDS = 0.085, 0.02
# Samples of a channel that are read at a time.
BLOCK_SAMPLES = 2**18
# Chroma counts from the lower frequency to the higher one, in Hz.
CHROMA_HERTZ = (100.0, 5_000.0)
# Powers this far below the loudest count as silence: -80 dB.
FLOOR = 1e-8
# A feature that varies less than this, as a share of its size, is constant.
LEAST_VARIATION = 1e-6


def frame_lengths(sampling_rate: int) -> tuple[int, int]:
    """Samples of a frame, and from frame to frame."""
    return max(round(WINDOW_SECONDS * sampling_rate), 2), max(round(HOP_SECONDS * sampling_rate), 1)


def are_intact(gaps: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Which stretches, given by their starts and exclusive stops, touch none of the gaps: bool `(stretches,)`."""
    return np.searchsorted(gaps[:, 0], stops) == np.searchsorted(gaps[:, 1], starts, "right")


def recording_features(
    read: ReadStretches,
    gaps: np.ndarray,
    *,
    num_samples: int,
    sampling_rate: int,
    block_samples: int = BLOCK_SAMPLES,
) -> tuple[np.ndarray, np.ndarray]:
    """
    What frames of the channels' mean sound like: levels in dB in bands of one ERB (timbre) and in twelve pitch classes
    (chroma), and how much the former have risen since the frame before (onsets). Each feature has mean 0 and power 1
    over the recording, or is 0 where it does not vary.

    In memory there are one block, and the features: 400 bytes a frame, or 20 kB a second, at 44.1 kHz.

    Args:
        read: reads the recording.
        gaps: where any channel is missing, int64 `(gaps, 2)`, see [`aidd.masks.gaps`]. What is read there does not
            matter.
        num_samples: length of the recording.
        sampling_rate: Hz.
        block_samples: samples of a channel that are read at a time. The features do not depend on it.

    Returns:
        float32 `(frames, features)`, zero in frames that hold missing samples, and bool `(frames,)`, which hold none.
        Frame f starts at sample `f * hop`, see [`frame_lengths`].
    """
    length, hop = frame_lengths(sampling_rate)
    window, hertz = scipy.signal.windows.hann(length, sym=False), np.fft.rfftfreq(length, 1 / sampling_rate)
    bands = erb_bands(hertz).T
    folding = np.concatenate([bands, pitch_classes(hertz, *CHROMA_HERTZ)], axis=1)
    num_bands, num_levels = bands.shape[1], folding.shape[1]
    num_frames = max((num_samples - length) // hop + 1, 0)
    features = np.zeros((num_frames, num_levels + num_bands), np.float32)
    levels, rises = features[:, :num_levels], features[:, num_levels:]

    firsts = range(0, num_frames, max(block_samples // hop, 1))
    stretches = [(first * hop, (min(first + firsts.step, num_frames) - 1) * hop + length) for first in firsts]
    for first, (start, stop), block in zip(firsts, stretches, read(stretches), strict=True):
        mono = np.where(mask_of(gaps, start, stop), 0.0, block).mean(0)
        frames = np.lib.stride_tricks.sliding_window_view(mono, length)[::hop]
        levels[first : first + len(frames)] = np.square(np.abs(np.fft.rfft(frames * window))) @ folding
    # In place from here on: the features are all that grows with the recording.
    levels += FLOOR * levels.max(initial=0) + np.finfo(np.float32).tiny
    np.log10(levels, out=levels)
    levels *= 10
    starts = np.arange(num_frames) * hop
    valid = are_intact(gaps, starts, starts + length)
    np.subtract(levels[1:, :num_bands], levels[:-1, :num_bands], out=rises[1:])
    np.maximum(rises, 0, out=rises)
    # A rise needs a frame before.
    rises[1:] *= valid[:-1, None]
    features *= valid[:, None]
    for feature in features.T if valid.any() else ():
        of_valid = feature[valid].astype(np.float64)
        mean, deviation = of_valid.mean(), of_valid.std()
        varies = deviation > LEAST_VARIATION * (1 + abs(mean))
        feature[valid] = (of_valid - mean) / deviation if varies else 0
    return features, valid
