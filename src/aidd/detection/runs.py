"""What the detectors share: their signals' form, the quantisation step, and runs of one value."""

from __future__ import annotations

import numpy as np


# A quantised signal that stands still for some samples at its own turning point has moved by at most this many steps,
# RMS, after as many samples more: by a parabola, 4.
STEPS = 8


def as_channels(signal: np.ndarray) -> np.ndarray:
    """
    A signal as float64 `(channels, samples)`.

    Raises:
        ValueError: not a float array of shape `(samples,)` or `(channels, samples)`, without samples, or not finite.
    """
    if not isinstance(signal, np.ndarray) or signal.dtype.kind != "f":
        found = signal.dtype if isinstance(signal, np.ndarray) else type(signal).__name__
        raise ValueError(f"signal must be a numpy array of floats, about within [-1, 1], got {found}")
    if signal.ndim not in (1, 2) or signal.size == 0:
        raise ValueError(
            f"signal must have shape (samples,) or (channels, samples), none of them 0, got {signal.shape}"
        )
    broken = ~np.isfinite(signal)
    if broken.any():
        raise ValueError(
            f"signal must be finite, got {broken.sum()} samples that are not, the first at index "
            f"{tuple(np.argwhere(broken)[0].tolist())}"
        )
    return np.atleast_2d(signal).astype(np.float64)


def quantisation_step(channel: np.ndarray) -> float:
    """Smallest change from one sample to the next of a float64 `(samples,)` channel; 0 where nothing changes."""
    changes = np.abs(np.diff(channel))
    return float(changes[changes > 0].min(initial=np.inf)) if changes.any() else 0.0


def find_runs(channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First sample, and the one behind the last, of every run of equal samples, single ones too: int64 `(runs,)`."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(channel)) + 1, [len(channel)]])
    return edges[:-1], edges[1:]


def level_beside(channel: np.ndarray, start: int, end: int, longest: int) -> float:
    """
    How far the signal goes from a run's value right beside it: RMS difference over as many samples as the run has, at
    most `longest`, on that side where it is less; 0 for a run at the signal's start or end.
    """
    length = min(end - start, longest)
    before, after = channel[max(start - length, 0) : start], channel[end : end + length]
    if len(before) == 0 or len(after) == 0:
        return 0.0
    return float(np.sqrt(min(np.mean((side - channel[start]) ** 2) for side in (before, after))))
