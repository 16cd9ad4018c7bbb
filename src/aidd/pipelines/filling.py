"""From the audio that a model generated for a window to filled gaps, at the recording's rate and in its channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..classical.autoregressive import intact_run
from ..classical.envelope_noise import power_spectrum, shaped_noise
from ..masks import find_gaps
from ..matching import match_edges
from ..ranking import edge_distance
from ..splice import CONTEXT_SECONDS as SPLICE_SECONDS
from ..splice import ORDER, continuation_weight, continue_both_edges, splice


if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

# Of the spectra that noise is shaped by.
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
    generators: Sequence[Generator | None],
    ranked: bool,
) -> None:
    """
    Fills gaps in place: generated signals, with the band above them that no model generates, are given to the channels
    by [`~aidd.matching.match_edges`], and put into each by [`~aidd.splice.splice`].

    Args:
        restored: float64, `(variations, channels, samples)`, alike where nothing is missing.
        missing: bool, `(channels, samples)`, True = missing.
        generated: float64, `(variations, samples)`: each stands for the channels' mean.
        gaps: to fill, where any channel is missing: start and end (exclusive), in samples.
        sampling_rate: Hz.
        cutoff: Hz; above, the generated signals are empty.
        reach_seconds: as of [`~aidd.splice.splice`].
        generators: of the noise in the band above, one for each variation.
        ranked: whether the first variation gets, in each gap, the filling that continues its edges best
            ([`~aidd.ranking.edge_distance`]), the second one the next, and so on.
    """
    channels, any_missing = restored[0].copy(), missing.any(0)
    mid = np.where(any_missing, 0.0, channels.mean(0))
    for gap in gaps:
        start, end = gap
        matched = np.zeros(restored.shape)
        for signal, generator, filling in zip(generated, generators, matched, strict=True):
            if cutoff < sampling_rate / 2:
                signal = signal + high_band(mid, any_missing, gap, cutoff, sampling_rate, generator)
            filling[:, start:end] = match_edges(signal, channels, any_missing, gap, sampling_rate=sampling_rate)
        own_gaps = [
            (channel, (start + own_start, start + own_end))
            for channel, channel_missing in enumerate(missing)
            for own_start, own_end in find_gaps(channel_missing[start:end]).tolist()
        ]
        if ranked:
            distances = _distances(channels, missing, matched, own_gaps, sampling_rate, reach_seconds)
            matched = matched[np.argsort(distances, kind="stable")]
        for channel, own_gap in own_gaps:
            inside = slice(*own_gap)
            restored[:, channel, inside] = splice(
                channels[channel],
                missing[channel],
                matched[:, channel],
                own_gap,
                sampling_rate=sampling_rate,
                reach_seconds=reach_seconds,
            )[:, inside]


def _distances(
    channels: np.ndarray,
    missing: np.ndarray,
    matched: np.ndarray,
    own_gaps: list[tuple[int, tuple[int, int]]],
    sampling_rate: int,
    reach_seconds: float,
) -> np.ndarray:
    """Of every variation from the continuation of the edges, summed over channels, `(variations,)`."""
    distances = np.zeros(len(matched))
    for channel, own_gap in own_gaps:
        estimate, error, (from_left, from_right) = continue_both_edges(
            channels[channel], missing[channel], own_gap, round(SPLICE_SECONDS * sampling_rate), ORDER
        )
        reach = round(reach_seconds * sampling_rate)
        weight = continuation_weight(error, reach, from_left=from_left, from_right=from_right)
        distances += [
            edge_distance(filling[channel, slice(*own_gap)], estimate, weight, sampling_rate=sampling_rate)
            for filling in matched
        ]
    return distances


def high_band(
    mid: np.ndarray,
    missing: np.ndarray,
    gap: tuple[int, int],
    cutoff: float,
    sampling_rate: int,
    generator: Generator | None,
) -> np.ndarray:
    """
    Noise above a frequency, in a gap and around it, shaped by the spectra beside the gap.

    Args:
        mid: float64, `(samples,)`. Missing samples are not read.
        missing: bool, `(samples,)`.
        gap: start and end (exclusive), in samples.
        cutoff: Hz; there is nothing below.
        sampling_rate: Hz.
        generator: of the noise.

    Returns:
        float64 `(samples,)`: noise in the gap and in up to 0.1 s of intact audio on each side, zero elsewhere.
    """
    start, end = gap
    num_context = round(CONTEXT_SECONDS * sampling_rate)
    first = start - min(intact_run(missing[:start][::-1]), num_context)
    last = end + min(intact_run(missing[end:]), num_context)
    edges = [power_spectrum(edge, N_FFT) for edge in (mid[first:start], mid[end:last]) if len(edge)]
    audible = np.fft.rfftfreq(N_FFT, 1 / sampling_rate) >= cutoff
    noise = np.zeros(len(mid))
    if edges:
        noise[first:last] = shaped_noise(edges[0] * audible, edges[-1] * audible, last - first, generator)
    return noise
