"""A click's samples interpolated by what surrounds them: how far, and from where to where, they differ from it."""

from __future__ import annotations

import numpy as np
import scipy

from ..signals.autoregressive import burg, least_error


# What a model is fitted to is twice as long.
BLOCK_SECONDS = 0.05
# What is longer is taken for music, such as the noise of an attack.
MAX_SECONDS = 0.003
# Prediction errors are taken to be no smaller than a quantised signal's rounding, and than this part of the level
# nearby: less would not be audible, and is rounding where a signal is all but predictable.
ROUNDING = 1 / np.sqrt(12)
LEAST_SCALE = 1e-4
# Standard deviations that a click's first and last sample differ from what the samples around it predict.
TRIM = 2.5
# A click goes on where the interpolation of this many seconds more takes away as many standard deviations, RMS.
GROWTH_SECONDS, GROWTH = 0.0002, 4.0


class Interpolation:
    """Samples `start` to before `end` of a signal, interpolated by a model of what lies around them."""

    def __init__(self, signal: np.ndarray, start: int, end: int, rate: float, order: int, rounding: float):
        reach = max(round(BLOCK_SECONDS / 2 * rate), 2 * order)
        first = max(start - reach, 0)
        self.context = signal[first : end + reach].copy()
        self.start, self.end = start - first, end - first
        self.place, self.num_missing, self.order = start, end - start, order
        missing = np.zeros(len(self.context), bool)
        missing[self.start : self.end] = True
        self.context[missing] = np.interp(np.flatnonzero(missing), np.flatnonzero(~missing), self.context[~missing])
        near = slice(self.start - 2 * order, self.end + 2 * order)
        self.observed, self.missing = signal[start - 2 * order : end + 2 * order], missing[near]
        # The first model is that of a straight line across the click; the second knows better.
        for _ in range(2):
            self.error_filter = burg(self.context * scipy.signal.windows.hann(len(self.context), sym=False), order)
            self.context[near] = least_error(self.observed, self.missing, self.error_filter)
        self.interpolated = self.context[near]
        with_click, without = map(self.error_energy, (self.observed, self.interpolated))
        remaining = without / (len(self.observed) - order - (end - start))
        level = float(np.sqrt(np.mean(self.context**2)))
        self.variance = remaining + max(rounding, LEAST_SCALE * level) ** 2
        self.score = (with_click - without) / self.variance
        difference = np.abs(self.observed - self.interpolated)
        self.height = float(difference.max()) / level if level > 0 else np.inf
        self.removed = float(np.sum((self.observed - self.interpolated) ** 2))

    def error_energy(self, samples: np.ndarray) -> float:
        """Energy of the prediction error of samples in place of those observed."""
        return float(np.sum(scipy.signal.lfilter(self.error_filter, [1.0], samples)[self.order :] ** 2))

    def ends(self) -> tuple[int, int] | None:
        """First sample that differs from its interpolation, and the one after the last, in the signal."""
        ends = _ends(self.observed, self.missing, self.error_filter, TRIM * np.sqrt(self.variance))
        first = self.place - 2 * self.order
        return None if ends is None else (first + ends[0], first + ends[1])


def grown(tried: Interpolation, signal: np.ndarray, rate: float, order: int, rounding: float) -> Interpolation:
    """The interpolation of more samples on both sides, as long as they differ from it."""
    num_samples = max(round(GROWTH_SECONDS * rate), 1)
    for before, after in ((num_samples, 0), (0, num_samples)):
        while tried.num_missing + num_samples <= MAX_SECONDS * rate:
            start, end = tried.place - before, tried.place + tried.num_missing + after
            if start < 3 * order or end > len(signal) - 3 * order:
                break
            wider = Interpolation(signal, start, end, rate, order, rounding)
            kept = wider.missing.copy()
            kept[2 * order : 2 * order + before] = kept[len(kept) - 2 * order - after : len(kept) - 2 * order] = False
            narrower = least_error(wider.observed, kept, wider.error_filter)
            taken = wider.error_energy(narrower) - wider.error_energy(wider.interpolated)
            if taken <= GROWTH**2 * num_samples * wider.variance:
                break
            tried = wider
    return tried


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
