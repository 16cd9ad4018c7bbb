"""What must be known of a whole recording before a part of it is repaired: one pass over its file, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..detection.runs import BLOCK_SAMPLES, ChannelStatistics
from ..masks.gaps import gaps_of, num_missing, unite
from ..signals.blocks import AudioReader


@dataclass(frozen=True)
class Survey:
    """
    Args:
        path: of the file.
        sampling_rate: Hz.
        subtype, format: in libsndfile's terms.
        num_samples: of every channel, as many as can be decoded.
        broken: of every channel, int64 `(gaps, 2)`: samples that are not finite.
        statistics: of every channel, with zeros for samples that are not finite.
    """

    path: Path
    sampling_rate: int
    subtype: str
    format: str
    num_samples: int
    broken: list[np.ndarray]
    statistics: list[ChannelStatistics]

    @property
    def channels(self) -> int:
        """How many there are."""
        return len(self.statistics)

    @property
    def num_broken(self) -> int:
        """Samples that are not finite, of all channels."""
        return sum(map(num_missing, self.broken))


def survey_audio(path: str | Path) -> Survey:
    """
    Reads a file once, from its start to its end.

    Raises:
        ValueError: as [`~aidd.signals.files.read_audio`].
    """
    with AudioReader(path) as reader:
        statistics = [ChannelStatistics() for _ in range(reader.channels)]
        broken: list[list[np.ndarray]] = [[] for _ in statistics]
        num_samples = 0
        while (block := reader.read(num_samples, num_samples + BLOCK_SAMPLES)).shape[-1]:
            finite = np.isfinite(block)
            for channel, of_channel in enumerate(statistics):
                if not finite[channel].all():
                    broken[channel].append(gaps_of(~finite[channel], num_samples))
                of_channel.update(np.where(finite[channel], block[channel], 0.0))
            num_samples += block.shape[-1]
        if num_samples == 0:
            raise ValueError(f"{path}: the file holds no samples")
        return Survey(
            path=Path(path),
            sampling_rate=reader.sampling_rate,
            subtype=reader.subtype,
            format=reader.format,
            num_samples=num_samples,
            broken=[unite(of_channel) for of_channel in broken],
            statistics=statistics,
        )
