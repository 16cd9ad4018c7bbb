"""Which segments of which recordings a protocol is measured on: seeded, and the same for any order of the files."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ...masks.gaps import find_gaps
from ...signals.recordings import file_sha256, read_excerpt, recording_length
from .protocol import Item, Protocol, canonical_json


# Start, samples, rate.
Segment = tuple[int, np.ndarray, int]


@dataclass(frozen=True)
class Selection:
    """
    Args:
        protocol: the protocol of the items.
        seed: the seed that they were drawn with.
        items: sorted by recording and start, conditions in the protocol's order.
        left_out: how many `short recordings` there were, shorter than a segment; how many `quiet segments`; and how
            many `silent gaps`: items not made, as all that would be missing is zero, which has no level.
    """

    protocol: Protocol
    seed: int
    items: list[Item]
    left_out: dict[str, int]


def select_items(protocol: Protocol, recordings: Mapping[str, Path], *, seed: int) -> Selection:
    """
    The items of a protocol on recordings.

    Draws are keyed by the seed, the recording's name and, of a mask, the segment and the condition. So, where segments
    are chosen per recording, other recordings change nothing; and other conditions never do.

    Args:
        protocol: decides which segments and gaps are made.
        recordings: files by name, as [`~aidd.evaluation.protocols.recordings.recordings_of`] returns them.
        seed: seed of all draws.

    Raises:
        ValueError: a file that is no audio, or holds samples that are not finite; two files that are the same; fewer
            segments than the protocol has in all, or none.
    """
    _check_all_differ(recordings)
    left_out = Counter({"short recordings": 0, "quiet segments": 0, "silent gaps": 0})
    segments = {name: _segments(protocol, name, recordings[name], seed, left_out) for name in sorted(recordings)}
    chosen: Iterator[tuple[str, Segment]]
    if protocol.segments is None:
        chosen = ((name, one) for name in segments for one in islice(segments[name], protocol.segments_per_recording))
    else:
        dealers = sorted(segments, key=lambda name: _draw(seed, name))
        chosen = islice(_deal({name: segments[name] for name in dealers}), protocol.segments)
    items, number = [], 0
    for name, (start, audio, rate) in chosen:
        number += 1
        sha256 = file_sha256(recordings[name])
        for condition in protocol.conditions:
            item_seed = _draw(seed, name, start, condition.label)
            mask = condition.mask(audio, rate, item_seed)
            if audio[mask].any():
                gaps = find_gaps(mask).tolist()
                items.append(Item(name, sha256, start, len(audio), rate, condition, item_seed, gaps))
            else:
                left_out.update(["silent gaps"])
    if number < (protocol.segments or 1):
        raise ValueError(
            f"protocol {protocol.name} needs {protocol.segments or 'some'} segments of {protocol.segment_seconds} s, "
            f"got {number} from {len(recordings)} recordings (left out: {dict(left_out)})"
        )
    # Stable: the conditions of a segment stay in their order.
    items.sort(key=lambda item: (item.recording, item.start))
    return Selection(protocol, seed, items, dict(left_out))


def _check_all_differ(recordings: Mapping[str, Path]) -> None:
    """A recording that counts twice would narrow intervals, and sets of it have no spread."""
    names: dict[str, str] = {}
    for name in sorted(recordings):
        first = names.setdefault(file_sha256(recordings[name]), name)
        if first != name:
            raise ValueError(f"expected recordings that differ, got the same file as {first} and as {name}")


def _segments(protocol: Protocol, name: str, path: Path, seed: int, left_out: Counter) -> Iterator[Segment]:
    """Start, samples and rate of segments of a recording that are loud enough, in the order they are chosen in."""
    num_samples, rate = recording_length(path, protocol.sampling_rate)
    length = round(protocol.segment_seconds * rate)
    if num_samples < length:
        left_out.update(["short recordings"])
        return
    number = protocol.segments_per_recording
    if number is not None and protocol.selection == "evenly_spread":
        starts = evenly_spread_starts(num_samples, length, number)
    else:
        starts = random_starts(num_samples, length, seed, name)
    for start in starts:
        audio = read_excerpt(path, start, length, sampling_rate=rate)
        if not np.isfinite(audio).all():
            raise ValueError(f"{path}: expected finite samples, got {int((~np.isfinite(audio)).sum())} others")
        if np.sqrt(np.mean(audio**2)) > protocol.min_rms:
            yield start, audio, rate
        else:
            left_out.update(["quiet segments"])


def evenly_spread_starts(num_samples: int, length: int, number: int) -> list[int]:
    """Starts of segments whose distances, and those to the ends, are equal; fewer where some would be the same."""
    return np.unique(np.linspace(0, num_samples - length, number + 2).astype(int)[1:-1]).tolist()


def random_starts(num_samples: int, length: int, seed: int, name: str) -> list[int]:
    """
    Starts of segments that do not overlap, as many as there can be, in random order: neighbours of each other, the
    first at a random place. Drawn by SHA-256, which no version of a library changes.
    """
    number = num_samples // length
    first = _draw(seed, name, "first") % (num_samples - number * length + 1)
    order = sorted(range(number), key=lambda segment: _draw(seed, name, "segment", segment))
    return [first + segment * length for segment in order]


def _deal(segments: Mapping[str, Iterator[Segment]]) -> Iterator[tuple[str, Segment]]:
    """One of each recording in turn, until none is left."""
    while segments:
        drawn = {name: next(iterator, None) for name, iterator in segments.items()}
        dealt = {name: segment for name, segment in drawn.items() if segment is not None}
        segments = {name: segments[name] for name in dealt}
        yield from dealt.items()


def _draw(*key: int | str) -> int:
    """An integer below 2^48, from a key."""
    return int.from_bytes(hashlib.sha256(canonical_json(key).encode()).digest()[:6], "big")
