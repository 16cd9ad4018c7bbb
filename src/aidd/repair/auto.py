"""The method that chooses: Janssen's for scattered samples and very short gaps, AIDD for the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..classical.janssen import janssen
from ..masks.gaps import find_gaps
from ..splice.contract import MaskWarning, prepare, write_back
from .methods import aidd
from .plan import choose


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform


def auto(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills scattered samples and gaps of up to 5 ms by Janssen's method first, and then the longer ones by AIDD with the
    default model, which hears the restored samples as part of their surroundings. [`choose`] tells which are which.
    Where there are no longer ones, no model is loaded.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: of AIDD's draws. Same seed, same audio.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`] and the pipeline.
    """
    return auto_with(aidd, audio, mask, sampling_rate=sampling_rate, generator=generator)


def auto_with(
    fill_longer: Callable[..., np.ndarray],
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
) -> Waveform:
    """
    [`auto`] with another model or other options of AIDD.

    Args:
        fill_longer: a method, such as a function that calls a pipeline. It gets float64 numpy audio
            `(batch, channels, samples)`, and may return it behind a leading axis of variations. It is not called where
            no gap is left for it.
        audio, mask, sampling_rate, generator: as of `auto`.

    Returns:
        As `auto`, behind the leading axis that `fill_longer` returns, if any.
    """
    prepared = prepare(audio, mask, sampling_rate)
    signals, missing = prepared.signals.copy(), prepared.missing
    parts = choose(missing, sampling_rate=sampling_rate)
    with warnings.catch_warnings():
        # The whole mask was checked above; warnings about its parts would repeat that.
        warnings.simplefilter("ignore", MaskWarning)
        for channel in np.ndindex(missing.shape[:-1]):
            # Stretches between the longer gaps, of which nothing is known yet.
            for start, end in find_gaps(~parts["aidd"][channel]).tolist():
                stretch, lost = signals[channel][start:end], parts["janssen"][channel][start:end]
                if lost.any():
                    stretch[:] = janssen(stretch, lost, sampling_rate=sampling_rate)
        if parts["aidd"].any():
            signals = fill_longer(signals, parts["aidd"], sampling_rate=sampling_rate, generator=generator)
    return write_back(prepared, signals)
