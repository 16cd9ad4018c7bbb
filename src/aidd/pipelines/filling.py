"""From the audio that a model generated for a window to filled gaps, at the recording's rate and in its channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..agreement import agreement_risk
from ..classical.envelope_noise import surrounding_noise
from ..fine_structure import match_fine_structure
from ..masks import find_gaps
from ..matching import match_edges
from ..ranking import edge_distance
from ..splice import continuation, fade_to_silence, mix
from .windows import TokenWindow, at_rate


if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

# Of the spectra that noise above the band is shaped by.
N_FFT = 2048
CONTEXT_SECONDS = 0.1
# Of a model's band. What lies above, filters of two resamplings have dampened.
USED_BAND = 0.97


def polarities(channels: np.ndarray) -> np.ndarray:
    """
    Signs that turn the channels, float64 `(channels, samples)`, towards the loudest of them: 1 or -1, `(channels, 1)`.
    Without them, a channel of inverted polarity would cancel in the mean that the model hears.
    """
    loudest = channels[np.square(channels).sum(-1).argmax()]
    return np.where(channels @ loudest < 0, -1.0, 1.0)[:, None]


def fill_window(
    restored: np.ndarray,
    missing: np.ndarray,
    generated: np.ndarray,
    window: TokenWindow,
    *,
    first: int,
    hop_length: int,
    model_rate: int,
    sampling_rate: int,
    reach_seconds: float,
    fine_structure: float,
    generators: Sequence[Generator | None],
    select: str | None,
) -> None:
    """
    Fills the gaps that a window is there for, in place ([`fill_gaps`]).

    Args:
        restored, missing: of the whole recording, as of [`fill_gaps`].
        generated: float64, `(variations, samples)` at the model's rate.
        window: of tokens, or frames, of `hop_length` samples.
        first: sample of the recording, at the model's rate, that `generated` starts with; at least 0.
        hop_length: samples of a token at the model's rate.
        model_rate, sampling_rate: Hz of the model, and of the recording.
        reach_seconds, fine_structure, generators, select: as of [`fill_gaps`].
    """
    start, signals = at_rate(generated, first, model_rate, sampling_rate)
    here = slice(start, min(start + signals.shape[-1], missing.shape[-1]))
    # The window's part to fill, in units that both rates divide.
    fill_start, fill_end = (place * hop_length * sampling_rate for place in (window.fill_start, window.fill_end))
    gaps = [
        (gap_start, gap_end)
        for gap_start, gap_end in find_gaps(np.any(missing[:, here], axis=0)).tolist()
        if fill_start <= (start + gap_start) * model_rate and (start + gap_end) * model_rate <= fill_end
    ]
    fill_gaps(
        restored[..., here],
        missing[:, here],
        signals[:, : here.stop - start],
        gaps,
        sampling_rate=sampling_rate,
        cutoff=(USED_BAND if sampling_rate > model_rate else 1.0) * model_rate / 2,
        reach_seconds=reach_seconds,
        fine_structure=fine_structure,
        generators=generators,
        select=select,
    )


def fill_gaps(
    restored: np.ndarray,
    missing: np.ndarray,
    generated: np.ndarray,
    gaps: list[tuple[int, int]],
    *,
    sampling_rate: int,
    cutoff: float,
    reach_seconds: float,
    fine_structure: float,
    generators: Sequence[Generator | None],
    select: str | None,
) -> None:
    """
    Fills gaps in place: generated signals, with the spectral lines of their surroundings
    ([`~aidd.fine_structure.match_fine_structure`]) and the band above them that no model generates, are given to the
    channels by [`~aidd.matching.match_edges`], and put into each with the continuation of its edges
    ([`~aidd.splice.mix`]).

    Args:
        restored: float64, `(variations, channels, samples)`, alike where nothing is missing.
        missing: bool, `(channels, samples)`, True = missing.
        generated: float64, `(variations, samples)`: each stands for the channels' mean.
        gaps: to fill, where any channel is missing: start and end (exclusive), in samples.
        sampling_rate: Hz.
        cutoff: Hz; above, the generated signals are empty.
        reach_seconds: as of [`~aidd.splice.splice`].
        fine_structure: as the amount of [`~aidd.fine_structure.match_fine_structure`].
        generators: of the noise in the band above, one for each variation.
        select: what orders the fillings of each gap, the best first: `"ranked"`, how well they continue its edges
            ([`~aidd.ranking.edge_distance`]); `"agreement"`, how much they agree with one another
            ([`~aidd.agreement.agreement_risk`]); None leaves them as they were drawn.
    """
    channels, any_missing = restored[0].copy(), np.any(missing, axis=0)
    mid = np.where(any_missing, 0.0, channels.mean(0))
    for gap in gaps:
        start, end = gap
        matched = np.zeros(restored.shape)
        fade = fade_to_silence(mid, any_missing, gap, sampling_rate=sampling_rate)
        for signal, generator, filling in zip(generated, generators, matched, strict=True):
            signal = match_fine_structure(
                signal, mid, any_missing, gap, sampling_rate=sampling_rate, amount=fine_structure
            )
            if cutoff < sampling_rate / 2:
                signal = signal + surrounding_noise(
                    mid,
                    any_missing,
                    gap,
                    n_fft=N_FFT,
                    num_context=round(CONTEXT_SECONDS * sampling_rate),
                    generator=generator,
                    first_bin=math.ceil(cutoff * N_FFT / sampling_rate),
                )
            filling[:, start:end] = fade * match_edges(signal, channels, any_missing, gap, sampling_rate=sampling_rate)
        continued = [
            (
                channel,
                inside,
                *continuation(
                    channels[channel],
                    missing[channel],
                    (inside.start, inside.stop),
                    sampling_rate=sampling_rate,
                    reach_seconds=reach_seconds,
                ),
            )
            for channel, channel_missing in enumerate(missing)
            for inside in (slice(start + a, start + b) for a, b in find_gaps(channel_missing[start:end]).tolist())
        ]
        if select == "ranked":
            distances = [
                sum(
                    edge_distance(filling[channel, inside], estimate, weight, sampling_rate=sampling_rate)
                    for channel, inside, estimate, weight in continued
                )
                for filling in matched
            ]
            matched = matched[np.argsort(distances, kind="stable")]
        elif select == "agreement":
            risks = sum(
                agreement_risk(matched[:, channel, inside], sampling_rate=sampling_rate)
                for channel, inside, _, _ in continued
            )
            matched = matched[np.argsort(risks, kind="stable")]
        for channel, inside, estimate, weight in continued:
            restored[:, channel, inside] = mix(estimate, weight, matched[:, channel, inside])
