"""How far the partials stand out of what lies between them, before and after."""

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_missing, as_signals
from ...signals.measures.spectrograms import centred_frames, gap_centres, hann


# Powers this far below the largest of the reference's frames do not count: -90 dB.
FLOOR = 1e-9


def partials_lost(
    reference: ArrayLike,
    estimate: ArrayLike,
    mask: ArrayLike,
    *,
    sampling_rate: int,
    window_seconds: float = 0.085,
    hop_seconds: float = 0.01,
    f_min: float = 150.0,
    f_max: float = 3000.0,
    slot_hertz: float = 150.0,
) -> float:
    """
    How much less partials stand out of their surroundings than they did, in dB: peaks over medians of the reference,
    less those of the estimate. The log-spectral distance hardly sees that a chord has become a cloud.

    The spectrum of a Hann-windowed frame, from f_min to f_max, is cut into slots of equal width. The highest bin of a
    slot in dB, less the median one, is how far a partial stands out there, and its mean over slots is the frame's
    value: some 6 dB for noise, 13 to 25 for steady tones of eight partials in a little noise. Frames are centred on
    multiples of the hop, and count where the hop around their centre holds a missing sample. In a gap shorter than a
    window, frames see the music beside it too: compare gaps of one length only.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.
        sampling_rate: Hz.
        window_seconds: length of a frame. 85 ms put bins 12 Hz apart.
        hop_seconds: distance of frames.
        f_min, f_max: Hz; f_max at most half the sampling rate.
        slot_hertz: width of a slot.

    Returns:
        dB: 0 for the reference itself, at any level; above 0 where partials were lost, and for silence as much as
        there was to lose; below 0 where the estimate has sharper ones. Frames of all gaps and channels are pooled.

    Raises:
        ValueError: shapes that differ, samples that are not finite, an empty mask, a hop below one sample or above
            the window, or frequencies out of order or in slots of fewer than three bins.
    """
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    window_length, hop_length = round(window_seconds * sampling_rate), round(hop_seconds * sampling_rate)
    if not 1 <= hop_length <= window_length:
        raise ValueError(f"expected 1 <= hop <= window in samples, got {hop_length} and {window_length}")
    if not 0 < f_min < f_max <= sampling_rate / 2:
        raise ValueError(f"expected 0 < f_min < f_max <= {sampling_rate / 2} Hz, got {f_min} and {f_max} Hz")
    first, width = (round(hertz * window_length / sampling_rate) for hertz in (f_min, slot_hertz))
    num_slots = int((f_max - f_min) / slot_hertz)
    if width < 3 or num_slots < 1:
        raise ValueError(
            f"expected slots of at least three bins between f_min and f_max, got {num_slots} of {width} bins"
        )
    window, differences = hann(window_length), []
    for channel in np.ndindex(missing.shape[:-1]):
        centres = gap_centres(missing[channel], hop_length)
        powers = []
        for signal in (reference, estimate):
            frames = centred_frames(signal[channel], centres, window_length)
            spectra = np.abs(np.fft.rfft(frames * window)) ** 2
            slots = spectra[:, first : first + num_slots * width]
            powers.append(slots.reshape(len(centres), -1, width))
        differences.append(_prominence(powers[0]) - _prominence(powers[1]))
    return float(np.mean(np.concatenate(differences)))


def _prominence(powers: np.ndarray) -> np.ndarray:
    """Peak over median, in dB, of `(frames, slots, bins)`: `(frames,)`."""
    levels = 10 * np.log10(powers + FLOOR * powers.max(initial=0) + np.finfo(np.float64).tiny)
    return (levels.max(-1) - np.median(levels, axis=-1)).mean(-1)
