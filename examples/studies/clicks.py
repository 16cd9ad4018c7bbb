"""Clicks of several kinds, added to intact audio."""

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from aidd.signals.autoregressive import burg


FULL_SCALE = 2**15
# Local level and prediction error are read over this many seconds on both sides of a click.
SIDE_SECONDS = 0.025
# Times the local level, and decibels above the local prediction error.
HEIGHT, BURST_DB = 6.0, 20.0


def rounded(audio: np.ndarray) -> np.ndarray:
    return np.clip(np.round(audio * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1) / FULL_SCALE


def burst(around: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    error = lfilter(burg(around * np.hanning(len(around)), 32), [1.0], around)[len(around) // 4 :]
    noise = draw.standard_normal(draw.integers(1, rate // 1000 + 1))
    return noise * 10 ** (BURST_DB / 20) * np.sqrt(np.mean(error**2) / np.mean(noise**2))


def flat(seconds: float, around: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    shape = np.ones(max(round(seconds * rate), 1))
    return HEIGHT * np.sqrt(np.mean(around**2)) * draw.choice([-1, 1]) * shape


def half_sine(seconds: float, around: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
    pulse = flat(seconds, around, rate, draw)
    return pulse * np.sin(np.pi * (np.arange(len(pulse)) + 0.5) / len(pulse))


# Clicks by their names: what is added, of the music around, its rate and a generator.
CLICKS: dict[str, Callable[..., np.ndarray]] = {
    "burst of noise": burst,
    "one sample": lambda *around: flat(0.0, *around),
    "flat, 0.27 ms": lambda *around: flat(12 / 44_100, *around),
    "flat, 0.45 ms": lambda *around: flat(20 / 44_100, *around),
    "flat, 1.8 ms": lambda *around: flat(80 / 44_100, *around),
    "half sine, 0.9 ms": lambda *around: half_sine(40 / 44_100, *around),
    "half sine, 1.8 ms": lambda *around: half_sine(80 / 44_100, *around),
}


def with_clicks(
    audio: np.ndarray, rate: int, kind: str, draw: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The audio with clicks of a kind in it, and the first sample and the one after the last of each."""
    damaged, places, side = audio.copy(), [], round(SIDE_SECONDS * rate)
    for start in np.cumsum(draw.uniform(0.1, 0.56, len(audio) * 10 // rate) * rate).astype(int):
        if start + 4 * side >= len(audio):
            break
        around = audio[max(start - side, 0) : start + side]
        if np.sqrt(np.mean(around**2)) > 10 ** (-50 / 20):
            pulse = CLICKS[kind](around, rate, draw)
            damaged[start : start + len(pulse)] += pulse
            places.append((int(start), int(start) + len(pulse)))
    return rounded(damaged), places
