"""Noise of the surroundings' spectrum: the anchor that a generative method must beat."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..splice.continuation import splice
from ..splice.contract import fill_channels
from ..splice.surroundings import SPECTRUM_SECONDS, surrounding_noise, surroundings_of


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform


def envelope_noise(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    n_fft: int = 2048,
    context_seconds: float = SPECTRUM_SECONDS,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) with Gaussian noise whose power spectrum runs from that of one edge to that of
    the other, linearly in dB, blended with the autoregressive continuation of both edges by
    [`~aidd.splice.continuation.splice`]. It knows nothing of music, and yet scores well in spectral distances.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: of the noise. Same seed, same audio.
        n_fft: window length of the spectra, in samples, a multiple of 4.
        context_seconds: intact audio on each side of a gap whose spectrum is measured, at most.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`], or a window length that is no positive multiple of 4.
    """
    if n_fft < 4 or n_fft % 4:
        raise ValueError(f"n_fft must be a positive multiple of 4, got {n_fft}")
    num_context = round(context_seconds * sampling_rate)
    fill = partial(_fill, sampling_rate=sampling_rate, generator=generator, n_fft=n_fft, num_context=num_context)
    return fill_channels(audio, mask, sampling_rate, fill)


def _fill(
    signal: np.ndarray,
    missing: np.ndarray,
    sampling_rate: int,
    generator: Generator | None,
    n_fft: int,
    num_context: int,
) -> np.ndarray:
    restored = signal.copy()
    for start, end in find_gaps(missing).tolist():
        here = slice(max(start - num_context, 0), end + num_context)
        surroundings = surroundings_of(signal[here], missing[here], (start - here.start, end - here.start))
        noise = surrounding_noise(
            surroundings,
            num_samples=len(signal[here]),
            n_fft=n_fft,
            num_context=num_context,
            generator=generator,
        )
        inside = noise[surroundings.start : surroundings.end]
        restored[start:end] = splice(surroundings, inside, sampling_rate=sampling_rate)
    return restored
