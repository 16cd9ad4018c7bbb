"""From generated signals to filled gaps, in the recording's channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from .continuation import continuation, fade_to_silence, mix
from .fine_structure import match_fine_structure
from .matching import match_edges
from .ranking import agreement_risk, edge_distance
from .surroundings import surrounding_noise


if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

# Of the spectra that noise above the band is shaped by.
N_FFT = 2048
CONTEXT_SECONDS = 0.1


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
    ([`~aidd.splice.fine_structure.match_fine_structure`]) and the band above them that no model generates, are given
    to the channels by [`~aidd.splice.matching.match_edges`], and put into each with the continuation of its edges
    ([`~aidd.splice.continuation.mix`]).

    Args:
        restored: float64, `(variations, channels, samples)`, alike where nothing is missing.
        missing: bool, `(channels, samples)`, True = missing.
        generated: float64, `(variations, samples)`: each stands for the channels' mean.
        gaps: to fill, where any channel is missing: start and end (exclusive), in samples.
        sampling_rate: Hz.
        cutoff: Hz; above, the generated signals are empty.
        reach_seconds: as of [`~aidd.splice.continuation.splice`].
        fine_structure: as the amount of [`~aidd.splice.fine_structure.match_fine_structure`].
        generators: of the noise in the band above, one for each variation.
        select: what orders the fillings of each gap, the best first: `"ranked"`, how well they continue its edges
            ([`~aidd.splice.ranking.edge_distance`]); `"agreement"`, how much they agree with one another
            ([`~aidd.splice.ranking.agreement_risk`]); None leaves them as they were drawn.
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
