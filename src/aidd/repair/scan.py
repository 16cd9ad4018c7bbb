"""What must be known of a whole recording before a part of it is repaired: one pass over its file, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..detection.runs import BLOCK_SAMPLES, ChannelStatistics
from ..masks.gaps import gaps_of, num_missing, unite
from ..signals.blocks import AudioReader
from ..signals.warning import warn_at_caller


@dataclass(frozen=True)
class Scan:
    """
    What a pass over a recording's file has found.

    Args:
        path: the file.
        sampling_rate: Hz.
        subtype, format: encoding of the samples, and of the file, in libsndfile's terms.
        num_samples: samples of every channel, as many as can be decoded.
        non_finite: where the samples of every channel are not finite, int64 `(gaps, 2)`.
        statistics: statistics of every channel, with zeros for samples that are not finite.
    """

    path: Path
    sampling_rate: int
    subtype: str
    format: str
    num_samples: int
    non_finite: list[np.ndarray]
    statistics: list[ChannelStatistics]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.statistics)

    @property
    def num_non_finite(self) -> int:
        """Number of samples that are not finite, in all channels together."""
        return sum(map(num_missing, self.non_finite))


def scan_audio(path: str | Path) -> Scan:
    """
    Reads a file once, from its start to its end.

    Raises:
        ValueError: as [`~aidd.signals.files.read_audio`].

    Warns:
        UserWarning: as [`~aidd.signals.files.read_audio`].
    """
    with AudioReader(path) as reader:
        statistics = [ChannelStatistics() for _ in range(reader.channels)]
        non_finite: list[list[np.ndarray]] = [[] for _ in statistics]
        num_samples = 0
        while (block := reader.read(num_samples, num_samples + BLOCK_SAMPLES)).shape[-1]:
            finite = np.isfinite(block)
            for channel, channel_statistics in enumerate(statistics):
                if not finite[channel].all():
                    non_finite[channel].append(gaps_of(~finite[channel], num_samples))
                channel_statistics.update(np.where(finite[channel], block[channel], 0.0))
            num_samples += block.shape[-1]
        if num_samples == 0:
            raise ValueError(f"{path}: the file holds no samples")
        for loss in reader.losses(num_samples):
            warn_at_caller(loss)
        return Scan(
            path=Path(path),
            sampling_rate=reader.sampling_rate,
            subtype=reader.subtype,
            format=reader.format,
            num_samples=num_samples,
            non_finite=[unite(gaps) for gaps in non_finite],
            statistics=statistics,
        )
