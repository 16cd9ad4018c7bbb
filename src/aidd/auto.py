"""The method that chooses: Janssen's for scattered samples and very short gaps, AIDD for the rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .classical.janssen import janssen
from .masks import as_numpy, check_sampling_rate, find_gaps, in_the_form_of, prepare
from .methods import aidd


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from .signatures import Waveform

# Up to here Janssen's method is no worse than its rivals in either measure; from 10 ms on its spectra fall short:
# docs/auto_study.md, made by examples/study_auto.py.
MAX_JANSSEN_SECONDS = 0.005


def choose(mask: np.ndarray | Tensor, *, sampling_rate: int) -> dict[str, np.ndarray]:
    """
    Which method [`auto`] fills which gaps by.

    Args:
        mask: bool, `(..., samples)`, True = missing. Every channel has its own gaps.
        sampling_rate: Hz.

    Returns:
        `{"janssen": ..., "aidd": ...}`, bool, each of the mask's shape: gaps of up to 5 ms (a single sample at any
        rate), and longer ones. The parts are disjoint, and add up to the mask.

    Raises:
        ValueError: a mask that is not bool or has no axis, or a rate that is no positive integer.
    """
    check_sampling_rate(sampling_rate)
    mask = as_numpy(mask, "mask")
    if mask.dtype != bool or mask.ndim == 0:
        raise ValueError(f"mask must be bool, with samples as its last axis, got {mask.dtype} of shape {mask.shape}")
    longest = longest_for_janssen(sampling_rate)
    short = np.zeros(mask.shape, bool)
    for channel in np.ndindex(mask.shape[:-1]):
        for start, end in find_gaps(mask[channel]).tolist():
            short[channel][start:end] = end - start <= longest
    return {"janssen": short, "aidd": mask & ~short}


def longest_for_janssen(sampling_rate: int) -> int:
    """Longest gap that Janssen's method fills, in samples: 5 ms, and a single sample at any rate."""
    return max(round(MAX_JANSSEN_SECONDS * sampling_rate), 1)


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
        ValueError: as [`~aidd.masks.prepare`] and the pipeline.
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
    signals, missing = prepare(audio, mask, sampling_rate)
    parts = choose(missing, sampling_rate=sampling_rate)
    with warnings.catch_warnings():
        # Said of the whole mask already; of the parts, and of stretches between gaps, it says nothing more.
        warnings.filterwarnings("ignore", message=".* of a channel is marked as missing")
        for channel in np.ndindex(missing.shape[:-1]):
            # Stretches between the longer gaps, of which nothing is known yet.
            for start, end in find_gaps(~parts["aidd"][channel]).tolist():
                stretch, lost = signals[channel][start:end], parts["janssen"][channel][start:end]
                if lost.any():
                    stretch[:] = janssen(stretch, lost, sampling_rate=sampling_rate)
        if parts["aidd"].any():
            signals = fill_longer(signals, parts["aidd"], sampling_rate=sampling_rate, generator=generator)
    return in_the_form_of(audio, signals, missing)
