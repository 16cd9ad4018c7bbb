"""Clicks and scratches, by the prediction error of an autoregressive model."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import lfilter
from scipy.signal.windows import hann

from ..masks.gaps import find_gaps
from ..signals.arrays import check_sampling_rate
from ..signals.autoregressive import burg, least_error
from .runs import as_channels, statistics_of


# What a model is fitted to is twice as long.
BLOCK_SECONDS = 0.05
# Window whose median shows how large the prediction error is. Clicks that fill half of it go unseen.
SCALE_SECONDS = 0.02
# What is longer is taken for music, such as the noise of an attack.
MAX_SECONDS = 0.003
# Median of the magnitude of a normal variable of unit variance.
NORMAL_MEDIAN = 0.6745
# Prediction errors are taken to be no smaller than a quantised signal's rounding, and than this part of the level
# nearby: less would not be audible, and is rounding where a signal is all but predictable.
ROUNDING = 1 / np.sqrt(12)
LEAST_SCALE = 1e-4
# Candidates: a sample above the peak, with neighbours above the extent, over a few that are not. In standard
# deviations of the error. Bridge and margin keep all of a click out of the samples that it is compared with: what is
# left there counts as error that remains, and hides the click.
PEAK, EXTENT, BRIDGE, MARGIN = 4.0, 2.0, 8, 2
# Standard deviations that a click's first and last sample differ from what the samples around it predict.
TRIM = 2.5
ORDER = 32
THRESHOLD = 100.0


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
    where that takes away more than `threshold` times the mean square error that remains, for each sample
    interpolated; an attack's noise, which remains after it, is none. At its ends, samples within 2.5 standard
    deviations of the error of their interpolation are taken for intact, and the rest is interpolated anew.

    A step, as where recordings are cut and joined, may be found like a click: nothing predicts it either.

    Nothing is found in the first and last `3 * order` samples, which leave too little to be predicted from.

    Args:
        signal: float, `(samples,)` or `(channels, samples)`, of any scale.
        sampling_rate: Hz.
        order: of the models.
        threshold: ratio of powers, as said above.
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
        clicks = clicks_between(
            channel,
            (0, len(channel)),
            first=0,
            num_samples=len(channel),
            sampling_rate=sampling_rate,
            step=statistics_of(channel).step,
            order=order,
            threshold=threshold,
        )
        for start, end in clicks.tolist():
            found[max(start - widen, 0) : end + widen] = True
    return mask.reshape(signal.shape)


def clicks_between(
    part: np.ndarray,
    span: tuple[int, int],
    *,
    first: int,
    num_samples: int,
    sampling_rate: int,
    step: float,
    order: int = ORDER,
    threshold: float = THRESHOLD,
) -> np.ndarray:
    """
    Clicks of a channel whose candidates start in a span of it: what is found of the whole channel there.

    Args:
        part: float64 `(samples,)`, of the channel: the span, and on both sides [`block_and_margin`]'s margin, or
            what there is of it.
        span: start and exclusive end, in the channel.
        first: the channel's sample that `part` starts with, a multiple of the block's length.
        num_samples: length of the channel.
        sampling_rate: Hz.
        step: the channel's quantisation step.
        order, threshold: see [`find_clicks`].

    Returns:
        int64 `(clicks, 2)`: start and exclusive end, in the channel.
    """
    rounding = ROUNDING * step
    clicks = [
        (first + differing[0], first + differing[1])
        for start, end in _candidates(part, sampling_rate, order, rounding)
        if span[0] <= first + start < span[1]
        and min(first + start, num_samples - first - end) >= 3 * order + MARGIN
        and (differing := _test(part, start - MARGIN, end + MARGIN, sampling_rate, order, threshold, rounding))
    ]
    return np.array(clicks, np.int64).reshape(-1, 2)


def block_and_margin(sampling_rate: int, order: int = ORDER) -> tuple[int, int]:
    """
    Samples of the blocks that models are fitted to, and how much around a span decides what is found in it, a
    multiple of these. What is known of a part's ends is not what the whole channel shows: models, for a block and a
    half and their order; the running median, for less than half a block; and runs of candidates, for the longest that
    counts. Candidates are then looked at within half a block or two orders, and two orders.
    """
    block = max(round(BLOCK_SECONDS * sampling_rate), order + 1)
    return block, block * (3 + math.ceil((5 * order + 2 * BRIDGE + 2 * MARGIN) / block))


def _candidates(part: np.ndarray, sampling_rate: int, order: int, rounding: float) -> list[tuple[int, int]]:
    """Start and exclusive end of what may be a click."""
    deviation = _deviation(part, sampling_rate, order, rounding)
    outlying = deviation > EXTENT
    for start, end in find_gaps(~outlying).tolist():
        if end - start <= BRIDGE:
            outlying[start:end] = True
    return [
        (start, end)
        for start, end in find_gaps(outlying).tolist()
        if end - start <= MAX_SECONDS * sampling_rate and deviation[start:end].max() > PEAK
    ]


def _deviation(channel: np.ndarray, sampling_rate: int, order: int, rounding: float) -> np.ndarray:
    """float64 `(samples,)`: the smaller of both prediction errors' magnitudes, in standard deviations nearby."""
    forward, backward = np.zeros((2, len(channel)))
    level = np.zeros(len(channel))
    block, _ = block_and_margin(sampling_rate, order)
    for start in range(0, len(channel), block):
        end = min(start + block, len(channel))
        around = channel[max(start - block // 2, 0) : end + block // 2]
        if len(around) <= order + 1 or not around.any():
            continue
        error_filter = burg(around * hann(len(around), sym=False), order)
        first = max(start - order, 0)
        forward[start:end] = lfilter(error_filter, [1.0], channel[first:end])[start - first :]
        backward[start:end] = lfilter(error_filter, [1.0], channel[start : end + order][::-1])[::-1][: end - start]
        level[start:end] = np.sqrt(np.mean(around**2))
    forward, backward = np.abs(forward), np.abs(backward)
    median = median_filter(forward, size=max(round(SCALE_SECONDS * sampling_rate), 1))
    scale = np.maximum(median / NORMAL_MEDIAN, np.maximum(rounding, LEAST_SCALE * level))
    return np.divide(np.minimum(forward, backward), scale, out=np.zeros(len(channel)), where=scale > 0)


def _test(
    channel: np.ndarray, start: int, end: int, sampling_rate: int, order: int, threshold: float, rounding: float
) -> tuple[int, int] | None:
    """First sample of the click, and the one after its last, or None where the candidate is none."""
    reach = max(round(BLOCK_SECONDS / 2 * sampling_rate), 2 * order)
    first = max(start - reach, 0)
    context = channel[first : end + reach].copy()
    missing = np.zeros(len(context), bool)
    missing[start - first : end - first] = True
    context[missing] = np.interp(np.flatnonzero(missing), np.flatnonzero(~missing), context[~missing])
    near = slice(start - first - 2 * order, end - first + 2 * order)
    observed = channel[start - 2 * order : end + 2 * order]
    # The first model is that of a straight line across the click; the second knows better.
    for _ in range(2):
        error_filter = burg(context * hann(len(context), sym=False), order)
        context[near] = least_error(observed, missing[near], error_filter)
    with_click, without = (
        np.sum(lfilter(error_filter, [1.0], samples)[order:] ** 2) for samples in (observed, context[near])
    )
    remaining = without / (len(observed) - order - (end - start))
    variance = remaining + max(rounding, LEAST_SCALE * np.sqrt(np.mean(context**2))) ** 2
    if (with_click - without) / (end - start) <= threshold * variance:
        return None
    ends = _ends(observed, missing[near], error_filter, TRIM * np.sqrt(variance))
    return None if ends is None else (start - 2 * order + ends[0], start - 2 * order + ends[1])


def _ends(observed: np.ndarray, missing: np.ndarray, error_filter: np.ndarray, least: float) -> tuple[int, int] | None:
    """
    Start and exclusive end of what differs: samples at the ends of the missing ones that are within `least` of their
    interpolation are taken for intact, and the rest is interpolated anew, from closer by, until both ends differ.
    """
    span = np.flatnonzero(missing)
    while len(span):
        start, end = int(span[0]), int(span[-1]) + 1
        missing = np.zeros(len(observed), bool)
        missing[start:end] = True
        span = np.flatnonzero(np.abs(observed - least_error(observed, missing, error_filter)) > least)
        if len(span) and (span[0], span[-1] + 1) == (start, end):
            return start, end
    return None
