"""From samples to excitation along the basilar membrane (ITU-R BS.1387-1, annex 2, section 2.1)."""

import numpy as np

from .bands import (
    BARK_PER_BAND,
    CENTRES,
    FRAME_LENGTH,
    HOP_LENGTH,
    INTERNAL_NOISE,
    NUM_BANDS,
    SAMPLING_RATE,
    poles,
    shares,
)


# dB SPL of a sine of full scale, at which the standard has its listeners.
PLAYBACK_LEVEL = 92.0
# What is left of the window's peak when the sine of that calibration, 1019.5 Hz, falls between two bins.
PEAK_BETWEEN_BINS = 0.84971762641205
# Power below which a band counts as empty.
LEAST_POWER = 1e-12
# Exponent at which powers that reach a band from others add up.
ADDITION = 0.4


def frames_of(signals: np.ndarray) -> np.ndarray:
    """
    Frames of 2048 samples, half overlapping, the last filled up with zeros: `(..., samples)` to `(frames, ..., 2048)`,
    a view. There is at least one, and none that less than a hop of samples would begin.
    """
    num_frames = max(signals.shape[-1] // HOP_LENGTH, 1)
    missing = (num_frames + 1) * HOP_LENGTH - signals.shape[-1]
    padded = np.pad(signals, [(0, 0)] * (signals.ndim - 1) + [(0, missing)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_LENGTH, axis=-1)[..., ::HOP_LENGTH, :]
    return np.moveaxis(frames, -2, 0)


def power_spectra(frames: np.ndarray) -> np.ndarray:
    """
    Sound pressure, squared, of frames through a Hann window: `(..., 2048)` to `(..., 1025)`. A sine of full scale and
    1019.5 Hz peaks at 92 dB (section 2.1.3).
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_LENGTH) / (FRAME_LENGTH - 1))
    amplitude = 10 ** (PLAYBACK_LEVEL / 20) / (PEAK_BETWEEN_BINS / 4 * (FRAME_LENGTH - 1))
    spectra = np.fft.rfft(frames * (amplitude * window))
    return spectra.real**2 + spectra.imag**2


def outer_ear() -> np.ndarray:
    """Gain of power through outer and middle ear, `(1025,)` (equation 7); none of the mean passes."""
    kilohertz = np.arange(1, FRAME_LENGTH // 2 + 1) * SAMPLING_RATE / FRAME_LENGTH / 1000
    decibels = -0.6 * 3.64 * kilohertz**-0.8 + 6.5 * np.exp(-0.6 * (kilohertz - 3.3) ** 2) - 1e-3 * kilohertz**3.6
    return np.concatenate([[0], 10 ** (decibels / 10)])


def band_powers(spectra: np.ndarray) -> np.ndarray:
    """Power spectra, `(..., 1025)`, summed up in bands, `(..., 109)`, at least `LEAST_POWER` (section 2.1.5)."""
    return np.maximum(spectra @ shares(), LEAST_POWER)


def pitch_patterns(weighted_spectra: np.ndarray) -> np.ndarray:
    """Band powers of spectra after the outer ear, `(..., 1025)`, with the ear's own noise, `(..., 109)`."""
    return band_powers(weighted_spectra) + INTERNAL_NOISE


def spread_over_bands(patterns: np.ndarray) -> np.ndarray:
    r"""
    What bands excite in each other (section 2.1.7).

    A band of power P excites those below it with a slope of 27 dB a Bark, and those above with one that depends on its
    frequency and level, 24 + 230 Hz/f - 2 log10 P dB a Bark. Its spread power sums to P; where several meet, they add
    as powers of 0.4:

        E[k] = ( sum_j (P[j] S_j[k - j] / sum_i S_j[i - j])^0.4 )^(1 / 0.4) / N[k]

    with N so that a pattern of ones keeps its ones.

    Args:
        patterns: `(..., 109)`, band powers with the ear's own noise, all above 0.
    """
    return _spread(patterns) / _spread(np.ones(NUM_BANDS))


def _spread(patterns: np.ndarray) -> np.ndarray:
    bands = np.arange(NUM_BANDS)
    downwards = 10 ** (-2.7 * BARK_PER_BAND)
    upwards = 10 ** ((-2.4 - 23 / CENTRES) * BARK_PER_BAND) * patterns ** (0.2 * BARK_PER_BAND)
    # The geometric sums over the bands below, the band itself, and those above.
    total = (1 - downwards ** (bands + 1)) / (1 - downwards) + (1 - upwards ** (NUM_BANDS - bands)) / (1 - upwards) - 1
    compressed = (patterns / total) ** ADDITION
    excitation = compressed.copy()
    from_below, from_above = compressed, compressed
    downwards, upwards = downwards**ADDITION, upwards**ADDITION
    for distance in range(1, NUM_BANDS):
        from_below = from_below[..., :-1] * upwards[..., :-distance]
        from_above = from_above[..., 1:] * downwards
        excitation[..., distance:] += from_below
        excitation[..., :-distance] += from_above
    return excitation ** (1 / ADDITION)


def spread_over_time(excitation: np.ndarray) -> np.ndarray:
    """Forward masking: excitation, `(frames, ..., 109)`, that decays no faster than the ear's (section 2.1.8)."""
    pole = poles(0.008, 0.030)
    return np.maximum(smooth(excitation, pole, 1 - pole), excitation)


def smooth(values: np.ndarray, pole: float | np.ndarray, gain: float | np.ndarray) -> np.ndarray:
    """Along the first axis, from rest: y[n] = pole y[n - 1] + gain x[n]."""
    smoothed = gain * values
    for frame in range(1, len(smoothed)):
        smoothed[frame] += pole * smoothed[frame - 1]
    return smoothed
