"""Clicks and scratches, by the prediction error of autoregressive models at several rates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy

from ..masks.gaps import find_gaps, unite
from ..signals.arrays import check_sampling_rate
from ..signals.autoregressive import burg
from .attacks import Candidate, apart_from_attacks, level_change
from .interpolation import BLOCK_SECONDS, LEAST_SCALE, MAX_SECONDS, ROUNDING, Interpolation, grown
from .runs import ChannelStatistics, as_channels, statistics_of
from .sensitivity import DEFAULT_SENSITIVITY, click_threshold


# Window whose median shows how large the prediction error is. Clicks that fill half of it go unseen.
SCALE_SECONDS = 0.02
# Median of the magnitude of a normal variable of unit variance.
NORMAL_MEDIAN = 0.6745
# Candidates: a sample above the peak, with neighbours above the extent, over a few that are not. In standard
# deviations of the error. Bridge and margin keep all of a click out of the samples that it is compared with: what is
# left there counts as error that remains, and hides the click.
PEAK, EXTENT, BRIDGE, MARGIN = 4.0, 2.0, 8, 2
# What is flat or smooth is only predicted badly where it begins and ends, so that the error of wide clicks grows less
# than their length, from this many samples on.
SHORT, WIDTH_EXPONENT = 8, 0.75
# Candidates are looked for at the signal's rate and at halves of it, down to this one in Hz and this fraction. What is
# wide there is narrow here.
LEAST_RATE, MOST_HALVINGS = 2500, 3
# What is found at a lower rate alone stands out of the music by this much of its RMS level nearby: a note that is cut
# off under another one leaves a small step.
LEAST_HEIGHT = 0.5
# Share of the energy that a candidate of another rate takes away, which is all but the whole click.
WHOLE = 0.9
# Length of the half-band filter of the halvings.
HALF_BAND_TAPS = 31
ORDER = 32
THRESHOLD = click_threshold(DEFAULT_SENSITIVITY)


def find_clicks(
    signal: np.ndarray, *, sampling_rate: int, order: int = ORDER, threshold: float = THRESHOLD, widen: int = 0
) -> np.ndarray:
    """
    Clicks and scratches of up to 3 ms: samples that an autoregressive model predicts neither from those before nor
    from those after them (Godsill & Rayner 1998, Digital Audio Restoration, chapter 5).

    Models are fitted by Burg's method to blocks of 50 ms with half as much again on each side. The prediction error of
    a click spreads over as many samples after it as the model has coefficients, that of the prediction backwards over
    as many before it: only at the click itself both are large. Where both are, compared with their running median over
    20 ms, a candidate is interpolated by least squared prediction error, with a model fitted without it. It is a click
    where that takes away more than `threshold` times the mean square error that remains, for each sample interpolated
    up to 8, and for the power 0.75 of their number beyond; an attack's noise, which remains after it, is none. At its
    ends, samples within 2.5 standard deviations of the error of their interpolation are taken for intact, and the rest
    is interpolated anew.

    Only the ends of a wide click that is flat or smooth are predicted badly, if those. So the same is done with the
    signal at a half, a quarter and an eighth of its rate, at which such a click is short.

    The attack of a note begins as a click does, but the music after it is another than before: where the level changes
    by more than 10 dB over a candidate, or by more than 6 dB over longer, it is none. Neither are bursts that the
    recording consists of, such as claps: see [`~aidd.detection.attacks.apart_from_attacks`].

    A step, as where recordings are cut and joined, may be found like a click: nothing predicts it either.

    Nothing is found in the first and last `3 * order` samples, which leave too little to be predicted from.

    Args:
        signal: float, `(samples,)` or `(channels, samples)`, of any scale.
        sampling_rate: Hz.
        order: of the models.
        threshold: ratio of powers, as said above. [`~aidd.detection.sensitivity`] says how often it is exceeded.
        widen: samples added on both sides of every click.

    Returns:
        bool, of the signal's shape, True = a click's.

    Raises:
        ValueError: no such signal, samples that are not finite, a rate that is no positive integer, an order below 1,
            a negative `widen`, or a threshold not above 0.
    """
    check_sampling_rate(sampling_rate)
    if order < 1 or widen < 0:
        raise ValueError(f"expected order of at least 1 and widen of at least 0, got {order} and {widen}")
    if not threshold > 0:
        raise ValueError(f"threshold must be above 0, got {threshold}")
    channels = as_channels(signal)
    mask = np.zeros(channels.shape, bool)
    for channel, found in zip(channels, mask, strict=True):
        statistics = statistics_of(channel)
        candidates = candidates_between(
            channel,
            (0, len(channel)),
            first=0,
            num_samples=len(channel),
            sampling_rate=sampling_rate,
            step=statistics.step,
            order=order,
            threshold=threshold,
        )
        for start, end in clicks_of(candidates, statistics, sampling_rate=sampling_rate).tolist():
            found[max(start - widen, 0) : end + widen] = True
    return mask.reshape(signal.shape)


def clicks_of(candidates: list[Candidate], statistics: ChannelStatistics, *, sampling_rate: int) -> np.ndarray:
    """
    Those of a channel's candidates that are clicks: int64 `(clicks, 2)`, start and exclusive end.

    Args:
        candidates: of the whole channel.
        statistics: of the channel.
        sampling_rate: Hz.
    """
    clicks = apart_from_attacks(candidates, statistics, sampling_rate=sampling_rate)
    return unite([np.array([(click.start, click.end) for click in clicks], np.int64).reshape(-1, 2)])


def candidates_between(
    part: np.ndarray,
    span: tuple[int, int],
    *,
    first: int,
    num_samples: int,
    sampling_rate: int,
    step: float,
    order: int = ORDER,
    threshold: float = THRESHOLD,
) -> list[Candidate]:
    """
    Candidates of a channel that start in a span of it: what is found of the whole channel there.

    Args:
        part: float64 `(samples,)`, of the channel: the span, and on both sides [`block_and_margin`]'s margin, or
            what there is of it.
        span: start and exclusive end, in the channel.
        first: the channel's sample that `part` starts with, a multiple of the block's length.
        num_samples: length of the channel.
        sampling_rate: Hz.
        step: the channel's quantisation step.
        order, threshold: see [`find_clicks`].
    """
    rounding = ROUNDING * step
    # Those around the span too, as candidates of several rates that overlap become one.
    reach = round(2 * MAX_SECONDS * sampling_rate)
    around = (max(span[0] - reach - first, 0), span[1] + reach - first)
    found: list[Candidate] = []
    half_band = scipy.signal.firwin(HALF_BAND_TAPS, 0.5)
    signal, rate = part, float(sampling_rate)
    for factor in factors(sampling_rate):
        if factor > 1:
            signal, rate = np.convolve(signal, half_band, "same")[::2], rate / 2
        edge = 3 * order + MARGIN
        deviations = [_deviation(signal, rate, order, rounding / np.sqrt(factor))]
        if factor > 1:
            deviations.append(_height(signal, rate))
        for start, end in sorted({run for deviation in deviations for run in _runs(deviation, rate)}):
            inside = min(first // factor + start, num_samples // factor - first // factor - end) >= edge
            if inside and around[0] <= start * factor < around[1]:
                tested = _test(
                    signal, start - MARGIN, end + MARGIN, rate, order, threshold, rounding / np.sqrt(factor)
                )
                if tested is not None and (factor == 1 or tested.height >= LEAST_HEIGHT):
                    found.append(tested.scaled(factor))
    return [
        candidate.moved(first)
        for candidate in _united(part, found, sampling_rate, order, rounding)
        if span[0] <= first + candidate.start < span[1]
    ]


def factors(sampling_rate: int) -> list[int]:
    """Factors that the rate is divided by: 1, 2, 4 and 8, as far as what remains is enough."""
    return [2**n for n in range(MOST_HALVINGS + 1) if n == 0 or sampling_rate / 2**n >= LEAST_RATE]


def block_and_margin(sampling_rate: int, order: int = ORDER) -> tuple[int, int]:
    """
    Samples of the blocks that models are fitted to, and how much around a span decides what is found in it, a
    multiple of these. What is known of a part's ends is not what the whole channel shows: models, for a block and a
    half and their order; the running median, for less than half a block; and runs of candidates, for the longest that
    counts. Candidates are then looked at within half a block or two orders, and two orders.
    """
    largest = factors(sampling_rate)[-1]
    block = largest * max(round(BLOCK_SECONDS * sampling_rate / largest), order + 1)
    samples = largest * (5 * order + 2 * BRIDGE + 2 * MARGIN + HALF_BAND_TAPS) + round(4 * MAX_SECONDS * sampling_rate)
    return block, block * (3 + math.ceil(samples / block))


def _runs(deviation: np.ndarray, rate: float) -> list[tuple[int, int]]:
    """Start and exclusive end of what may be a click, from deviations in standard deviations, `(samples,)`."""
    outlying = deviation > EXTENT
    for start, end in find_gaps(~outlying).tolist():
        if end - start <= BRIDGE:
            outlying[start:end] = True
    return [
        (start, end)
        for start, end in find_gaps(outlying).tolist()
        if end - start <= MAX_SECONDS * rate and deviation[start:end].max() > PEAK
    ]


def _height(signal: np.ndarray, rate: float) -> np.ndarray:
    """
    float64 `(samples,)`: the signal's magnitude in standard deviations nearby. A model that is fitted to a smooth
    bulge predicts it, however far it stands out.
    """
    height = np.abs(signal)
    median = scipy.ndimage.median_filter(height, size=max(round(BLOCK_SECONDS * rate), 1)) / NORMAL_MEDIAN
    return np.divide(height, median, out=np.zeros(len(signal)), where=median > 0)


def _deviation(channel: np.ndarray, rate: float, order: int, rounding: float) -> np.ndarray:
    """float64 `(samples,)`: the smaller of both prediction errors' magnitudes, in standard deviations nearby."""
    forward, backward = np.zeros((2, len(channel)))
    level = np.zeros(len(channel))
    block = max(round(BLOCK_SECONDS * rate), order + 1)
    for start in range(0, len(channel), block):
        end = min(start + block, len(channel))
        around = channel[max(start - block // 2, 0) : end + block // 2]
        if len(around) <= order + 1 or not around.any():
            continue
        error_filter = burg(around * scipy.signal.windows.hann(len(around), sym=False), order)
        first = max(start - order, 0)
        forward[start:end] = scipy.signal.lfilter(error_filter, [1.0], channel[first:end])[start - first :]
        reversed_errors = scipy.signal.lfilter(error_filter, [1.0], channel[start : end + order][::-1])
        backward[start:end] = reversed_errors[::-1][: end - start]
        level[start:end] = np.sqrt(np.mean(around**2))
    forward, backward = np.abs(forward), np.abs(backward)
    median = scipy.ndimage.median_filter(forward, size=max(round(SCALE_SECONDS * rate), 1))
    scale = np.maximum(median / NORMAL_MEDIAN, np.maximum(rounding, LEAST_SCALE * level))
    return np.divide(np.minimum(forward, backward), scale, out=np.zeros(len(channel)), where=scale > 0)


def _test(
    signal: np.ndarray, start: int, end: int, rate: float, order: int, threshold: float, rounding: float
) -> Candidate | None:
    """What is known of a candidate at this rate, or None where its score is too low or nothing of it differs."""
    tried = Interpolation(signal, start, end, rate, order, rounding)
    short = min(end - start, SHORT)
    score = tried.score / (short * ((end - start) / short) ** WIDTH_EXPONENT)
    if score <= threshold:
        return None
    tried = grown(tried, signal, rate, order, rounding)
    ends = tried.ends()
    if ends is None:
        return None
    start, end = ends
    change = level_change(tried.context, tried.start, tried.end, rate, rounding)
    energy = float(np.sum(signal[start:end] ** 2))
    return Candidate(start, end, score, tried.height, tried.removed, energy, change)


def _united(
    part: np.ndarray, found: list[Candidate], sampling_rate: int, order: int, rounding: float
) -> Iterator[Candidate]:
    """
    Clicks, each with all that overlaps it at any rate, with the ends that it has at the signal's own rate; and apart
    from them attacks, as they are.
    """
    clicks = sorted((one for one in found if one.is_click), key=lambda one: one.start)
    groups: list[list[Candidate]] = []
    for click in clicks:
        if groups and click.start < max(one.end for one in groups[-1]):
            groups[-1].append(click)
        else:
            groups.append([click])
    spans = []
    for group in groups:
        spans.append((min(one.start for one in group), max(one.end for one in group)))
        # The shortest that takes away nearly all that any does: at lower rates, short clicks are wide.
        enough = WHOLE * max(one.removed for one in group)
        best = min((one for one in group if one.removed >= enough), key=lambda one: (one.end - one.start, one.factor))
        if best.factor == 1:
            yield best
            continue
        tried = Interpolation(part, best.start - MARGIN, best.end + MARGIN, sampling_rate, order, rounding)
        ends = tried.ends()
        if ends is not None:
            start, end = ends
            # At a lower rate, high partials are not there to change.
            change = max(best.change, level_change(tried.context, tried.start, tried.end, sampling_rate, rounding))
            energy = float(np.sum(part[start:end] ** 2))
            yield replace(best, start=start, end=end, energy=energy, change=change)
    for attack in found:
        if not attack.is_click and not any(start <= attack.end and attack.start <= end for start, end in spans):
            yield attack
