"""Damage in audio files, found block by block: what the detectors find in the whole signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..audio_blocks import AudioReader
from ..intervals import touching, unite
from ..survey import Survey
from .clicks import block_and_margin, clicks_between
from .clipping import ClippingFinder
from .dropouts import dropout_finder, dropouts_of
from .runs import BLOCK_SAMPLES


@dataclass(frozen=True)
class Damage:
    """
    Args:
        dropouts, clicks, clipping: of every channel, int64 `(gaps, 2)`, see [`aidd.intervals`].
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
