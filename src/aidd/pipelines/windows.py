"""Windows of tokens or frames around gaps, as long as those that a model was trained on."""

import math
from dataclasses import dataclass

import numpy as np

from ..masks.gaps import find_gaps
from ..signals.resampling import resample
from ..signals.stft import Grid, istft, stft


# Peak level that models hear windows at, as in `examples/tokenize_dataset.py`.
WINDOW_PEAK = 10 ** (-3 / 20)


@dataclass(frozen=True)
class TokenWindow:
    """
    Args:
        start: first token of the window.
        end: token behind the last one of the window.
        fill_start: first token that the window is there to fill.
        fill_end: token behind the last one that the window is there to fill.
    """

    start: int
    end: int
    fill_start: int
    fill_end: int


def plan_windows(missing: np.ndarray, window_length: int, max_gap: int) -> list[TokenWindow]:
    """
    Places windows so that each run of missing tokens lies whole in one of them, in the middle where there is room.
    Neighbouring runs share a window where together they are no longer than the longest gap.

    Args:
        missing: bool, `(num_tokens,)`.
        window_length: tokens of a window; all of them where there are fewer.
        max_gap: longest run a window may have to fill, less than `window_length`.

    Returns:
        Windows of one length, in order. Their fill ranges are disjoint and hold every missing token.

    Raises:
        ValueError: a run longer than `max_gap`, or nothing intact at all.
    """
    num_tokens = len(missing)
    if missing.all():
        raise ValueError("no intact token is left to go by: every token touches a missing sample")
    length = min(window_length, num_tokens)
    windows: list[TokenWindow] = []
    for start, end in find_gaps(missing).tolist():
        if end - start > max_gap:
            raise ValueError(f"a run of {end - start} missing tokens is longer than the model can fill, {max_gap}")
        if windows and end - windows[-1].fill_start <= max_gap:
            start = windows.pop().fill_start
        first = int(np.clip((start + end - length) // 2, 0, num_tokens - length))
        windows.append(TokenWindow(first, first + length, start, end))
    return windows


def not_filled(
    model: str, reason: ValueError, missing: np.ndarray, sampling_rate: int, max_gap_seconds: float
) -> ValueError:
    """
    What to say of gaps that no windows could be planned for.

    Args:
        model: what it is called.
        reason: of [`plan_windows`].
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
        `from_rate / gcd(from_rate, to_rate)`; zeros go in front of the audio to start at such a place.
    """
    offset = start % (from_rate // math.gcd(from_rate, to_rate))
    padded = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(offset, 0)])
    return (start - offset) * to_rate // from_rate, resample(padded, from_rate, to_rate)


def plan_successive_windows(missing: np.ndarray, window_length: int, longest: int) -> list[TokenWindow]:
    """
    Windows for runs of any length: longer ones are filled piece by piece, from left to right, and what has been filled
    is known to the windows behind. A piece lies in the middle of its window where there is room.

    Args:
        missing: bool, `(num_tokens,)`; all may be.
        window_length: tokens of a window; all of them where there are fewer.
        longest: piece, at most `window_length`.

    Returns:
        Windows of one length, in order. Their fill ranges are disjoint and hold every missing token.
    """
    num_tokens = len(missing)
    length = min(window_length, num_tokens)
    windows = []
    for run_start, run_end in find_gaps(missing).tolist():
        for start in range(run_start, run_end, longest):
            end = min(start + longest, run_end)
            first = int(np.clip((start + end - length) // 2, 0, num_tokens - length))
            windows.append(TokenWindow(first, first + length, start, end))
    return windows


def first_sample(window: TokenWindow, grid: Grid) -> int:
    """Of the signal of a window's frames; negative where the first of them reach beyond the recording."""
    return (window.start + 1 - grid.overlap) * grid.hop_length


def window_cells(signal: np.ndarray, window: TokenWindow, num_frames: int, grid: Grid) -> np.ndarray:
    """
    Args:
        signal: float64 `(samples,)`, at the grid's rate. What lies beyond it is silence.
        window: whose frames are wanted, from its start on.
        num_frames: how many.
        grid: of the cells.

    Returns:
        complex128 `(bins, num_frames)`.
    """
    start = first_sample(window, grid)
    num_samples = (num_frames + grid.overlap - 1) * grid.hop_length
    here = signal[max(start, 0) : start + num_samples]
    before = max(-start, 0)
    cells = stft(np.pad(here, (before, num_samples - before - len(here))), grid)
    return cells[:, grid.overlap - 1 : grid.overlap - 1 + num_frames]


def window_frames(frames_missing: np.ndarray, window: TokenWindow, num_frames: int) -> np.ndarray:
    """Missing frames of a window, bool `(num_frames,)`; what lies behind the recording's end is missing, too."""
    here = frames_missing[window.start : window.end]
    return np.pad(here, (0, num_frames - len(here)), constant_values=True)


def window_signal(cells: np.ndarray, grid: Grid) -> np.ndarray:
    """Of windows complex128 `(..., bins, frames)`: float64 `(..., samples)`, faded at the ends."""
    num_frames = cells.shape[-1]
    beside = (grid.overlap - 1, grid.overlap - 1)
    padded = np.pad(cells, [(0, 0)] * (cells.ndim - 1) + [beside])
    return istft(padded, grid, (num_frames + grid.overlap - 1) * grid.hop_length)
