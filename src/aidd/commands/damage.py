"""Where a file is damaged: what the options of `aidd inpaint` say, and what they have looked for."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from ..detection.in_files import Damage
    from ..survey import Survey

DETECTED_KINDS = ("dropouts", "clicks", "clipping")
# Silence beside a gap that is told of.
TOLD_SECONDS = 0.001


def kinds_of(text: str) -> list[str]:
    """The value of --detect: kinds in the order in which they are known, each once."""
    kinds = text.split(",")
    for kind in kinds:
        if kind not in DETECTED_KINDS:
            raise argparse.ArgumentTypeError(
                f"expected kinds out of {', '.join(DETECTED_KINDS)}, parted by commas, got {kind!r}"
            )
    return [kind for kind in DETECTED_KINDS if kind in kinds]


def detect(kinds: list[str], survey: Survey) -> Damage:
    """
    Damage of these kinds in the file that was surveyed, and its dropouts in any case.

    Raises:
        ValueError: samples that are not finite, where damage is asked for.
    """
    from ..detection.in_files import find_damage

    if kinds and survey.num_broken:
        first = next((channel, int(gaps[0, 0])) for channel, gaps in enumerate(survey.broken) if len(gaps))
        raise ValueError(
            f"signal must be finite, got {survey.num_broken} samples that are not, the first at index {first}"
        )
    return find_damage(survey, clicks="clicks" in kinds)


def found_gaps(kinds: list[str], damage: Damage) -> dict[str, list[np.ndarray]]:
    """Of every kind that is asked for, the gaps of each channel, `(gaps, 2)`."""
    from ..detection.in_files import apart_from

    found = {kind: getattr(damage, kind) for kind in kinds}
    if {"dropouts", "clicks"} <= found.keys():
        found["clicks"] = list(map(apart_from, damage.clicks, damage.dropouts))
    return found


def given_gaps(gaps: Sequence[tuple[float, float]], masks: Sequence[Path], survey: Survey) -> list[np.ndarray]:
    """
    Gaps of every channel, int64 `(gaps, 2)`: those in seconds and those of files together.

    Raises:
        ValueError: what is no gap of this recording.
    """
    from ..intervals import unite
    from ..mask_io import read_gaps
    from ..masks import gaps_from_seconds

    extent = {"num_samples": survey.num_samples, "sampling_rate": survey.sampling_rate}
    of_channels: list[list[np.ndarray]] = [[] for _ in range(survey.channels)]
    if gaps:
        starts, ends = zip(*gaps, strict=True)
        in_seconds = gaps_from_seconds(starts, ends, **extent)
        for of_channel in of_channels:
            of_channel.append(in_seconds)
    for path in masks:
        from_file = read_gaps(path, **extent)
        if len(from_file) not in (1, survey.channels):
            raise ValueError(
                f"{path}: expected a mask of {survey.channels} channels, or of 1 for all, got {len(from_file)}"
            )
        for channel, of_channel in enumerate(of_channels):
            of_channel.append(from_file[channel % len(from_file)])
    return [unite(of_channel) for of_channel in of_channels]


def warn_of_silence_beside(dropouts: list[np.ndarray], gaps: list[np.ndarray], *, sampling_rate: int) -> None:
    """Of dropouts that are marked in part, both `(gaps, 2)` of each channel: a filling fades towards what is left."""
    from ..intervals import num_shared, touching

    for of_channel, missing in zip(dropouts, gaps, strict=True):
        for dropout in of_channel:
            start, end = dropout.tolist()
            left = end - start - num_shared(dropout[None], touching(missing, start, end))
            if 0 < left < end - start and left >= TOLD_SECONDS * sampling_rate:
                warnings.warn(
                    f"{1000 * left / sampling_rate:.0f} ms of the dropout from {start / sampling_rate:.3f} s to "
                    f"{end / sampling_rate:.3f} s are not marked as missing and count as music, towards which the "
                    "filling fades; mark them too, or add --detect dropouts",
                    stacklevel=1,
                )
                return
