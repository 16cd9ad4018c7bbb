"""Where gaps are cut in intact music to try methods on, and how near a filling comes to the music that was cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..masks.gaps import touching
from ..signals.measures.chroma_agreement import chroma_agreement
from ..signals.measures.log_mel_distance import log_mel_distance


# How far from a gap pseudo-gaps lie, at most: as a rule the same instruments still play there.
NEAR_SECONDS = 8.0
# Intact music on each side of a pseudo-gap: at least as much as the methods without a model read, and at most so much
# that memory stays bounded.
MARGIN_SECONDS, LONGEST_MARGIN_SECONDS = 0.5, 30.0
# Music on each side of a pseudo-gap that both measures read: half of a window of the chroma, rounded up.
SCORED_SECONDS = 0.15
# The lowest rate, in Hz, at which both measures have frequencies to work on.
LEAST_RATE = 8000
# Highest frequencies of both measures in Hz, and the mel bands: few enough to hold a bin each at the lowest rate.
MEL_F_MAX, CHROMA_F_MAX, NUM_MELS = 8000.0, 5000.0, 32
# What a chroma that agrees by 0.1 more is worth, in dB of log-mel distance, is a tenth of this number. See
# docs/best_and_adaptation_study.md.
CHROMA_WEIGHT_DB = 10.0


@dataclass(frozen=True)
class PseudoGap:
    """
    A gap that is cut in intact music, in samples of the recording.

    Args:
        start, stop: first sample of the gap, and the one after the last.
        first, last: intact run that it lies in: its first sample, and the one after its last.
    """

    start: int
    stop: int
    first: int
    last: int

    def excerpt(self, reach: int) -> tuple[int, int]:
        """Start and exclusive end of the intact music around it, up to `reach` samples on each side."""
        return max(self.start - reach, self.first), min(self.stop + reach, self.last)


@dataclass(frozen=True)
class Likeness:
    """
    How near a filling comes to what was cut.

    Args:
        log_mel_db: distance of the log-mel spectrograms in the gap, in dB, at least 0.
        chroma: agreement of the pitch classes in the gap, in [0, 1].
    """

    log_mel_db: float
    chroma: float

    @property
    def score(self) -> float:
        """Both in one, in dB, at least 0: the lower, the better."""
        return self.log_mel_db + CHROMA_WEIGHT_DB * (1 - self.chroma)


def place_pseudo_gaps(
    gap: tuple[int, int], missing: np.ndarray, number: int, *, num_samples: int, sampling_rate: int
) -> list[PseudoGap]:
    """
    Places pseudo-gaps as long as a gap in the intact music near it, evenly over all places where there is room.

    Args:
        gap: start and exclusive end of the gap in samples.
        missing: all gaps of a recording in order, int64 `(gaps, 2)`, see [`aidd.masks.gaps`].
        number: how many to place.
        num_samples: length of the recording.
        sampling_rate: Hz.

    Returns:
        As many as there is room for side by side, at most `number`, in order; none below `LEAST_RATE`.
    """
    near, margin, far = (round(sampling_rate * one) for one in (NEAR_SECONDS, MARGIN_SECONDS, LONGEST_MARGIN_SECONDS))
    length = gap[1] - gap[0]
    low, high = max(gap[0] - near, 0), min(gap[1] + near, num_samples)
    outer = max(low - far, 0), min(high + far, num_samples)
    edges = [outer[0], *touching(missing, *outer).ravel().tolist(), outer[1]]
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    # Where a pseudo-gap may start in each run, at the earliest, and at how many samples.
    starts = [max(first + margin, low) for first, _ in runs]
    rooms = np.array(
        [max(min(last - margin, high) - length - start + 1, 0) for start, (_, last) in zip(starts, runs, strict=True)]
    )
    if not rooms.any() or sampling_rate < LEAST_RATE:
        return []
    number = min(number, max(int(rooms.sum() // length), 1))
    ends = np.cumsum(rooms)
    placed = []
    for place in ((2 * np.arange(number) + 1) * rooms.sum() // (2 * number)).tolist():
        run = int(np.searchsorted(ends, place, side="right"))
        start = starts[run] + place - int(ends[run] - rooms[run])
        placed.append(PseudoGap(start, start + length, *runs[run]))
    return placed


def likeness(reference: np.ndarray, filled: np.ndarray, mask: np.ndarray, *, sampling_rate: int) -> Likeness:
    """
    Compares a filling with what was cut.

    Args:
        reference, filled: float64 `(channels, samples)`.
        mask: bool `(samples,)`, True where a pseudo-gap was cut, one run.
        sampling_rate: Hz, at least `LEAST_RATE`.
    """
    scored = round(SCORED_SECONDS * sampling_rate)
    inside = np.flatnonzero(mask)
    here = slice(max(inside[0] - scored, 0), inside[-1] + 1 + scored)
    signals, mask = (reference[:, here], filled[:, here]), mask[here]
    half = sampling_rate / 2
    return Likeness(
        log_mel_distance(
            *signals, mask=mask, sampling_rate=sampling_rate, n_mels=NUM_MELS, f_max=min(MEL_F_MAX, half)
        ),
        chroma_agreement(*signals, mask, sampling_rate=sampling_rate, f_max=min(CHROMA_F_MAX, half)),
    )
