"""The model of a repair, adapted to the recording that it repairs while it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import mask_of, unite
from ..signals.blocks import AudioReader
from .request import RepairRequest, RequestError
from .scan import Scan


if TYPE_CHECKING:
    from ..pipelines import AIDDPipeline, InpaintingPipeline
    from ..pipelines.adaptation import Adaptation

# What is learned of longer recordings: so many seconds about the middle of the gaps, so that memory stays bounded.
LONGEST_LEARNED_SECONDS = 1200.0


@contextmanager
def adapted(
    pipeline: InpaintingPipeline | None, scan: Scan, gaps: Sequence[np.ndarray], request: RepairRequest
) -> Iterator[Adaptation | None]:
    """
    Adapts a pipeline to a recording, or loads an adapter, if the request says so
    ([`~aidd.pipelines.adaptable.AdaptablePipeline`]). It is dropped when the block is left.

    Args:
        pipeline: that fills gaps; None if no gap needs it.
        scan: of the recording.
        gaps: gaps of every channel, int64 `(gaps, 2)`.
        request: how long to learn, the seed and where the adapter is saved, or where one is loaded from.

    Yields:
        What the adaptation has come to; None without one.

    Raises:
        RequestError: there is no model to adapt.
        ValueError: as `adapt` and `load_adapter`.
    """
    field = "adapt_seconds" if request.adapter is None else "adapter"
    if request.adapt_seconds is None and request.adapter is None:
        yield None
        return
    # Imported here: gaps that need no model need no torch either.
    from ..pipelines import AIDDPipeline

    if not isinstance(pipeline, AIDDPipeline):
        raise RequestError(field, "must be left out where no gap needs a token model")
    if request.adapter is not None:
        pipeline.load_adapter(request.adapter)
    else:
        _learn(pipeline, scan, gaps, request)
    try:
        if request.save_adapter is not None:
            pipeline.save_adapter(request.save_adapter)
        yield pipeline.adaptation
    finally:
        pipeline.drop_adapter()


def _learn(pipeline: AIDDPipeline, scan: Scan, gaps: Sequence[np.ndarray], request: RepairRequest) -> None:
    start, stop = learned_part(unite(gaps), scan.num_samples, round(LONGEST_LEARNED_SECONDS * scan.sampling_rate))
    mask = np.stack([mask_of(channel, start, stop) for channel in gaps])
    with AudioReader(scan.path) as reader:
        audio = np.where(mask, 0.0, reader.read(start, stop))
    seconds, seed = request.adapt_seconds or 0.0, request.seed or 0
    pipeline.adapt(audio, mask, sampling_rate=scan.sampling_rate, max_seconds=seconds, seed=seed)


def learned_part(gaps: np.ndarray, num_samples: int, longest: int) -> tuple[int, int]:
    """
    The part of a recording to learn from: start and exclusive end, in samples.

    Args:
        gaps: of any channel, at least one, int64 `(gaps, 2)`.
        num_samples: length of the recording.
        longest: samples of the part, at most.
    """
    middle = int(gaps[0, 0] + gaps[-1, 1]) // 2
    start = min(max(middle - longest // 2, 0), max(num_samples - longest, 0))
    return start, min(start + longest, num_samples)
