"""Gaps and boxes as lines of text, which visitors write, click, drag, have found, and edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aidd.masks.gaps import gaps_from_seconds, unite
from aidd.repair.damage import Damage
from aidd.repair.request import DETECTED_KINDS
from aidd.repair.scan import Scan


# Lines that are read at most.
MAX_LINES = 20_000


@dataclass(frozen=True)
class Line:
    """
    A gap.

    Args:
        start, end: in seconds.
        channel: number of the only channel that it is in, from 1 on; None for all.
        kind: what was found, out of `DETECTED_KINDS`; None for a gap that a visitor has marked.
    """

    start: float
    end: float
    channel: int | None = None
    kind: str | None = None

    def __str__(self) -> str:
        # Microseconds tell samples apart up to 192 kHz and beyond.
        parts = [f"{self.start:.6f}".rstrip("0").rstrip("."), f"{self.end:.6f}".rstrip("0").rstrip(".")]
        return " ".join([*parts, *([f"channel {self.channel}"] if self.channel else []), *filter(None, [self.kind])])


def parse_gaps(text: str) -> list[Line]:
    """Reads gaps, one on each line. Raises `ValueError` on a line that is none, or too many of them."""
    return [_parsed(number, line) for number, line in _lines(text)]


def parse_boxes(text: str) -> list[tuple[float, float, float, float]]:
    """
    Reads boxes, one on each line: lowest and highest Hz, start and end in seconds. Raises `ValueError` as
    [`parse_gaps`].
    """
    boxes = []
    for number, line in _lines(text):
        try:
            low, high, start, end = map(float, line.split())
        except ValueError as error:
            raise ValueError(
                f"line {number} of the boxes: expected lowest and highest Hz, start and end in seconds, such as "
                f"2000 4000 3.2 3.5, got {line[:80]!r}"
            ) from error
        boxes.append((low, high, start, end))
    return boxes


def found_lines(damage: Damage, scan: Scan) -> list[Line]:
    """What was found, in order of time; a gap that all channels have in common is one line."""
    lines: list[Line] = []
    for kind, channels in damage.found.items():
        gaps = [set(map(tuple, channel.tolist())) for channel in channels]
        common = set.intersection(*gaps)
        places = [(gap, None) for gap in common]
        places += [(gap, number) for number, channel in enumerate(gaps, 1) for gap in channel - common]
        lines += [Line(*(place / scan.sampling_rate for place in gap), number, kind) for gap, number in places]
    return sorted(lines, key=lambda line: (line.start, line.end, line.channel or 0))


def samples_of(line: Line, scan: Scan) -> tuple[int, int]:
    """
    A gap in samples. Gaps that were found lie at samples, of which the line gives the seconds; other ends are rounded
    outwards. Raises `ValueError` on what is no gap of the recording.
    """
    rate = scan.sampling_rate
    if line.channel is not None and not 1 <= line.channel <= scan.channels:
        raise ValueError(f"expected a channel from 1 to {scan.channels}, got {line.channel} in the line {line}")
    if line.kind is not None and 0 <= line.start < line.end:
        start, stop = round(line.start * rate), round(line.end * rate)
        if start < stop <= scan.num_samples:
            return start, stop
    ((start, stop),) = gaps_from_seconds(line.start, line.end, num_samples=scan.num_samples, sampling_rate=rate)
    return int(start), int(stop)


def gaps_of_lines(lines: Sequence[Line], scan: Scan) -> list[np.ndarray]:
    """Gaps of every channel, int64 `(gaps, 2)`."""
    channels: list[list[tuple[int, int]]] = [[] for _ in range(scan.channels)]
    for line in lines:
        gap = samples_of(line, scan)
        for number, channel in enumerate(channels, start=1):
            if line.channel in (None, number):
                channel.append(gap)
    return [unite([np.array(channel, np.int64).reshape(-1, 2)]) for channel in channels]


def _lines(text: str) -> list[tuple[int, str]]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if len(lines) > MAX_LINES:
        raise ValueError(f"expected at most {MAX_LINES} lines, got {len(lines)}")
    return lines


def _parsed(number: int, line: str) -> Line:
    words = line.split()
    try:
        kind = words.pop() if words[-1] in DETECTED_KINDS else None
        channel = int(words.pop()) if "channel" in words and words.pop(-2) else None
        start, end = map(float, words)
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"line {number} of the gaps: expected start and end in seconds, such as 3.2 3.5, or 3.2 3.5 channel 2, "
            f"got {line[:80]!r}"
        ) from error
    return Line(start, end, channel, kind)
