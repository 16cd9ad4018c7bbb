"""Windows of hops (tokens, frames) around gaps, as long as those that a model was trained on."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.resampling import resample


@dataclass(frozen=True)
class Window:
    """
    Args:
        start, end: first hop of the window, and the one after its last.
        fill_start, fill_end: first hop that the window is there to fill, and the one after the last.
    """

    start: int
    end: int
    fill_start: int
    fill_end: int

    def gaps_to_fill(self, missing: np.ndarray, start: int, *, hop_rate: Fraction) -> list[tuple[int, int]]:
        """
        The gaps that lie in the part of a recording that the window is there to fill.

        Args:
            missing: bool `(samples,)`, True = missing, of the recording from the sample `start` on.
            start: sample of the recording.
            hop_rate: hops for each sample of the recording.

        Returns:
            Start and end (exclusive) of each gap, in samples of `missing`.
        """
        gaps = find_gaps(missing)
        inside = [
            self.fill_start <= (start + first) * hop_rate and (start + last) * hop_rate <= self.fill_end
            for first, last in gaps.tolist()
        ]
        return [(first, last) for first, last in gaps[inside].tolist()]


@dataclass(frozen=True, eq=False)
class Plan:
    """
    Where a model fills the gaps of a recording.

    Args:
        missing: bool `(samples,)`, True where any channel is missing.
        sampling_rate: Hz of the recording.
        missing_hops: bool `(hops,)`, the hops that the gaps touch.
        windows: of one length, in order. Their parts to fill are disjoint and hold every missing hop.
    """

    missing: np.ndarray
    sampling_rate: int
    missing_hops: np.ndarray
    windows: list[Window]


def plan_windows(missing: np.ndarray, window_length: int, max_gap: int) -> list[Window]:
    """
    Places windows so that each gap lies whole in one of them, in the middle where there is room. Neighbouring gaps
    share a window where together they are no longer than the longest gap.

    Args:
        missing: bool, `(hops,)`.
        window_length: hops of a window; all of them where there are fewer.
        max_gap: longest gap a window may have to fill, in hops, less than `window_length`.

    Returns:
        Windows of one length, in order. Their parts to fill are disjoint and hold every missing hop.

    Raises:
        ValueError: a gap longer than `max_gap`, or nothing intact at all.
    """
    num_hops = len(missing)
    if missing.all():
        raise ValueError("no intact token is left to go by: every token touches a missing sample")
    length = min(window_length, num_hops)
    windows: list[Window] = []
    for start, end in find_gaps(missing).tolist():
        if end - start > max_gap:
            raise ValueError(f"a gap of {end - start} missing tokens is longer than the model can fill, {max_gap}")
        if windows and end - windows[-1].fill_start <= max_gap:
            start = windows.pop().fill_start
        windows.append(_window_about(start, end, length, num_hops))
    return windows


def plan_successive_windows(missing: np.ndarray, window_length: int, longest: int) -> list[Window]:
    """
    Places windows for gaps of any length: longer ones are filled part by part, from left to right, and what has been
    filled is known to the windows after it. A part lies in the middle of its window where there is room.

    Args:
        missing: bool, `(hops,)`; all may be.
        window_length: hops of a window; all of them where there are fewer.
        longest: hops of a part, at most `window_length`.

    Returns:
        Windows of one length, in order. Their parts to fill are disjoint and hold every missing hop.
    """
    num_hops = len(missing)
    length = min(window_length, num_hops)
    return [
        _window_about(start, min(start + longest, gap_end), length, num_hops)
        for gap_start, gap_end in find_gaps(missing).tolist()
        for start in range(gap_start, gap_end, longest)
    ]


def _window_about(start: int, end: int, length: int, num_hops: int) -> Window:
    """A window with hops to fill in its middle, as far as the recording lets it."""
    first = int(np.clip((start + end - length) // 2, 0, num_hops - length))
    return Window(first, first + length, start, end)


def not_filled(
    model: str, reason: ValueError, missing: np.ndarray, sampling_rate: int, max_gap_seconds: float
) -> ValueError:
    """
    The error for gaps that no windows could be planned for.

    Args:
        model: its name.
        reason: what [`plan_windows`] raised.
        missing: bool, `(samples,)`.
        sampling_rate: Hz.
        max_gap_seconds: longest gap that the model fills.
    """
    longest = np.diff(find_gaps(missing)).max() / sampling_rate
    limit = f"the {model} fills gaps of up to {max_gap_seconds:.2f} s"
    if longest > max_gap_seconds:
        return ValueError(f"{limit}, got one of {longest:.2f} s: 'envelope_noise' fills longer ones, without a model")
    return ValueError(
        f"{limit} in intact surroundings, and here gaps of up to {longest:.2f} s are so close together that they are "
        f"one to it: {reason}. 'janssen' and 'autoregressive' fill them without a model"
    )


def at_rate(audio: np.ndarray, start: int, from_rate: int, to_rate: int) -> tuple[int, np.ndarray]:
    """
    Audio of a window at another rate, in its place to the sample.

    Args:
        audio: float64, `(..., samples)`.
        start: sample of the recording that the window starts at, at `from_rate`.
        from_rate, to_rate: Hz.

    Returns:
        The sample at `to_rate` that the result starts at, and the result. Both rates have a sample at multiples of
        `from_rate / gcd(from_rate, to_rate)`; zeros go before the audio to start at such a place.
    """
    offset = start % (from_rate // math.gcd(from_rate, to_rate))
    padded = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(offset, 0)])
    return (start - offset) * to_rate // from_rate, resample(padded, from_rate, to_rate)
