"""
What was done to a recording, repair by repair, as a JSON file: written by repairs, read by what audits and reverts
them. docs/tutorials/audit_and_undo.md describes every field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..masks.gaps import unite
from ..signals.formats import check_is_file
from ..signals.replacing import replacing


SCHEMA = "aidd-repair-record-1"


@dataclass(frozen=True)
class RecordedFile:
    """
    A recording that was read or written.

    Args:
        path: as it was named.
        sha256: of the file's bytes.
        audio_sha256, intact_sha256: of its samples, see [`~aidd.repair.digests.AudioDigests`].
        format, subtype: in libsndfile's terms.
    """

    path: str
    sha256: str
    audio_sha256: str
    intact_sha256: str
    format: str
    subtype: str


@dataclass(frozen=True)
class Repair:
    """
    One repair: samples of some channels that were written anew.

    Args:
        number: from 1 on, in the order of time.
        start, stop: first sample and the one after the last.
        start_seconds, seconds: where it starts, and how long it is.
        channels: from 0 on.
        method: what has filled it.
        reasons: why it was repaired: `given` in seconds, marked by a `mask`, or found as `dropouts`, `clicks` or
            `clipping`.
        confidence: in [0, 1], see [`aidd.repair.confidence`]; of several channels that of the worst.
        predicted_share, edge_distance_db, level_step_db, disagreement_db: what it is made of, see
            [`~aidd.repair.confidence.Evidence`].
        boxes: holes in the spectrogram, each `[lowest Hz, highest Hz, start, end in seconds]`, of which the samples
            here are those that their frames hold; empty for a gap.
        other_frequencies_db: how much other frequencies have changed there, relative to themselves; None for a gap, or
            where they have not.
        before_sha256, after_sha256: of its samples before and after the repair.
    """

    number: int
    start: int
    stop: int
    start_seconds: float
    seconds: float
    channels: list[int]
    method: str
    reasons: list[str]
    confidence: float
    predicted_share: float
    edge_distance_db: float | None
    level_step_db: float
    disagreement_db: float | None
    boxes: list[list[float]]
    other_frequencies_db: float | None
    before_sha256: str
    after_sha256: str


@dataclass(frozen=True)
class RepairRecord:
    """
    What was done to a recording.

    Args:
        schema: `aidd-repair-record-1`.
        versions: of the package, and of those that it computes with, by their names.
        input, output: the recording before and after.
        difference: file of the difference of the two ([`aidd.repair.difference`]), or None.
        sampling_rate: Hz.
        channels, num_samples: of both recordings.
        method: that was asked for.
        model: folder or Hub id of the pipeline that has filled gaps, or None.
        seed: of the draws, or None.
        variation, num_variations: which of how many results this is, from 1 on.
        repairs: in the order of time. No sample lies in two of them.
    """

    schema: str
    versions: dict[str, str]
    input: RecordedFile
    output: RecordedFile
    difference: str | None
    sampling_rate: int
    channels: int
    num_samples: int
    method: str
    model: str | None
    seed: int | None
    variation: int
    num_variations: int
    repairs: list[Repair]

    @property
    def gaps(self) -> list[np.ndarray]:
        """What was repaired of every channel, int64 `(gaps, 2)`."""
        return gaps_of_repairs([(one.channels, one.start, one.stop) for one in self.repairs], self.channels)


def gaps_of_repairs(places: Sequence[tuple[Sequence[int], int, int]], num_channels: int) -> list[np.ndarray]:
    """Places, each some channels, a start and a stop, as gaps of every channel, int64 `(gaps, 2)`."""
    gaps: list[list[tuple[int, int]]] = [[] for _ in range(num_channels)]
    for channels, start, stop in places:
        for channel in channels:
            gaps[channel].append((start, stop))
    return [unite([np.array(of_channel, np.int64).reshape(-1, 2)]) for of_channel in gaps]


def write_record(path: str | Path, record: RepairRecord) -> None:
    """Writes a record as JSON, to a temporary name that then becomes `path`."""
    with replacing(Path(path)) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_record(path: str | Path) -> RepairRecord:
    """
    Reads what [`write_record`] writes, and nothing else.

    Raises:
        ValueError: no such file, no JSON, or a field that is missing, unknown, of another type, out of its range, or
            at odds with another; the message has the field's place, what was expected, and what came.
    """
    path = Path(path)
    check_is_file(path)
    try:
        return _record(json.loads(path.read_text("utf-8"), object_pairs_hook=_object, parse_constant=_constant))
    # UnicodeDecodeError and JSONDecodeError are ValueErrors. RecursionError is what lists in lists in lists raise.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read as a record of repairs: {error}") from error


# From a field's place and value to the value, or a ValueError.
Check = Callable[[str, Any], Any]


def _fail(place: str, expected: str, value: Any) -> ValueError:
    text = json.dumps(value) if isinstance(value, str | int | float | bool | type(None)) else type(value).__name__
    return ValueError(f"{place}: expected {expected}, got {text[:80]}")


def _integer(low: int, high: int | None = None) -> Check:
    def check(place: str, value: Any) -> int:
        if type(value) is not int or value < low or (high is not None and value > high):
            limits = f"of at least {low}" if high is None else f"in [{low}, {high}]"
            raise _fail(place, f"an integer {limits}", value)
        return value

    return check


def _number(low: float, high: float) -> Check:
    def check(place: str, value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise _fail(place, f"a number in [{low:g}, {high:g}]", value)
        return float(value)

    return check


def _text(pattern: str = ".+", meaning: str = "a text") -> Check:
    def check(place: str, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL):
            raise _fail(place, meaning, value)
        return value

    return check


def _or_none(check: Check) -> Check:
    return lambda place, value: None if value is None else check(place, value)


def _list(check: Check, least: int = 0) -> Check:
    def check_all(place: str, value: Any) -> list:
        if not isinstance(value, list) or len(value) < least:
            raise _fail(place, "a list" if not least else f"a list of at least {least}", value)
        return [check(f"{place}[{number}]", one) for number, one in enumerate(value)]

    return check_all


def _fields(checks: dict[str, Check], make: Callable[..., Any]) -> Check:
    def check(place: str, value: Any) -> Any:
        if not isinstance(value, dict):
            raise _fail(place or "the file", "an object", value)
        dot = f"{place}." if place else ""
        for name in checks:
            if name not in value:
                raise ValueError(f"{dot}{name}: expected {', '.join(checks)}, got no {name}")
        for name in value:
            if name not in checks:
                raise ValueError(f"{dot}{name}: expected {', '.join(checks)}, got a field {name[:80]!r}")
        return make(**{name: check(f"{dot}{name}", value[name]) for name, check in checks.items()})

    return check


def _box(place: str, value: Any) -> list[float]:
    numbers = _list(SOME, least=4)(place, value)
    if len(numbers) > 4 or not (numbers[0] < numbers[1] and numbers[2] < numbers[3]):
        raise _fail(place, "lowest and highest Hz, start and end in seconds, the lower number first", value)
    return numbers


def _versions(place: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _fail(place, "an object of versions by packages", value)
    return {name: _text()(f"{place}.{name}", version) for name, version in value.items()}


SHA256 = _text("[0-9a-f]{64}", "64 hexadecimal digits")
# Decibels, seconds and counts have no limit of their own.
SOME = _number(0.0, 1e9)
FILE: dict[str, Check] = {
    "path": _text(),
    "sha256": SHA256,
    "audio_sha256": SHA256,
    "intact_sha256": SHA256,
    "format": _text(),
    "subtype": _text(),
}
REPAIR: dict[str, Check] = {
    "number": _integer(1),
    "start": _integer(0),
    "stop": _integer(1),
    "start_seconds": SOME,
    "seconds": SOME,
    "channels": _list(_integer(0), least=1),
    "method": _text(),
    "reasons": _list(_text(), least=1),
    "confidence": _number(0.0, 1.0),
    "predicted_share": _number(0.0, 1.0),
    "edge_distance_db": _or_none(SOME),
    "level_step_db": SOME,
    "disagreement_db": _or_none(SOME),
    "boxes": _list(_box),
    "other_frequencies_db": _or_none(_number(-1e9, 1e9)),
    "before_sha256": SHA256,
    "after_sha256": SHA256,
}
RECORD: dict[str, Check] = {
    "schema": _text(SCHEMA, json.dumps(SCHEMA)),
    "versions": _versions,
    "input": _fields(FILE, RecordedFile),
    "output": _fields(FILE, RecordedFile),
    "difference": _or_none(_text()),
    "sampling_rate": _integer(1),
    "channels": _integer(1),
    "num_samples": _integer(1),
    "method": _text(),
    "model": _or_none(_text()),
    "seed": _or_none(_integer(0, 2**63 - 1)),
    "variation": _integer(1),
    "num_variations": _integer(1),
    "repairs": _list(_fields(REPAIR, Repair)),
}


def _record(value: Any) -> RepairRecord:
    record: RepairRecord = _fields(RECORD, RepairRecord)("", value)
    _integer(1, record.num_variations)("variation", record.variation)
    reached = [0] * record.channels
    for index, repair in enumerate(record.repairs):
        place = f"repairs[{index}]"
        _integer(index + 1, index + 1)(f"{place}.number", repair.number)
        _integer(repair.start + 1, record.num_samples)(f"{place}.stop", repair.stop)
        for name, samples in (("start_seconds", repair.start), ("seconds", repair.stop - repair.start)):
            if abs(getattr(repair, name) - samples / record.sampling_rate) > 1e-6:
                expected = f"{samples / record.sampling_rate}, as its samples and the rate say"
                raise _fail(f"{place}.{name}", expected, getattr(repair, name))
        if repair.channels != sorted(set(repair.channels)):
            raise ValueError(f"{place}.channels: expected each channel once, in order, got {repair.channels}")
        for channel in repair.channels:
            _integer(0, record.channels - 1)(f"{place}.channels", channel)
            if repair.start < reached[channel]:
                raise ValueError(
                    f"{place}.start: expected repairs of channel {channel} in order and apart, got {repair.start} "
                    f"after one up to {reached[channel]}"
                )
            reached[channel] = repair.stop
    return record


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"expected each field once, got {name[:80]!r} {names.count(name)} times")
    return dict(pairs)


def _constant(name: str) -> Any:
    raise ValueError(f"expected finite numbers, got {name}")
