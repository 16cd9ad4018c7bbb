"""Linear interpolation: the anchor that every method must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..splice.contract import fill_channels


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform


def linear(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
) -> Waveform:
    """
    Draws a straight line across every gap (`mask`: True = missing).

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz. A line is the same at every rate.
        generator: part of every method's signature; a line leaves nothing to draw.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`].
    """
    return fill_channels(audio, mask, sampling_rate, interpolate)


def interpolate(signal: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """
    Float64 `(samples,)` with a straight line between the neighbours of every run of missing samples, and a constant
    where a run touches an end of the signal. At least one sample must be intact.
    """
    intact = np.flatnonzero(~missing)
    restored = signal.copy()
    restored[missing] = np.interp(np.flatnonzero(missing), intact, signal[intact])
    return restored
