"""How dense damage is, and how dense it may be to be repaired gap by gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..masks.gaps import num_missing, unite


# Clicks a second, over these seconds, from which on they are crackle all over the recording, not clicks in it. What
# lies between them is too short, and too damaged itself, to fill them from.
CRACKLE_RATE, CRACKLE_SECONDS = 30.0, 5.0


@dataclass(frozen=True)
class Density:
    """
    How much damage of a kind was found.

    Args:
        gaps: number of gaps.
        per_minute: gaps a minute of the recording.
        seconds: length of all of them.
        share: part of the recording that they are.
        longest_seconds: length of the longest.
    """

    gaps: int
    per_minute: float
    seconds: float
    share: float
    longest_seconds: float


def density_of(gaps: np.ndarray, *, seconds: float, sampling_rate: int) -> Density:
    """
    The density of gaps.

    Args:
        gaps: int64 `(gaps, 2)`, in order.
        seconds: length of the recording.
        sampling_rate: Hz.
    """
    lengths = (gaps[:, 1] - gaps[:, 0]) / sampling_rate
    total = num_missing(gaps) / sampling_rate
    longest = round(float(lengths.max(initial=0.0)), 6)
    return Density(len(gaps), round(60 * len(gaps) / seconds, 3), round(total, 6), round(total / seconds, 6), longest)


def check_crackle(found: Mapping[str, Sequence[np.ndarray]], *, num_samples: int, sampling_rate: int) -> None:
    """
    Raises `ValueError` where clicks are so dense that they are broadband crackle: 30 a second, over 5 s or all of a
    shorter recording.

    Args:
        found: gaps of every channel by kinds of damage, int64 `(gaps, 2)`.
        num_samples: length of the recording.
        sampling_rate: Hz.
    """
    clicks = unite(found.get("clicks", []))[:, 0]
    window = min(round(CRACKLE_SECONDS * sampling_rate), num_samples)
    # How many clicks lie in the window that begins with each of them.
    numbers = np.searchsorted(clicks, clicks + window) - np.arange(len(clicks))
    densest = int(numbers.argmax()) if len(clicks) else 0
    rate = numbers[densest] * sampling_rate / window if len(clicks) else 0.0
    if rate >= CRACKLE_RATE:
        raise ValueError(
            f"{rate:.0f} clicks a second from {clicks[densest] / sampling_rate:.3f} s on are broadband crackle, which "
            "filling gaps does not repair: use a program that removes crackle or noise, or mark single clicks as gaps"
        )
