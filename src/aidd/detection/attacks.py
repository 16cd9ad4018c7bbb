"""Attacks told from clicks: what changes the music, and what the music consists of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .runs import ChannelStatistics


# Levels before and after a candidate are compared over these seconds, and may differ at a click by so many dB. Hits
# that die away within milliseconds stand out in the shorter time, in which a low tone's level changes with the place
# in its period; a note that is struck again stands out in the longer one.
SIDES = ((0.005, 10.0), (0.02, 6.0))
# What a level is taken to be at least, relative to that of both sides: hiss below it makes no attack.
LEAST_SIDE = 1e-4
# A click's energy, spread over this time, is compared with the level of what is no click: 20 dB above it, the
# recording consists of such bursts.
EVENT_SECONDS = 0.05
MOST_RATIO = 100.0
# As many bursts as this, each with a share of that ratio, within this time are the sound of one hit, such as a clap.
MOST_BURSTS, BURSTS_SECONDS, BURST_RATIO = 3, 0.05, 0.1


@dataclass(frozen=True)
class Candidate:
    """
    What may be a click.

    Args:
        start, end: first sample, and the one after the last.
        score: what `threshold` of [`~aidd.detection.find_clicks`] is compared with.
        height: largest difference between the samples and their interpolation, relative to the RMS level nearby.
        removed: energy of the difference between the samples and their interpolation.
        energy: energy of the samples.
        change: how much levels before and after it differ, see [`level_change`].
        factor: that the signal's rate was divided by.
    """

    start: int
    end: int
    score: float
    height: float
    removed: float
    energy: float
    change: float
    factor: int = 1

    @property
    def is_click(self) -> bool:
        """Whether the music goes on after it as it was before."""
        return self.change <= 1

    def scaled(self, factor: int) -> Candidate:
        """The candidate at the signal's own rate, of which it was found at a fraction."""
        return replace(
            self,
            start=factor * self.start,
            end=factor * self.end,
            removed=factor * self.removed,
            energy=factor * self.energy,
            factor=factor,
        )

    def moved(self, first: int) -> Candidate:
        """The candidate in a signal of which it was found in the part from `first` on."""
        return replace(self, start=first + self.start, end=first + self.end)


def level_change(samples: np.ndarray, start: int, end: int, rate: float, rounding: float) -> float:
    """
    How much the level changes over a part of a signal: the largest difference in dB between what lies before and after
    it, relative to what it may be at a click, 10 dB over 5 ms and 6 dB over 20 ms. Both are measured in the signal and
    in its first difference, in which high partials count for more.

    Args:
        samples: float64 `(samples,)`.
        start, end: the part, which does not count itself.
        rate: Hz.
        rounding: standard deviation of rounding, below which there is no level.
    """
    changes = []
    floor = rounding**2 + LEAST_SIDE**2 * float(np.mean(samples**2))
    for seconds, allowed in SIDES:
        length = max(round(seconds * rate), 8)
        sides = samples[max(start - length, 0) : start], samples[end : end + length]
        for before, after in (sides, tuple(map(np.diff, sides))):
            changes.append(10 * np.log10((np.mean(after**2) + floor) / (np.mean(before**2) + floor)) / allowed)
    return float(np.max(np.abs(changes)))


def apart_from_attacks(
    candidates: list[Candidate], statistics: ChannelStatistics, *, sampling_rate: int
) -> list[Candidate]:
    """
    Candidates that are clicks: the level is the same before and after them; they are not so strong that the rest of
    the channel is next to nothing beside them, 20 dB below their energy over 50 ms; and they are no group of three or
    more that are heard as one hit, as a clap's are.

    Args:
        candidates: of the whole channel, in any order.
        statistics: of the channel.
        sampling_rate: Hz.
    """
    rest = statistics.num_samples * statistics.level**2 - sum(one.energy for one in candidates)
    unit = EVENT_SECONDS * sampling_rate * max(rest, 0.0) / statistics.num_samples
    bursts = np.sort([one.start for one in candidates if one.removed > BURST_RATIO * unit])
    distance = BURSTS_SECONDS * sampling_rate

    def is_of_a_group(one: Candidate) -> bool:
        near = bursts[np.abs(bursts - one.start) <= distance]
        return one.removed > BURST_RATIO * unit and len(near) >= MOST_BURSTS

    return [one for one in candidates if one.is_click and one.removed <= MOST_RATIO * unit and not is_of_a_group(one)]
