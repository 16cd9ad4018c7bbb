"""Watches a repair: what fills which samples, as it does, and how far each filling can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..masks.gaps import gaps_of, touching
from ..signals.blocks import AudioReader
from ..signals.recordings import file_sha256
from ..splice.surroundings import surroundings_of
from .confidence import Evidence, evidence_of
from .digests import audio_digests, samples_sha256
from .record import SCHEMA, RecordedFile, Repair, RepairRecord, gaps_of_repairs
from .report import RepairReport


PACKAGES = ("aidd", "numpy", "scipy", "soundfile")
MODEL_PACKAGES = ("torch", "torchaudio", "transformers", "diffusers")


@dataclass(frozen=True)
class Observation:
    """
    A gap that was seen being filled.

    Args:
        start, stop: in samples of the recording.
        channels: that were filled there by the same method.
        method: that has filled it.
        evidence: of each variation, of the channel with the lowest confidence.
        boxes, other_frequencies_db: of holes in the spectrogram, see [`~aidd.repair.record.Repair`].
    """

    start: int
    stop: int
    channels: list[int]
    method: str
    evidence: list[Evidence]
    boxes: list[list[float]] = field(default_factory=list)
    other_frequencies_db: float | None = None


class Recorder:
    """
    Told by [`~aidd.repair.recipe.repair_file`] what happens, in its order: what was marked and found, what fills which
    samples of a region, and what the region has become.

    Args:
        reasons: gaps of every channel, int64 `(gaps, 2)`, by why they are filled.
        observations: of the gaps, as they were filled.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, list[np.ndarray]] = {}
        self.observations: list[Observation] = []
        self._filled: list[tuple[str, np.ndarray]] = []

    def filled(self, method: str, mask: np.ndarray) -> None:
        """Hears that a method has filled samples of the region at hand, bool `(channels, samples)`."""
        self._filled.append((method, mask))

    def region(self, start: int, audio: np.ndarray, filled: np.ndarray, sampling_rate: int) -> None:
        """
        Looks at a region once it is filled.

        Args:
            start: its first sample in the recording.
            audio: what it held, float64 `(channels, samples)`.
            filled: what it holds, float64 `(variations, channels, samples)`.
            sampling_rate: Hz.
        """
        missing = np.any([mask for _, mask in self._filled], axis=0)
        found: dict[tuple[int, int, str], dict[int, list[Evidence]]] = {}
        for method, mask in self._filled:
            for channel, channel_mask in enumerate(mask):
                for first, last in gaps_of(channel_mask).tolist():
                    around = surroundings_of(audio[channel], missing[channel], (first, last))
                    fillings = filled[:, channel, first:last]
                    evidence = evidence_of(fillings, around, sampling_rate=sampling_rate)
                    found.setdefault((start + first, start + last, method), {})[channel] = evidence
        self._filled = []
        for (first, last, method), by_channel in found.items():
            worst = [min(of_one, key=lambda one: one.confidence) for of_one in zip(*by_channel.values(), strict=True)]
            self.observations.append(Observation(first, last, list(by_channel), method, worst))

    def record(self, report: RepairReport, variation: int, difference: str | Path | None = None) -> RepairRecord:
        """
        The record of one result. Input and output are read for their digests.

        Args:
            report: of the repair.
            variation: which of its outputs, from 1 on.
            difference: file of the difference, if one was written.

        Raises:
            ValueError: a file that can no longer be read.
        """
        observed = sorted(self.observations, key=lambda one: (one.start, one.stop, one.channels))
        gaps = gaps_of_repairs([(one.channels, one.start, one.stop) for one in observed], report.channels)
        output = report.outputs[variation - 1]
        repairs = []
        with AudioReader(report.input) as before, AudioReader(output) as after:
            for number, one in enumerate(observed, 1):
                old, new = (reader.read(one.start, one.stop)[one.channels] for reader in (before, after))
                evidence = one.evidence[variation - 1]
                repairs.append(
                    Repair(
                        number=number,
                        start=one.start,
                        stop=one.stop,
                        start_seconds=one.start / report.sampling_rate,
                        seconds=(one.stop - one.start) / report.sampling_rate,
                        channels=one.channels,
                        method=one.method,
                        reasons=self._reasons(one),
                        confidence=evidence.confidence,
                        **asdict(evidence),
                        boxes=one.boxes,
                        other_frequencies_db=one.other_frequencies_db,
                        before_sha256=samples_sha256(old),
                        after_sha256=samples_sha256(new),
                    )
                )
        return RepairRecord(
            schema=SCHEMA,
            versions={name: version(name) for name in (*PACKAGES, *(MODEL_PACKAGES if report.model else ()))},
            input=recorded_file(report.input, gaps),
            output=recorded_file(output, gaps),
            difference=None if difference is None else str(difference),
            sampling_rate=report.sampling_rate,
            channels=report.channels,
            num_samples=report.num_samples,
            method=report.method,
            model=report.model,
            seed=report.seed,
            variation=variation,
            num_variations=len(report.outputs),
            repairs=repairs,
        )

    def _reasons(self, one: Observation) -> list[str]:
        return [
            reason
            for reason, gaps in self.reasons.items()
            if any(len(touching(gaps[channel], one.start, one.stop)) for channel in one.channels)
        ]


def recorded_file(path: str | Path, gaps: Sequence[np.ndarray]) -> RecordedFile:
    """What is recorded of a file whose channels have such gaps, int64 `(gaps, 2)`."""
    digests = audio_digests(path, gaps)
    with AudioReader(path) as reader:
        return RecordedFile(
            path=str(path),
            sha256=file_sha256(path),
            audio_sha256=digests.audio,
            intact_sha256=digests.intact,
            format=reader.format,
            subtype=reader.subtype,
        )
