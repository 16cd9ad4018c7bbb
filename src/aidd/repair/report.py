"""What a repair has done: a record, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..masks.gaps import num_missing, unite
from .density import Density, density_of
from .trials import Trial


if TYPE_CHECKING:
    from ..classical.source_search import Source


@dataclass(frozen=True)
class RepairReport:
    """
    What was done to a recording.

    Args:
        input, outputs: the files, as they were named.
        sampling_rate: Hz.
        channels: number of channels.
        num_samples: samples of every channel.
        method: the method of the request.
        model: folder or Hub id of the pipeline, if a model filled any gap; otherwise None.
        seed: seed of the draws, None if they were drawn anew.
        filled_by: what filled each gap of every channel: a method's name, or `continuation`, that of the gap's edges.
        gaps: gaps of every channel, starts and exclusive ends in samples, int64 `(gaps, 2)`.
        found: gaps of every channel by kinds of damage that were looked for, int64 `(gaps, 2)`.
        seconds: time that the repair took, that of loading the model too.
        boxes: holes in the spectrogram that were filled, see [`~aidd.repair.request.RepairRequest`]. The gaps are the
            samples that their frames hold then.
        other_frequencies_db: how much other frequencies have changed in these frames, relative to themselves; the most
            of any box, None without boxes or where nothing has.
        loading_seconds: time that loading the model took.
        sources: which parts of the recording have filled gaps, for methods that take them from there; each starts at a
            sample of the recording, and is as long as its gap.
        adaptation: what the model has learned of the recording before it filled its gaps, as JSON can hold it
            ([`~aidd.pipelines.adaptation.Adaptation`]); None where it was not adapted.
        trials: what the method `best` has tried, and what it has chosen, see [`~aidd.repair.trials.Trial`].
    """

    input: str
    outputs: list[str]
    sampling_rate: int
    channels: int
    num_samples: int
    method: str
    model: str | None
    seed: int | None
    filled_by: list[list[str]]
    gaps: list[np.ndarray]
    found: dict[str, list[np.ndarray]]
    seconds: float
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    other_frequencies_db: float | None = None
    loading_seconds: float = 0.0
    sources: list[Source] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    adaptation: dict[str, Any] | None = None

    def to_dict(self) -> dict:
        """The report as JSON can hold it."""
        return asdict(self) | {
            "gaps": [gaps.tolist() for gaps in self.gaps],
            "found": {kind: [gaps.tolist() for gaps in channels] for kind, channels in self.found.items()},
            "seconds": round(self.seconds, 3),
            "loading_seconds": round(self.loading_seconds, 3),
            "densities": {kind: asdict(density) for kind, density in self.densities.items()},
        }

    @property
    def densities(self) -> dict[str, Density]:
        """How much of each kind was found, of all channels together."""
        seconds = self.num_samples / self.sampling_rate
        return {
            kind: density_of(unite(gaps), seconds=seconds, sampling_rate=self.sampling_rate)
            for kind, gaps in self.found.items()
        }

    def fillers(self) -> str:
        """How many gaps of any channel, or boxes, were filled by what: `2 gaps by janssen, 1 gap by aidd`."""
        parts = []
        for filler in dict.fromkeys(name for names in self.filled_by for name in names):
            filled = [
                gaps[[name == filler for name in names]] for gaps, names in zip(self.gaps, self.filled_by, strict=True)
            ]
            kind = "box" if self.boxes else "gap"
            number = len(self.boxes) or len(unite(filled))
            parts.append(f"{count(number, kind)} by {filler}")
        return ", ".join(parts)


def extent(gaps: Sequence[np.ndarray], sampling_rate: int, verb: str) -> str:
    """
    How many gaps any channel has, and how long they are together: `3 gaps filled, 0.362 s in all`.

    Args:
        gaps: gaps of every channel, int64 `(gaps, 2)`.
        sampling_rate: Hz.
        verb: what was done to them.
    """
    missing = unite(gaps)
    return f"{count(len(missing))} {verb}, {num_missing(missing) / sampling_rate:.3f} s in all"


def count(number: int, kind: str = "gap") -> str:
    """A number of gaps, or of boxes, in words."""
    return f"{number} {kind if number == 1 else {'gap': 'gaps', 'box': 'boxes'}[kind]}"
