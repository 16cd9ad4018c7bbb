"""Where an audio file is damaged, found block by block: what the detectors find in the whole signal."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..detection.clicks import block_and_margin, clicks_between
from ..detection.clipping import ClippingFinder
from ..detection.dropouts import dropout_finder, dropouts_of
from ..detection.runs import BLOCK_SAMPLES
from ..masks.gaps import touching, unite
from ..signals.blocks import AudioReader
from .scan import Survey


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


# Silence beside a gap that is told of.
TOLD_SECONDS = 0.001


@dataclass(frozen=True)
class Damage:
    """
    Args:
        dropouts, clicks, clipping: of every channel, int64 `(gaps, 2)`, see [`aidd.masks.gaps`].
        ceilings, floors: float64 `(channels,)`, values that the channels were clipped at, infinite where they were
            not, see [`~aidd.detection.clipping.clipping_bounds`].
    """

    dropouts: list[np.ndarray]
    clicks: list[np.ndarray]
    clipping: list[np.ndarray]
    ceilings: np.ndarray
    floors: np.ndarray


def find_damage(survey: Survey, *, clicks: bool = True, block_samples: int = BLOCK_SAMPLES) -> Damage:
    """
    What [`~aidd.detection.find_dropouts`], [`~aidd.detection.find_clicks`] and [`~aidd.detection.find_clipping`] find
    in the file that was surveyed. Samples that are not finite count as zeros.

    Args:
        survey: of the file, which is read once more.
        clicks: whether to look for clicks, which takes far longer than the rest; without, none are found.
        block_samples: samples that are looked at at a time, about; the result is the same.
    """
    rate, num_samples = survey.sampling_rate, survey.num_samples
    dropouts = [dropout_finder(statistics, sampling_rate=rate) for statistics in survey.statistics]
    clippings = [ClippingFinder(statistics) for statistics in survey.statistics]
    found: list[list[np.ndarray]] = [[] for _ in survey.statistics]
    block, margin = block_and_margin(rate)
    length = max(block_samples // block, 1) * block
    with AudioReader(survey.path) as reader:
        for start in range(0, num_samples, length):
            stop = min(start + length, num_samples)
            first = max(start - margin, 0)
            part = np.nan_to_num(reader.read(first, stop + margin), nan=0.0, posinf=0.0, neginf=0.0)
            for channel, samples in enumerate(part):
                here = samples[start - first : stop - first]
                dropouts[channel].feed(here)
                clippings[channel].feed(here)
                if clicks:
                    found[channel].append(
                        clicks_between(
                            samples,
                            (start, stop),
                            first=first,
                            num_samples=num_samples,
                            sampling_rate=rate,
                            step=survey.statistics[channel].step,
                        )
                    )
    clipped, ceilings, floors = zip(*(finder.finish() for finder in clippings), strict=True)
    return Damage(
        [dropouts_of(finder) for finder in dropouts],
        [unite(of_channel) for of_channel in found],
        list(clipped),
        np.array(ceilings),
        np.array(floors),
    )


def apart_from(clicks: np.ndarray, dropouts: np.ndarray) -> np.ndarray:
    """
    Clicks, int64 `(gaps, 2)`, without those that touch a dropout of the same channel: they are nothing but its abrupt
    edge, and the audio beside it is intact.
    """
    return np.array(
        [gap for gap in clicks.tolist() if len(touching(dropouts, gap[0] - 1, gap[1] + 1)) == 0], np.int64
    ).reshape(-1, 2)


def detect(kinds: list[str], survey: Survey) -> Damage:
    """
    Damage of these kinds in the file that was surveyed, and its dropouts in any case.

    Raises:
        ValueError: samples that are not finite, where damage is asked for.
    """

    if kinds and survey.num_broken:
        first = next((channel, int(gaps[0, 0])) for channel, gaps in enumerate(survey.broken) if len(gaps))
        raise ValueError(
            f"signal must be finite, got {survey.num_broken} samples that are not, the first at index {first}"
        )
    return find_damage(survey, clicks="clicks" in kinds)


def found_gaps(kinds: list[str], damage: Damage) -> dict[str, list[np.ndarray]]:
    """Of every kind that is asked for, the gaps of each channel, `(gaps, 2)`."""

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
    from ..masks.files import read_gaps
    from ..masks.gaps import gaps_from_seconds, unite

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
    from ..masks.gaps import num_shared, touching

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
