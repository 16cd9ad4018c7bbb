"""Whether what was filled in has the notes that were there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import maximum_filter1d

from ...masks.gaps import find_gaps
from ...signals.measures.arguments import as_missing, as_signals
from ...signals.resampling import resample
from .note_posteriors import HOP_LENGTH, SAMPLING_RATE, NotePosteriors, note_posteriors


# Probabilities from which on a note begins, and from which on it sounds: those of Basic Pitch.
ONSET_THRESHOLD, SOUNDING_THRESHOLD = 0.5, 0.3
# How far apart two onsets of a pitch may lie to be one, in seconds: the field's tolerance.
TOLERANCE_SECONDS = 0.05
TOLERANCE_FRAMES = int(TOLERANCE_SECONDS * SAMPLING_RATE / HOP_LENGTH)
# Frames that are heard on both sides of a gap.
MARGIN = 2 * TOLERANCE_FRAMES


def note_onset_agreement(reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike, *, sampling_rate: int) -> float:
    """
    F1 of the notes that begin in the gaps, as Basic Pitch hears them
    ([`~aidd.evaluation.metrics.note_posteriors.note_posteriors`]): a note that begins in a gap of one signal is right
    if one of its pitch begins in the other within 50 ms.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape; channels are averaged.
        mask: bool, broadcastable to them, True where samples were missing; a gap is where any channel is missing.
        sampling_rate: Hz; resampled to 22,050 Hz.

    Returns:
        In [0, 1]; 1 of the reference itself, and where no note begins in either. The notes of all gaps are pooled.

    Raises:
        ImportError: no onnxruntime, or no `basic-pitch`.
        ValueError: shapes that differ, samples that are not finite, or an empty mask.
    """
    pairs = [
        tuple(note_onsets(one.onsets) for one in pair)
        for pair in _posteriors(reference, estimate, mask, sampling_rate)
    ]
    return f1_of_onsets(pairs)


def note_pitch_agreement(reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike, *, sampling_rate: int) -> float:
    """
    F1 of the pitches that sound in the gaps, frame by frame (12 ms), as Basic Pitch hears them: a note counts by as
    much of it as lies in a gap. Arguments, errors and the value of silence as of [`note_onset_agreement`].
    """
    sounding = [
        tuple(one.sounding[MARGIN:-MARGIN] > SOUNDING_THRESHOLD for one in pair)
        for pair in _posteriors(reference, estimate, mask, sampling_rate)
    ]
    right = sum((first & second).sum() for first, second in sounding)
    return _f1(right, right, sum(first.sum() for first, _ in sounding), sum(second.sum() for _, second in sounding))


def note_onsets(posteriors: np.ndarray) -> np.ndarray:
    """
    Where notes begin: maxima in time of at least 1/2 among the frames within 50 ms.

    Args:
        posteriors: float, `(frames, pitches)`.

    Returns:
        bool `(frames, pitches)`.
    """
    highest = maximum_filter1d(posteriors, 2 * TOLERANCE_FRAMES + 1, axis=0, mode="constant")
    return (posteriors >= ONSET_THRESHOLD) & (posteriors == highest)


def f1_of_onsets(pairs: list[tuple[np.ndarray, ...]]) -> float:
    """
    F1 of onsets, pooled over gaps.

    Args:
        pairs: onsets of reference and estimate for each gap, bool `(frames, pitches)`. The `MARGIN` frames at both
            ends lie outside the gap: onsets there are not counted, but those in the gap may be theirs.

    Returns:
        In [0, 1]; 1 where there is no onset in any.
    """
    counts = np.zeros(4)
    for pair in pairs:
        inside = slice(MARGIN, -MARGIN)
        near = [maximum_filter1d(one, 2 * TOLERANCE_FRAMES + 1, axis=0, mode="constant") for one in pair]
        counts += [
            (pair[0] & near[1])[inside].sum(),
            (pair[1] & near[0])[inside].sum(),
            pair[0][inside].sum(),
            pair[1][inside].sum(),
        ]
    return _f1(*counts)


def _f1(found: float, right: float, num_reference: float, num_estimate: float) -> float:
    """From how many of the reference's were found, and how many of the estimate's are right."""
    total = num_reference + num_estimate
    return float((found + right) / total) if total else 1.0


def _posteriors(
    reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike, sampling_rate: int
) -> Iterator[tuple[NotePosteriors, NotePosteriors]]:
    """Posteriors of both signals in each gap, and in `MARGIN` frames on both sides of it."""
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    num_samples = reference.shape[-1]
    first, second = (
        resample(one.reshape(-1, num_samples).mean(0), sampling_rate, SAMPLING_RATE).astype(np.float32).tobytes()
        for one in (reference, estimate)
    )
    frame_rate = SAMPLING_RATE / HOP_LENGTH / sampling_rate
    for start, end in find_gaps(np.any(missing.reshape(-1, num_samples), axis=0)).tolist():
        first_frame, last_frame = (int(np.ceil(edge * frame_rate)) for edge in (start, end))
        # A gap may lie between the centres of two frames.
        frames = first_frame - MARGIN, max(last_frame, first_frame + 1) + MARGIN
        yield _heard_once(first, *frames), _heard_once(second, *frames)


@lru_cache(maxsize=64)
def _heard_once(signal: bytes, first_frame: int, last_frame: int) -> NotePosteriors:
    """Posteriors of float32 samples: both metrics ask for the same, and all methods have the same reference."""
    return note_posteriors(np.frombuffer(signal, np.float32), first_frame, last_frame)
