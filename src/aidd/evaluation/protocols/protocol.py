"""
Protocols: which parts of recordings are damaged, and how. Data files with a version, read by [`Protocol.load`]; an
[`Item`] is what becomes of one on a recording ([`~aidd.evaluation.protocols.selection.select_items`]).
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from ...signals.json_files import json_object, text_of
from ...signals.recordings import file_sha256, read_excerpt
from ..methods.names import PROTOCOLS, shipped_protocols
from .conditions import Condition, expand_condition, is_number


SELECTIONS = ("evenly_spread", "random")
NAME = re.compile(r"[\w-]+")
MAX_SEGMENT_SECONDS = 3600
MAX_SAMPLING_RATE = 1_000_000
# An hour at the rate of the trials.
MAX_SEGMENT_SAMPLES = 2**25
# Lowest rate, in Hz, at which the metrics' bands lie below half of it.
MIN_MEASURED_RATE = 16_000
# Conditions are tried on noise at this rate when a protocol is loaded, if it has none of its own.
TRIAL_RATE = 8000


@dataclass(frozen=True)
class Protocol:
    """
    Args:
        name, version: identify the protocol; a version is never changed once results of it are published.
        description: what it measures.
        source: paper and table it is after.
        segment_seconds: length of the segments.
        segments_per_recording: how many segments each recording gives, or None.
        segments: how many there are in all, shared out evenly among the recordings, or None. One of the two is given.
        selection: `evenly_spread` over each recording, or `random`: anywhere, without overlap. `segments` needs the
            latter.
        min_rms: segments whose root mean square is not above this are left out.
        sampling_rate: Hz that recordings are resampled to; their own if None.
        conditions: of which every segment gets each.

    Raises:
        ValueError: values of another kind or out of range, saying which, or a condition that fits no segment.
    """

    name: str
    version: int
    description: str
    source: str
    segment_seconds: float
    segments_per_recording: int | None
    segments: int | None
    selection: str
    min_rms: float
    sampling_rate: int | None
    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        for name in ("name", "description", "source"):
            value = getattr(self, name)
            self._check(isinstance(value, str) and value != "", f"{name} must be a text", value)
        # Reports make folders of names.
        self._check(bool(NAME.fullmatch(self.name)), f"name must match {NAME.pattern}", self.name)
        self._check(_is_count(self.version), "version must be an integer from 1 on", self.version)
        for name in ("segments_per_recording", "segments", "sampling_rate"):
            value = getattr(self, name)
            self._check(value is None or _is_count(value), f"{name} must be an integer from 1 on, or null", value)
        seconds, rms = self.segment_seconds, self.min_rms
        self._check(
            is_number(seconds) and 0 < seconds <= MAX_SEGMENT_SECONDS,
            f"segment_seconds must be a number above 0, at most {MAX_SEGMENT_SECONDS}",
            seconds,
        )
        rate = self.sampling_rate
        self._check(
            rate is None or rate <= MAX_SAMPLING_RATE, f"sampling_rate must be at most {MAX_SAMPLING_RATE}", rate
        )
        self._check(
            seconds * (rate or TRIAL_RATE) <= MAX_SEGMENT_SAMPLES,
            f"segments must have at most {MAX_SEGMENT_SAMPLES} samples",
            f"{seconds:g} s at {rate} Hz",
        )
        self._check(is_number(rms) and rms >= 0, "min_rms must be a number, at least 0", rms)
        # Equal protocols have equal digests.
        object.__setattr__(self, "segment_seconds", float(seconds))
        object.__setattr__(self, "min_rms", float(rms))
        self._check(self.selection in SELECTIONS, f"selection must be one of {', '.join(SELECTIONS)}", self.selection)
        counts = {"segments_per_recording": self.segments_per_recording, "segments": self.segments}
        self._check(None in counts.values() and any(counts.values()), f"one of {', '.join(counts)} is needed", counts)
        self._check(
            self.segments is None or self.selection == "random", "segments needs selection random", self.selection
        )
        labels = [condition.label for condition in self.conditions]
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        self._check(bool(labels) and not repeated, "conditions must be some, none of them twice", repeated or labels)
        self._try_conditions()

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Protocol":
        """
        A protocol that comes with the package, by its name, or any by the path of its file, which ends in `.json`.

        Raises:
            ValueError: neither, or a file that holds no protocol.
        """
        path = Path(name_or_path)
        if path.suffix != ".json":
            path = PROTOCOLS / f"{name_or_path}.json"
            if name_or_path not in shipped_protocols():
                names = ", ".join(shipped_protocols())
                raise ValueError(f"expected a protocol's file, *.json, or one of {names}, got {name_or_path}")
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        content = json_object(text_of(path), path)
        try:
            return cls.from_dict(content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_dict(cls, content: dict) -> "Protocol":
        """
        Makes a protocol of a file's content. [`~aidd.evaluation.protocols.conditions.expand_condition`] reads its
        conditions.

        Raises:
            ValueError: fields that are missing or unknown, and as the class.
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(content, dict) or set(content) != set(names):
            got = sorted(content) if isinstance(content, dict) else type(content).__name__
            raise ValueError(f"a protocol has the fields {names}, got {got}")
        written = content["conditions"]
        if not isinstance(written, list) or not all(isinstance(one, dict) and "geometry" in one for one in written):
            raise ValueError(f"conditions must be a list of objects that have a geometry, got {written!r}")
        conditions = itertools.chain.from_iterable(map(expand_condition, written))
        return cls(**{**content, "conditions": tuple(conditions)})

    def to_dict(self) -> dict:
        """What `from_dict` makes this protocol of, with a condition each."""
        conditions = [{"geometry": condition.geometry, **condition.parameters} for condition in self.conditions]
        return {**{field.name: getattr(self, field.name) for field in fields(self)}, "conditions": conditions}

    @property
    def digest(self) -> str:
        """SHA-256 of what `to_dict` gives, in hexadecimal: how its file is laid out does not change it."""
        return hashlib.sha256(canonical_json(self.to_dict()).encode()).hexdigest()

    def _check(self, holds: bool, expected: str, got: object) -> None:
        if not holds:
            raise ValueError(f"protocol {self.name}: {expected}, got {got!r}")

    def _try_conditions(self) -> None:
        """Tries each condition on noise, as only its geometry knows what it accepts."""
        rate = self.sampling_rate or TRIAL_RATE
        noise = np.random.default_rng(0).standard_normal(max(round(self.segment_seconds * rate), 1))
        for condition in self.conditions:
            try:
                condition.mask(noise, rate, seed=0)
            except ValueError as error:
                raise ValueError(f"protocol {self.name}: {condition.label}: {error}") from error


@dataclass(frozen=True)
class Item:
    """
    A segment of a recording, and what is missing in it.

    Args:
        recording: its name, `<folder's name>/<path in it>`, wherever that folder lies.
        file_sha256: digest of the recording's file.
        start, num_samples: place and length of the segment, in samples at `sampling_rate`.
        sampling_rate: Hz.
        condition: what damaged the segment.
        seed: seed of the condition's draws and of the methods'.
        gaps: the mask: start and stop of each gap, in samples of the segment. Where cells are missing, a gap is a run
            of samples that missing cells have a share in.
    """

    recording: str
    file_sha256: str
    start: int
    num_samples: int
    sampling_rate: int
    condition: Condition
    seed: int
    gaps: list[list[int]]

    @property
    def key(self) -> str:
        """The same for the same item only: 16 hexadecimal digits of the SHA-256 of all fields."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()[:16]

    @property
    def mask(self) -> np.ndarray:
        """bool `(num_samples,)`, True = missing."""
        mask = np.zeros(self.num_samples, bool)
        for start, stop in self.gaps:
            mask[start:stop] = True
        return mask

    @property
    def cells(self) -> np.ndarray | None:
        """
        bool `(bins, frames)` on `aidd.evaluation.protocols.tf_geometry.GRID`, True = missing; None where samples are.
        """
        if not self.condition.takes_cells:
            return None
        return self.condition.cells(self.num_samples, self.sampling_rate, self.seed)


def read_item(item: Item, recordings: Mapping[str, Path]) -> tuple[np.ndarray, np.ndarray]:
    """
    The intact segment, float64 `(samples,)`, and the mask, bool `(samples,)`, True = missing.

    Args:
        item: to be read.
        recordings: files by the names that items give them.

    Raises:
        ValueError: a recording that is not among them, is not there, or is not the file the item was made of.
    """
    path = _check_file(item, recordings)
    return read_excerpt(path, item.start, item.num_samples, sampling_rate=item.sampling_rate), item.mask


def check_items(items: Iterable[Item], recordings: Mapping[str, Path]) -> None:
    """
    Checks that items can be read and measured, before any work.

    Raises:
        ValueError: as [`read_item`], or of a rate below 16 kHz.
    """
    for item in {item.recording: item for item in items}.values():
        path = _check_file(item, recordings)
        if item.sampling_rate < MIN_MEASURED_RATE:
            raise ValueError(
                f"{path}: expected {MIN_MEASURED_RATE} Hz or more to measure, got {item.sampling_rate} Hz"
            )


def _check_file(item: Item, recordings: Mapping[str, Path]) -> Path:
    if item.recording not in recordings:
        raise ValueError(f"expected the recording {item.recording}, got {len(recordings)} recordings of other names")
    path = recordings[item.recording]
    found = file_sha256(path)
    if found != item.file_sha256:
        raise ValueError(
            f"{path}: expected the file of SHA-256 {item.file_sha256}, got {found}: it is not the one that "
            f"{item.recording} was when the items were made"
        )
    return path


def canonical_json(content: object) -> str:
    """JSON with one text for equal content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
