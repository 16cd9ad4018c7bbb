"""From generated signals to filled gaps, in the recording's channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.autoregressive import EDGE_ORDER, EDGE_SECONDS, SAMPLES_PER_COEFFICIENT
from .bandwidth_extension import band_below, extend_band
from .continuation import continuation, continue_both_edges, fade_to_silence, mix
from .edge_lines import put_lines_under
from .fine_structure import match_fine_structure
from .levels import move_levels
from .matching import match_edges
from .ranking import agreement_risk, edge_distance
from .steady import add_steady_partials
from .surroundings import SPECTRUM_SECONDS, surrounding_noise, surroundings_of


if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

# Window length, in samples, of the spectra that noise above a model's band is shaped by.
N_FFT = 2048
# Share of a model's band that is kept: resampling twice attenuates the rest.
USED_BAND = 0.97


@dataclass(frozen=True)
class SpliceSettings:
    """
    How generated audio is put into gaps.

    Args:
        sampling_rate: Hz of the recording.
        generated_rate: Hz at which audio is generated; above half of it there is none.
        reach_seconds: how far from a gap's edges their autoregressive continuation is audible, at most, in gaps of up
            to 2/15 s; further in longer ones, see [`~aidd.splice.continuation.continuation`].
        short_gap_seconds: gaps no longer than this are filled by the continuation of their edges alone.
        fine_structure: how much of the fine structure of the spectra around a gap the generated audio takes on, in
            [0, 1], see [`~aidd.splice.fine_structure.match_fine_structure`].
        edge_lines: how much of the generated audio gives way to lines and noise that run from edge to edge at its
            levels, in [0, 1], see [`~aidd.splice.edge_lines.put_lines_under`].
        expected_levels: how far the levels of a filling move towards those that run from one edge to the other, in
            [0, 1], see [`~aidd.splice.levels.move_levels`].
        steady_partials: how much of the partials that sound on steadily from one edge to the other a filling gets, in
            [0, 1], see [`~aidd.splice.steady.add_steady_partials`].

    Raises:
        ValueError: seconds that are negative or not finite, or an amount outside [0, 1].
    """

    sampling_rate: int
    generated_rate: int
    reach_seconds: float = 0.08
    short_gap_seconds: float = 0.02
    fine_structure: float = 0.0
    edge_lines: float = 0.0
    expected_levels: float = 0.0
    steady_partials: float = 0.0

    def __post_init__(self) -> None:
        for name in ("reach_seconds", "short_gap_seconds"):
            seconds = getattr(self, name)
            if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
                raise ValueError(f"{name} must be a finite number of at least 0, got {seconds!r}")
        for name in ("fine_structure", "edge_lines", "expected_levels", "steady_partials"):
            amount = getattr(self, name)
            if not isinstance(amount, (int, float)) or not 0 <= amount <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {amount!r}")

    @property
    def cutoff(self) -> float:
        """Hz above which noise takes the place of generated audio."""
        return (USED_BAND if self.sampling_rate > self.generated_rate else 1.0) * self.generated_rate / 2


def fill_gaps(
    restored: np.ndarray,
    missing: np.ndarray,
    generated: np.ndarray,
    gaps: list[tuple[int, int]],
    *,
    settings: SpliceSettings,
    generators: Sequence[Generator | None],
    select: str | None,
) -> None:
    """
    Fills gaps in place: generated signals, with the spectral lines of their surroundings
    ([`~aidd.splice.fine_structure.match_fine_structure`], [`~aidd.splice.edge_lines.put_lines_under`]) and noise for
    the band above them, are given to the channels by [`~aidd.splice.matching.match_edges`], and put into each with the
    continuation of its edges: by [`~aidd.splice.continuation.mix`], and above the model's band by
    [`~aidd.splice.bandwidth_extension.extend_band`]. Last, where they are not the continuation's, levels are moved
    towards those between the edges ([`~aidd.splice.levels.move_levels`]), and partials that sound on steadily are put
    through ([`~aidd.splice.steady.add_steady_partials`]).

    Args:
        restored: float64, `(variations, channels, samples)`, alike where nothing is missing.
        missing: bool, `(channels, samples)`, True = missing.
        generated: float64, `(variations, samples)`: each stands for the channels' mean.
        gaps: to fill, where any channel is missing: start and end (exclusive), in samples.
        settings: rates, and how the generated signals are put in.
        generators: one for each variation, for the noise in the band above.
        select: what orders the fillings of each gap, the best first: `"ranked"`, how well they continue its edges
            ([`~aidd.splice.ranking.edge_distance`]); `"agreement"`, how much they agree with one another
            ([`~aidd.splice.ranking.agreement_risk`]); None leaves them as they were drawn.
    """
    rate = settings.sampling_rate
    channels, any_missing = restored[0].copy(), np.any(missing, axis=0)
    for start, end in gaps:
        surroundings = surroundings_of(channels, any_missing, (start, end))
        mono = surroundings.mono
        matched = np.zeros(restored.shape)
        fade = fade_to_silence(mono, sampling_rate=rate)
        for signal, generator, filling in zip(generated, generators, matched, strict=True):
            signal = match_fine_structure(signal, mono, sampling_rate=rate, amount=settings.fine_structure)
            signal = put_lines_under(signal, mono, sampling_rate=rate, amount=settings.edge_lines, generator=generator)
            if settings.cutoff < rate / 2:
                # Lines and fine structure leave something above the model's band, at levels that nothing is known of.
                signal = band_below(signal, sampling_rate=rate, lowest_hertz=settings.cutoff) + surrounding_noise(
                    mono,
                    num_samples=len(signal),
                    n_fft=N_FFT,
                    num_context=round(SPECTRUM_SECONDS * rate),
                    generator=generator,
                    first_bin=math.ceil(settings.cutoff * N_FFT / rate),
                )
            filling[:, start:end] = fade * match_edges(signal, surroundings, sampling_rate=rate)
        continued = [
            (
                channel,
                slice(around.start, around.end),
                around,
                *continuation(around, sampling_rate=rate, reach_seconds=settings.reach_seconds),
            )
            for channel, channel_missing in enumerate(missing)
            for inside in (start + find_gaps(channel_missing[start:end])).tolist()
            for around in (surroundings_of(channels[channel], channel_missing, tuple(inside)),)
        ]
        if select == "ranked":
            distances = [
                sum(
                    edge_distance(filling[channel, inside], estimate, weight, sampling_rate=rate)
                    for channel, inside, _, estimate, weight in continued
                )
                for filling in matched
            ]
            matched = matched[np.argsort(distances, kind="stable")]
        elif select == "agreement":
            risks = sum(
                agreement_risk(matched[:, channel, inside], sampling_rate=rate) for channel, inside, *_ in continued
            )
            matched = matched[np.argsort(risks, kind="stable")]
        for channel, inside, around, estimate, weight in continued:
            mixed = mix(estimate, weight, matched[:, channel, inside])
            if settings.cutoff < rate / 2:
                mixed = extend_band(
                    mixed,
                    weight * estimate,
                    matched[:, channel, inside],
                    around,
                    sampling_rate=rate,
                    lowest_hertz=settings.cutoff,
                )
            moved = move_levels(
                mixed,
                around,
                sampling_rate=rate,
                amount=settings.expected_levels,
                highest_hertz=settings.cutoff,
            )
            steady = add_steady_partials(moved, around, sampling_rate=rate, amount=settings.steady_partials)
            restored[:, channel, inside] = mixed + (1 - weight**2) * (steady - mixed)


def splice_short_gaps(
    channels: np.ndarray, missing: np.ndarray, *, sampling_rate: int, longest_seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """
    Fills gaps with the continuation of their edges alone, from left to right: those so short that little of any
    generated audio would be audible, with intact audio on both sides. Nothing needs to be generated for them.

    Args:
        channels: float64, `(channels, samples)`.
        missing: bool, `(channels, samples)`.
        sampling_rate: Hz.
        longest_seconds: longest gap to fill.

    Returns:
        Copies of both, as they are then.
    """
    channels, missing = channels.copy(), missing.copy()
    longest = round(longest_seconds * sampling_rate)
    for channel, channel_missing in zip(channels, missing, strict=True):
        gaps = find_gaps(channel_missing)
        for start, end in gaps[continued_gaps(gaps, len(channel), longest)].tolist():
            # A second on each side is more than the models see.
            around = slice(max(start - sampling_rate, 0), end + sampling_rate)
            gap = (start - around.start, end - around.start)
            channel[start:end], *_ = continue_both_edges(
                surroundings_of(channel[around], channel_missing[around], gap),
                round(EDGE_SECONDS * sampling_rate),
                EDGE_ORDER,
            )
            channel_missing[start:end] = False
    return channels, missing


def continued_gaps(gaps: np.ndarray, num_samples: int, longest: int) -> np.ndarray:
    """
    Decides which gaps of a channel are filled by the continuation of their edges alone: those that are short enough
    and, by the time that they are filled from left to right, have intact samples enough on both sides.

    Args:
        gaps: all gaps of the channel in order, int64 `(gaps, 2)`.
        num_samples: length of the channel.
        longest: samples of the longest gap to fill.

    Returns:
        bool `(gaps,)`.
    """
    continued = np.zeros(len(gaps), bool)
    next_starts = [*gaps[1:, 0].tolist(), num_samples]
    # End of the last gap that is still missing.
    missing_until = 0
    for number, ((start, stop), next_start) in enumerate(zip(gaps.tolist(), next_starts, strict=False)):
        intact = min(start - missing_until, next_start - stop)
        continued[number] = stop - start <= longest and intact >= SAMPLES_PER_COEFFICIENT
        missing_until = missing_until if continued[number] else stop
    return continued
