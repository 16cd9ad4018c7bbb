"""What must be known of a whole recording before a part of it is repaired: one pass over its file, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..detection.runs import BLOCK_SAMPLES, ChannelStatistics
from ..masks.gaps import gaps_of, num_missing, num_shared, touching, unite
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

    def check_finite(self, gaps: Sequence[np.ndarray]) -> None:
        """
        Raises `ValueError`, with the time of the first, where samples outside gaps are not finite.

        Args:
            gaps: gaps of every channel, int64 `(gaps, 2)`, in any order.
        """
        gaps = [unite([channel_gaps]) for channel_gaps in gaps]
        number = self.num_non_finite - sum(map(num_shared, self.non_finite, gaps))
        if not number:
            return
        channel, first = next(
            (channel, place)
            for channel, (non_finite, missing) in enumerate(zip(self.non_finite, gaps, strict=True), start=1)
            if (place := _first_outside(non_finite, missing)) is not None
        )
        raise ValueError(
            f"{self.path}: audio holds {number} samples that are not finite and not marked as missing, the first at "
            f"{first / self.sampling_rate:.6f} s (index {first}) in channel {channel}"
        )


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


def _first_outside(non_finite: np.ndarray, missing: np.ndarray) -> int | None:
    """First sample that is not finite and not missing; both `(gaps, 2)`."""
    for start, stop in non_finite.tolist():
        for gap_start, gap_stop in touching(missing, start, stop).tolist():
            if gap_start <= start:
                start = gap_stop
        if start < stop:
            return start
    return None
