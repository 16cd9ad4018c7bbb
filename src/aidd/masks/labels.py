"""
Gaps and boxes from the label tracks of audio editors: a line for each label, with start, end and a name, and for
spectral labels a second line, with the lowest and the highest frequency.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..signals.warning import warn_at_caller
from .gaps import gaps_from_seconds, no_gaps, unite
from .times import seconds_of


# Label files hold seconds to the microsecond: the end of the audio may come rounded up by this much.
LABEL_PRECISION = 0.5e-6
# How far a label may reach over the audio's start or end, in seconds. Labels that were set on another decoding of a
# lossy file are shifted by its padding, which takes up to 2257 samples.
MAX_SHIFT_SECONDS = 0.1 + LABEL_PRECISION
# Encodings by the marks that files begin with, the longer ones first.
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Labels(NamedTuple):
    """
    What the labels of a file mark.

    Args:
        gaps: those without frequencies, int64 `(gaps, 2)`, see [`aidd.masks.gaps`].
        boxes: those with frequencies: of each the lowest and the highest in Hz, and start and end in seconds, as of
            [`~aidd.masks.cells.boxes`].
    """

    gaps: np.ndarray
    boxes: list[tuple[float, float, float, float]]


def read_labels(path: Path, *, num_samples: int, sampling_rate: int) -> Labels:
    """
    Reads the labels of a file. Numbers may have decimal commas, and times may be written as in
    [`~aidd.masks.times.seconds_of`]; names are not read. A frequency that a label leaves open, as -1, is 0 Hz, or half
    the rate.

    Args:
        path: text in UTF-8, UTF-16 or, as no name is read, any encoding that extends ASCII.
        num_samples: length of the audio.
        sampling_rate: Hz of the audio.

    Returns:
        The gaps and boxes; none where all labels are points.

    Raises:
        ValueError: no label, a line that is none, or a label that is no gap of this audio.

    Warns:
        UserWarning: labels that are points, which are passed over, and labels that reach over the audio's start or
            end by up to 0.1 s, which are shortened.
    """
    # Gaps in samples, and in seconds; frequencies are known a line later.
    labels: list[tuple[np.ndarray, tuple[float, float]]] = []
    frequencies: dict[int, tuple[float, float]] = {}
    points, shortened = [], []
    duration = num_samples / sampling_rate
    num_labels, is_kept = 0, False
    for number, line in enumerate(_lines_of(path.read_bytes()), start=1):
        if not line.strip():
            continue
        # A label's line of frequencies follows its own and starts with a backslash.
        if line.startswith("\\"):
            found = _frequencies_of(line, sampling_rate / 2, f"{path}, line {number}")
            if is_kept and found is not None:
                frequencies[len(labels) - 1] = found
            continue
        num_labels += 1
        is_kept = False
        try:
            # Names follow, and may hold anything. Spaces in place of tabs are as clear.
            start, end = map(seconds_of, re.split(r"\t" if "\t" in line else r"\s+", line.strip(" "))[:2])
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: expected start and end in seconds and a name, separated by tabs, got "
                f"{line[:80]!r}"
            ) from error
        if start == end:
            points.append(number)
            continue
        over = max(-start, end - duration)
        if over <= MAX_SHIFT_SECONDS:
            start, end = max(start, 0.0), min(end, duration)
            if over > LABEL_PRECISION:
                shortened.append(number)
            # It lies behind the end, or before the start, as a whole.
            if start >= duration or end <= 0:
                continue
        try:
            gap = gaps_from_seconds(start, end, num_samples=num_samples, sampling_rate=sampling_rate)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        labels.append((gap, (start, end)))
        is_kept = True
    if num_labels == 0:
        raise ValueError(f"{path}: the file holds no label")
    if points:
        warn_at_caller(f"{path}: labels that are points mark no gap and are passed over: {_numbered(points)}")
    if shortened:
        warn_at_caller(
            f"{path}: labels that reach over the recording, which lasts {duration:.6f} s, are shortened to it: "
            f"{_numbered(shortened)}"
        )
    gaps = [gap for index, (gap, _) in enumerate(labels) if index not in frequencies]
    boxes = [(*frequencies[index], *labels[index][1]) for index in frequencies]
    return Labels(unite(gaps) if gaps else no_gaps(), boxes)


def _frequencies_of(line: str, highest: float, place: str) -> tuple[float, float] | None:
    """The frequencies of a spectral label; None where it leaves both open, as -1."""
    try:
        low, high = (float(part.replace(",", ".")) for part in line[1:].split()[:2])
    except ValueError as error:
        raise ValueError(f"{place}: expected two frequencies in Hz after a backslash, got {line[:80]!r}") from error
    if low < 0 and high < 0:
        return None
    return max(low, 0.0), highest if high < 0 else min(high, highest)


def _lines_of(content: bytes) -> list[str]:
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:4]:
        # Digits are a byte and a zero, in the order of the bytes.
        encoding = "utf-16-be" if content.startswith(b"\0") else "utf-16-le"
    # Latin-1 decodes whatever bytes names hold; times are ASCII.
    text = content.decode(encoding or "latin-1", errors="replace")
    # Not `splitlines`: it splits at characters that names may hold, too.
    return re.split(r"\r\n|\n|\r", text)


def _numbered(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:10]))
    return f"line{'s' if len(lines) > 1 else ''} {shown}{f' and {len(lines) - 10} more' if len(lines) > 10 else ''}"
