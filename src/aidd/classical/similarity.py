"""What fits a gap best elsewhere in the recording, put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..masks.gaps import find_gaps
from ..signals.bands import erb_bands
from ..signals.measures.chroma_agreement import pitch_classes
from ..splice.continuation import continuation
from ..splice.contract import prepare, write_back
from ..splice.matching import match_edges
from ..splice.surroundings import Surroundings, surroundings_of


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform

# Frames that features are computed of, and their distance.
WINDOW_SECONDS, HOP_SECONDS = 0.085, 0.02
# Intact audio on each side of a gap that is compared by its features, and by its waveform, at most.
CONTEXT_SECONDS, EDGE_SECONDS = 1.0, 0.1
# Places that are compared by their waveforms, and how far apart they lie at least.
NUM_PLACES, APART_SECONDS = 20, 0.1
# Likeness below which nothing is put into a gap. Noise reaches 0.3 somewhere in ten minutes.
LEAST_LIKENESS = 0.5
# Samples whose frames are in memory at a time.
BLOCK_SAMPLES = 2**18
# Chroma counts from the lower frequency to the higher one, in Hz.
CHROMA_HERTZ = (100.0, 5_000.0)
# Powers this far below the loudest count as silence: -80 dB.
FLOOR = 1e-8
# A feature that varies less than this, as a share of its size, is constant.
LEAST_VARIATION = 1e-6
# How far from an edge the continuation of what differs there reaches.
REACH_SECONDS = 0.04


@dataclass(frozen=True)
class Source:
    """
    What was put into a gap.

    Args:
        start, stop: of the gap, in samples.
        source_start: first sample of what was taken, as long as the gap.
        likeness: at most 1, of what surrounds the two, see [`find_source`].
    """

    start: int
    stop: int
    source_start: int
    likeness: float


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
    Fills gaps with what fits them best elsewhere in the recording (after Perraudin, Holighaus, Majdak & Balazs 2018,
    Inpainting of Long Audio Segments With Similarity Graphs, IEEE/ACM Transactions on Audio, Speech, and Language
    Processing 26). The gap stays as long as it is.

    The surroundings of a gap are sought in the whole recording by their features ([`recording_features`]), and the
    best places are compared by their waveforms, which places what is taken to the sample ([`find_source`]). It is
    brought to the levels of the edges in bands of one ERB ([`~aidd.splice.matching.match_edges`]), and what it differs
    by from the intact audio at the edges is carried on into the gap by autoregressive models, and fades. All channels
    are taken from one place.

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
    for item, (signals, missing) in enumerate(zip(prepared.signals, prepared.missing, strict=True)):
        any_missing = missing.any(0)
        if not any_missing.any():
            continue
        mono = np.where(any_missing, 0.0, signals.mean(0))
        features, valid = recording_features(mono, any_missing, sampling_rate)
        for start, stop in find_gaps(any_missing).tolist():
            source = find_source(mono, any_missing, (start, stop), features, valid, sampling_rate)
            observe(source)
            for channel, signal in enumerate(signals):
                if missing[channel, start:stop].any():
                    filling = _put(signal, any_missing, source, sampling_rate)
                    restored[item, channel, start:stop] = np.where(
                        missing[channel, start:stop], filling, signal[start:stop]
                    )
    return write_back(prepared, restored)


def recording_features(mono: np.ndarray, missing: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """
    What frames of a recording sound like: levels in dB in bands of one ERB (timbre), how much they have risen since
    the frame before (onsets), and levels in twelve pitch classes (chroma). Each feature has mean 0 and power 1 over
    the recording, or is 0 where it does not vary. Spectra are computed block by block; features take some 20 kB a
    second of the recording.

    Args:
        mono: float64 `(samples,)`, finite.
        missing: bool `(samples,)`.
        sampling_rate: Hz.

    Returns:
        float32 `(frames, features)`, zero in frames that hold missing samples, and bool `(frames,)`, which hold none.
        Frame f starts at sample `f * hop`, see [`frame_lengths`].
    """
    length, hop = frame_lengths(sampling_rate)
    window, hertz = scipy.signal.windows.hann(length, sym=False), np.fft.rfftfreq(length, 1 / sampling_rate)
    folding = np.concatenate([erb_bands(hertz).T, pitch_classes(hertz, *CHROMA_HERTZ)], axis=1)
    num_frames = max((len(mono) - length) // hop + 1, 0)
    powers = np.zeros((num_frames, folding.shape[1]), np.float32)
    per_block = max(BLOCK_SAMPLES // hop, 1)
    for first in range(0, num_frames, per_block):
        last = min(first + per_block, num_frames)
        block = np.lib.stride_tricks.sliding_window_view(mono[first * hop : (last - 1) * hop + length], length)[::hop]
        powers[first:last] = np.square(np.abs(np.fft.rfft(block * window))) @ folding
    starts = np.arange(num_frames) * hop
    valid = _are_intact(missing, starts, starts + length)
    levels = 10 * np.log10(powers + FLOOR * powers.max(initial=0) + np.finfo(np.float32).tiny)
    num_bands = folding.shape[1] - 12
    rises = np.maximum(np.diff(levels[:, :num_bands], axis=0, prepend=levels[:1, :num_bands]), 0)
    # A rise needs a frame before.
    rises[1:] *= valid[:-1, None]
    features = np.concatenate([levels, rises], axis=1)
    of_valid = features[valid]
    if not len(of_valid):
        return np.zeros_like(features), valid
    mean, deviation = of_valid.mean(0, dtype=np.float64), of_valid.std(0, dtype=np.float64)
    varies = deviation > LEAST_VARIATION * (1 + np.abs(mean))
    features = np.where(varies & valid[:, None], (features - mean) / np.where(varies, deviation, 1), 0)
    return features.astype(np.float32), valid


def _are_intact(missing: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Which stretches hold no missing sample, bool `(stretches,)`, given their starts and exclusive stops."""
    gaps = find_gaps(missing)
    return np.searchsorted(gaps[:, 0], stops) == np.searchsorted(gaps[:, 1], starts, "right")


def frame_lengths(sampling_rate: int) -> tuple[int, int]:
    """Samples of a frame, and from frame to frame."""
    return max(round(WINDOW_SECONDS * sampling_rate), 2), max(round(HOP_SECONDS * sampling_rate), 1)


def find_source(
    mono: np.ndarray,
    missing: np.ndarray,
    gap: tuple[int, int],
    features: np.ndarray,
    valid: np.ndarray,
    sampling_rate: int,
) -> Source:
    """
    Finds where a recording sounds most like the surroundings of a gap. The likeness of a place is the cosine of the
    features of up to 1 s before and after both, or, if that is higher, the correlation of the waveforms of 0.1 s
    before and after both. The best places by features are placed to the sample by their waveforms, and that with the
    largest sum of the two is taken.

    Args:
        mono: float64 `(samples,)`, finite.
        missing: bool `(samples,)`.
        gap: its start and stop, in samples.
        features, valid: as of [`recording_features`].
        sampling_rate: Hz.

    Raises:
        ValueError: no place of a likeness of 0.5.
    """
    start, stop = gap
    length, hop = frame_lengths(sampling_rate)
    reach, num_edge = round(CONTEXT_SECONDS * sampling_rate), round(EDGE_SECONDS * sampling_rate)
    surroundings = surroundings_of(mono, missing, gap)
    before, after = (len(edge) for edge in surroundings.sides(num_edge))
    begins = np.arange(len(features)) * hop
    near = (begins + length <= start) & (begins >= start - reach) | (begins >= stop) & (
        begins + length <= stop + reach
    )
    near &= valid
    first, last = np.flatnonzero(near)[[0, -1]] if near.any() else (0, 0)
    template = features[first : last + 1] * near[first : last + 1, None]
    # Places are shifts of the template in frames.
    products = scipy.signal.fftconvolve(features, template[::-1], mode="valid", axes=0).sum(1)
    norms = scipy.signal.fftconvolve(
        np.square(features).sum(1), near[first : last + 1][::-1].astype(float), mode="valid"
    )
    likeness = products / np.sqrt(np.maximum(norms, 1e-6) * max(np.square(template).sum(), 1e-6))
    shifts = (np.arange(len(likeness)) - first) * hop
    low, high = start - before - hop + shifts, stop + after + hop + shifts
    inside = (low >= 0) & (high <= len(mono))
    likeness = np.where(inside & _are_intact(missing, low, high), likeness, -np.inf)
    apart = max(round(APART_SECONDS * sampling_rate / hop), 1)
    peaks = likeness == scipy.ndimage.maximum_filter1d(likeness, 2 * apart + 1, mode="constant", cval=-np.inf)
    candidates = np.flatnonzero(peaks & np.isfinite(likeness))
    candidates = candidates[np.argsort(-likeness[candidates], kind="stable")[:NUM_PLACES]]

    best, best_sum = None, -np.inf
    whole = mono[start - before : stop + after]
    known = ~missing[start - before : stop + after]
    for candidate in candidates.tolist():
        place = start - before + int(shifts[candidate]) - hop
        stretch = mono[place : place + len(whole) + 2 * hop]
        products = scipy.signal.fftconvolve(stretch, (whole * known)[::-1], mode="valid")
        powers = scipy.signal.fftconvolve(stretch**2, known[::-1].astype(float), mode="valid")
        scale = np.square(whole[known]).sum() * np.maximum(powers, 1e-12 * np.square(stretch).sum())
        correlations = products / np.sqrt(scale + np.finfo(np.float64).tiny)
        offset = int(correlations.argmax())
        like = float(likeness[candidate])
        if like + correlations[offset] > best_sum:
            best_sum = like + correlations[offset]
            best = Source(start, stop, place + offset + before, min(max(like, float(correlations[offset])), 1.0))
    if best is None or best.likeness < LEAST_LIKENESS:
        found = "no place is long enough"
        if best is not None:
            seconds = best.source_start / sampling_rate
            found = f"the likest place, at {seconds:.3f} s, has a likeness of {best.likeness:.2f}"
        raise ValueError(
            f"expected a part of the recording that is like the surroundings of the gap from "
            f"{start / sampling_rate:.3f} to {stop / sampling_rate:.3f} s, with a likeness of at least "
            f"{LEAST_LIKENESS}, got none: {found}"
        )
    return best


def _put(signal: np.ndarray, missing: np.ndarray, source: Source, sampling_rate: int) -> np.ndarray:
    """What fills the gap of a channel, float64 `(samples,)`, from a source in it."""
    surroundings = surroundings_of(signal, missing, (source.start, source.stop))
    before, after = surroundings.sides(round(EDGE_SECONDS * sampling_rate))
    place = source.source_start - len(before)
    taken = signal[place : place + len(before) + source.stop - source.start + len(after)]
    edges = Surroundings(len(before), len(taken) - len(after), before[None], after[None])
    inside = slice(edges.start, edges.end)
    filling = match_edges(taken, edges, sampling_rate=sampling_rate)[0]
    # What the edges differ by from those of the source goes on into the gap.
    residual = Surroundings(edges.start, edges.end, before - taken[: inside.start], after - taken[inside.stop :])
    rest, weight = continuation(residual, sampling_rate=sampling_rate, reach_seconds=REACH_SECONDS)
    return filling + weight * rest
