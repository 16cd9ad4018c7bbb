"""What fits a gap best elsewhere in the recording, put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.arrays import slices
from ..splice.continuation import continuation
from ..splice.contract import prepare, write_back
from ..splice.matching import match_edges
from ..splice.surroundings import Surroundings
from .source_search import Source, find_sources, surroundings_of_gaps


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import ReadStretches, Waveform

# How far from an edge the continuation of what differs there reaches.
REACH_SECONDS = 0.04


def unobserved(source: Source) -> None:
    """What is called where nobody asks for sources."""


def similarity(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    observe: Callable[[Source], None] = unobserved,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) with what fits them best elsewhere in the recording (after Perraudin,
    Holighaus, Majdak & Balazs 2018, Inpainting of Long Audio Segments With Similarity Graphs, IEEE/ACM Transactions on
    Audio, Speech, and Language Processing 26). The gap stays as long as it is.

    The surroundings of a gap are sought in the whole recording by their features
    ([`~aidd.classical.recording_features.recording_features`]), and the best places are compared by their waveforms,
    which places what is taken to the sample ([`~aidd.classical.source_search.find_sources`]). It is brought to the
    levels of the edges in bands of one ERB ([`~aidd.splice.matching.match_edges`]), and what it differs by from the
    intact audio at the edges is carried on into the gap by autoregressive models, and fades. All channels are taken
    from one place.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`: the whole recording. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: part of every method's signature; nothing is drawn.
        observe: called with the source of each gap.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`], or nothing in the recording that is like the surroundings of
            a gap.
    """
    prepared = prepare(audio, mask, sampling_rate)
    restored = prepared.signals.copy()
    extent = {"num_samples": restored.shape[-1], "sampling_rate": sampling_rate}
    for signals, missing, filled in zip(prepared.signals, prepared.missing, restored, strict=True):
        gaps = find_gaps(missing.any(0))
        if len(gaps):
            read = partial(slices, signals)
            sources = find_sources(read, gaps, **extent)
            for source in sources:
                observe(source)
            _put(_take(sources, read, **extent), filled, missing, sampling_rate)
    return write_back(prepared, restored)


def similarity_in_parts(
    read: ReadStretches,
    gaps: np.ndarray,
    *,
    num_samples: int,
    sampling_rate: int,
    observe: Callable[[Source], None] = unobserved,
) -> Callable[..., np.ndarray]:
    """
    [`similarity`] for a recording that is never in memory as a whole: there are a block of it, the features of all of
    it, and what is taken for the gaps.

    Args:
        read, gaps, num_samples, sampling_rate: as of [`~aidd.classical.source_search.find_sources`].
        observe: called with the source of each gap.

    Returns:
        A function `fill(audio, mask, *, sampling_rate, generator=None) -> audio` of parts of the recording, float64
        and bool `(channels, samples)`, with at least 0.1 s on both sides of the gaps, as far as the recording goes.
        Every call fills the gaps that follow on those of the call before.

    Raises:
        ValueError: as `find_sources`.
    """
    sources = find_sources(read, gaps, num_samples=num_samples, sampling_rate=sampling_rate)
    for source in sources:
        observe(source)
    return filling_from(sources, read, num_samples=num_samples, sampling_rate=sampling_rate)


def filling_from(
    sources: Sequence[Source], read: ReadStretches, *, num_samples: int, sampling_rate: int
) -> Callable[..., np.ndarray]:
    """
    What fills gaps with parts of the recording that were found before.

    Args:
        sources: of gaps in their order, as of [`~aidd.classical.source_search.likest_sources`]. No other gap is within
            0.1 s of them.
        read, num_samples, sampling_rate: as of `likest_sources`.

    Returns:
        A function as of [`similarity_in_parts`].
    """
    taken = _take(sources, read, num_samples=num_samples, sampling_rate=sampling_rate)

    def fill(
        audio: np.ndarray, mask: np.ndarray, *, sampling_rate: int, generator: Generator | None = None
    ) -> np.ndarray:
        filled = audio.copy()
        _put(taken, filled, mask, sampling_rate)
        return filled

    return fill


def _take(
    sources: Sequence[Source], read: ReadStretches, *, num_samples: int, sampling_rate: int
) -> Iterator[np.ndarray]:
    """
    What is taken for each gap, with as much around it as is compared there
    ([`~aidd.classical.source_search.surroundings_of_gaps`]): float64 `(channels, samples)`.
    """
    gaps = np.array([(source.start, source.stop) for source in sources], np.int64).reshape(-1, 2)
    around = surroundings_of_gaps(gaps, num_samples=num_samples, sampling_rate=sampling_rate)
    stretches = []
    for source, (low, high) in zip(sources, around.tolist(), strict=True):
        distance = source.source_start - source.start
        stretches.append((low + distance, high + distance))
    in_order = sorted(stretches)
    # Copies: what was read may be a view of more.
    taken = {stretch: audio.copy() for stretch, audio in zip(in_order, read(in_order), strict=True)}
    return (taken[stretch] for stretch in stretches)


def _put(taken: Iterator[np.ndarray], audio: np.ndarray, mask: np.ndarray, sampling_rate: int) -> None:
    """Fills the gaps of audio in place, float64 and bool `(channels, samples)`, with what is next of what is taken."""
    gaps = find_gaps(np.any(mask, axis=0))
    around = surroundings_of_gaps(gaps, num_samples=audio.shape[-1], sampling_rate=sampling_rate)
    for (start, stop), (low, high) in zip(gaps.tolist(), around.tolist(), strict=True):
        for channel, missing, one in zip(audio, mask[:, start:stop], next(taken), strict=True):
            if missing.any():
                filling = _matched(one, channel[low:start], channel[stop:high], sampling_rate)
                channel[start:stop][missing] = filling[missing]


def _matched(taken: np.ndarray, before: np.ndarray, after: np.ndarray, sampling_rate: int) -> np.ndarray:
    """What fills a gap of a channel, float64 `(samples,)`: what is taken, with as much around it as the edges have."""
    start, stop = len(before), len(taken) - len(after)
    edges = Surroundings(start, stop, before[None], after[None])
    filling = match_edges(taken, edges, sampling_rate=sampling_rate)[0]
    # What the edges differ by from those of the source goes on into the gap.
    residual = Surroundings(start, stop, before - taken[:start], after - taken[stop:])
    rest, weight = continuation(residual, sampling_rate=sampling_rate, reach_seconds=REACH_SECONDS)
    return filling + weight * rest
