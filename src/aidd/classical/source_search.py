"""Where a recording sounds most like what lies around its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..masks.gaps import mask_of
from .recording_features import BLOCK_SAMPLES, are_intact, frame_lengths, recording_features


if TYPE_CHECKING:
    from ..signals.arrays import ReadStretches

# Intact audio on each side of a gap that is compared by its features, and by its waveform, at most.
CONTEXT_SECONDS, EDGE_SECONDS = 1.0, 0.1
# Places that are compared by their waveforms, and how far apart they lie at least.
NUM_PLACES, APART_SECONDS = 20, 0.1
# Likeness below which nothing is put into a gap. Noise reaches 0.3 somewhere in ten minutes.
LEAST_LIKENESS = 0.5


@dataclass(frozen=True)
class Source:
    """
    What was put into a gap.

    Args:
        start, stop: of the gap, in samples.
        source_start: first sample of what was taken, as long as the gap.
        likeness: at most 1, of what surrounds the two, see [`likest_sources`].
    """

    start: int
    stop: int
    source_start: int
    likeness: float


def surroundings_of_gaps(gaps: np.ndarray, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """Gaps with up to 0.1 s of intact audio on each side: first samples and exclusive ends, int64 `(gaps, 2)`."""
    reach = round(EDGE_SECONDS * sampling_rate)
    lows = np.maximum(gaps[:, 0] - reach, np.append(0, gaps[:-1, 1]))
    highs = np.minimum(gaps[:, 1] + reach, np.append(gaps[1:, 0], num_samples))
    return np.stack([lows, highs], axis=-1)


def likest_sources(
    read: ReadStretches,
    gaps: np.ndarray,
    numbers: Sequence[int],
    *,
    num_samples: int,
    sampling_rate: int,
    block_samples: int = BLOCK_SAMPLES,
) -> dict[int, Source]:
    """
    Finds where a recording sounds most like the surroundings of some of its gaps. The likeness of a place is the
    cosine of the features of up to 1 s before and after both, or, if that is higher, the correlation of the waveforms
    of 0.1 s before and after both. The best places by features are placed to the sample by their waveforms, and that
    with the largest sum of the two is taken.

    Args:
        read: reads the recording.
        gaps: all gaps of the recording, of any channel, int64 `(gaps, 2)`, see [`aidd.masks.gaps`]. What is read there
            does not matter.
        numbers: which of them, in order.
        num_samples: length of the recording.
        sampling_rate: Hz.
        block_samples: samples of a channel that are read at a time. The sources do not depend on it.

    Returns:
        The sources of these gaps by their numbers, but of those that no intact place is long enough for.
    """
    extent = {"num_samples": num_samples, "sampling_rate": sampling_rate}
    features, valid = recording_features(read, gaps, **extent, block_samples=block_samples)
    _, hop = frame_lengths(sampling_rate)
    around = surroundings_of_gaps(gaps, **extent)[list(numbers)]
    # What is sought may lie a frame's distance off on both sides.
    sought = around + np.array([-hop, hop])
    places = sorted(
        (low + shift, high + shift, index, likeness)
        for index, (low, high) in enumerate(sought.tolist())
        for shift, likeness in _likest_shifts(features, valid, gaps, numbers[index], (low, high), **extent)
    )
    del features
    wholes = [
        np.where(mask_of(gaps, low, high), np.nan, audio).mean(0)
        for (low, high), audio in zip(around.tolist(), read(around.tolist()), strict=True)
    ]
    found: dict[int, list[tuple[float, float, int, Source]]] = {}
    for (place, _, index, likeness), audio in zip(places, read([one[:2] for one in places]), strict=True):
        correlations = _correlations(audio.mean(0), wholes[index])
        offset = int(correlations.argmax())
        start, stop = gaps[numbers[index]].tolist()
        source_start = place + offset + start - int(around[index, 0])
        correlation = float(correlations[offset])
        source = Source(start, stop, source_start, min(max(likeness, correlation), 1.0))
        # The likest features decide between equals, and then the first place does.
        found.setdefault(numbers[index], []).append((likeness + correlation, likeness, -place, source))
    return {number: max(several, key=lambda one: one[:3])[-1] for number, several in found.items()}


def find_sources(
    read: ReadStretches,
    gaps: np.ndarray,
    *,
    num_samples: int,
    sampling_rate: int,
    block_samples: int = BLOCK_SAMPLES,
) -> list[Source]:
    """
    [`likest_sources`] of all gaps.

    Args:
        read, gaps, num_samples, sampling_rate, block_samples: as of `likest_sources`.

    Returns:
        The source of each gap.

    Raises:
        ValueError: no place of a likeness of 0.5 for a gap.
    """
    sources = likest_sources(
        read,
        gaps,
        range(len(gaps)),
        num_samples=num_samples,
        sampling_rate=sampling_rate,
        block_samples=block_samples,
    )
    return [_like_enough(sources.get(number), gap, sampling_rate) for number, gap in enumerate(gaps.tolist())]


def _likest_shifts(
    features: np.ndarray,
    valid: np.ndarray,
    gaps: np.ndarray,
    number: int,
    sought: tuple[int, int],
    *,
    num_samples: int,
    sampling_rate: int,
) -> list[tuple[int, float]]:
    """
    How many samples away from a gap, which is given by its number, the features are most like those around it, and
    how like they are. What is sought, first sample and exclusive end, is intact at that distance.
    """
    length, hop = frame_lengths(sampling_rate)
    reach, (start, stop) = round(CONTEXT_SECONDS * sampling_rate), gaps[number]
    begins = np.arange(len(features)) * hop
    ends = begins + length
    near = valid & ((ends <= start) & (begins >= start - reach) | (begins >= stop) & (ends <= stop + reach))
    frames = np.flatnonzero(near)
    first, last = frames[[0, -1]] if len(frames) else (0, 0)
    powers = np.einsum("ij,ij->i", features, features)
    # Frames beyond the recording's ends count as those that hold missing samples do: zero.
    products, norms = np.zeros((2, len(features) + last - first))
    for frame in frames:
        shifted = slice(last - frame, last - frame + len(features))
        products[shifted] += features @ features[frame]
        norms[shifted] += powers
    likeness = products / np.sqrt(np.maximum(norms, 1e-6) * max(powers[frames].sum(), 1e-6))
    shifts = (np.arange(len(likeness)) - last) * hop
    lows, highs = sought[0] + shifts, sought[1] + shifts
    inside = (lows >= 0) & (highs <= num_samples)
    likeness = np.where(inside & are_intact(gaps, lows, highs), likeness, -np.inf)
    apart = max(round(APART_SECONDS * sampling_rate / hop), 1)
    peaks = likeness == scipy.ndimage.maximum_filter1d(likeness, 2 * apart + 1, mode="constant", cval=-np.inf)
    candidates = np.flatnonzero(peaks & np.isfinite(likeness))
    candidates = candidates[np.argsort(-likeness[candidates], kind="stable")[:NUM_PLACES]]
    return list(zip(shifts[candidates].tolist(), likeness[candidates].tolist(), strict=True))


def _correlations(stretch: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Correlations of a signal, NaN where it is missing, with every place in a stretch that is longer."""
    known = ~np.isnan(whole)
    whole = np.where(known, whole, 0.0)
    products = scipy.signal.fftconvolve(stretch, whole[::-1], mode="valid")
    powers = scipy.signal.fftconvolve(stretch**2, known[::-1].astype(float), mode="valid")
    scale = np.square(whole).sum() * np.maximum(powers, 1e-12 * np.square(stretch).sum())
    return products / np.sqrt(scale + np.finfo(np.float64).tiny)


def _like_enough(source: Source | None, gap: tuple[int, int], sampling_rate: int) -> Source:
    """A gap's source. Raises `ValueError` where there is none, or it is not like enough."""
    found = "no place is long enough"
    if source is not None:
        if source.likeness >= LEAST_LIKENESS:
            return source
        seconds = source.source_start / sampling_rate
        found = f"the likest place, at {seconds:.3f} s, has a likeness of {source.likeness:.2f}"
    start, stop = (place / sampling_rate for place in gap)
    raise ValueError(
        f"expected a part of the recording that is like the surroundings of the gap from {start:.3f} to {stop:.3f} s, "
        f"with a likeness of at least {LEAST_LIKENESS}, got none: {found}"
    )
