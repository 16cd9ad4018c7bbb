"""Spectral lines and noise interpolated between a gap's edges."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..splice.continuation import continuation, fade_to_silence, mix_coherently
from ..splice.contract import fill_channels
from ..splice.partials import surrounding_lines
from ..splice.surroundings import surroundings_of


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform

# Intact audio on each side of a gap that is read, at most.
CONTEXT_SECONDS = 0.1
# How far the continuation of the edges reaches: the lines are in phase with the edges themselves.
REACH_SECONDS = 0.04


def lines(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) with the partials that sound next to them, in phase with both edges, and with
    noise between the partials ([`~aidd.splice.partials.surrounding_lines`]), blended with the autoregressive
    continuation of both edges by [`~aidd.splice.continuation.mix_coherently`]. It prolongs what sounds, and knows of
    no note that begins inside a gap.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: source of the noise. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`].
    """
    fill = partial(_fill, sampling_rate=sampling_rate, generator=generator)
    return fill_channels(audio, mask, sampling_rate, fill)


def _fill(signal: np.ndarray, missing: np.ndarray, sampling_rate: int, generator: Generator | None) -> np.ndarray:
    restored = signal.copy()
    num_context = round(CONTEXT_SECONDS * sampling_rate)
    for start, end in find_gaps(missing).tolist():
        here = slice(max(start - num_context, 0), end + num_context)
        surroundings = surroundings_of(signal[here], missing[here], (start - here.start, end - here.start))
        generated = surrounding_lines(surroundings, sampling_rate=sampling_rate, generator=generator)
        estimate, weight = continuation(surroundings, sampling_rate=sampling_rate, reach_seconds=REACH_SECONDS)
        generated *= fade_to_silence(surroundings, sampling_rate=sampling_rate)
        restored[start:end] = mix_coherently(estimate, weight, generated, sampling_rate=sampling_rate)
    return restored
