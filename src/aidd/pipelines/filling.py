"""From the audio that a model generated for a window to filled gaps, at the recording's rate and in its channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..classical.autoregressive import intact_run
from ..classical.envelope_noise import power_spectrum, shaped_noise
from ..masks import find_gaps
from ..matching import match_edges
from ..splice import splice


if TYPE_CHECKING:
    from torch import Generator

# Of the spectra that noise is shaped by.
N_FFT = 2048
CONTEXT_SECONDS = 0.1


def fill_gaps(
    channels: np.ndarray,
    missing: np.ndarray,
    generated: np.ndarray,
    gaps: list[tuple[int, int]],
    *,
    sampling_rate: int,
    cutoff: float,
    reach_seconds: float,
    generator: Generator | None,
) -> None:
    """
    Fills gaps in place: the generated signal, with the band above it that no model generates, is given to the channels
    by [`~aidd.matching.match_edges`], and put into each by [`~aidd.splice.splice`].

    Args:
        channels: float64, `(channels, samples)`.
        missing: bool, `(channels, samples)`, True = missing.
        generated: float64, `(samples,)`: stands for the channels' mean.
        gaps: to fill, where any channel is missing: start and end (exclusive), in samples.
        sampling_rate: Hz.
        cutoff: Hz; above, the generated signal is empty.
        reach_seconds: as of [`~aidd.splice.splice`].
        generator: of the noise in the band above.
    """
    any_missing = missing.any(0)
    mid = np.where(any_missing, 0.0, channels.mean(0))
    for gap in gaps:
        start, end = gap
        whole = generated
        if cutoff < sampling_rate / 2:
            whole = generated + high_band(mid, any_missing, gap, cutoff, sampling_rate, generator)
        matched = np.zeros(channels.shape)
        matched[:, start:end] = match_edges(whole, channels, any_missing, gap, sampling_rate=sampling_rate)
        for channel, channel_missing, filling in zip(channels, missing, matched, strict=True):
            for own_start, own_end in find_gaps(channel_missing[start:end]).tolist():
                own_gap = (start + own_start, start + own_end)
                channel[:] = splice(
                    channel,
                    channel_missing,
                    filling,
                    own_gap,
                    sampling_rate=sampling_rate,
                    reach_seconds=reach_seconds,
                )


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
