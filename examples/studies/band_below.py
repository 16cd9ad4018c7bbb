"""Levels of a band, foretold from those of the band below it: candidates that studies measure."""

from __future__ import annotations

import numpy as np

from aidd.signals.bands import erb_bands, erb_transform, spectra_within
from aidd.splice.bandwidth_extension import (
    EDGE_SECONDS,
    FLOOR,
    MEAN_SECONDS,
    MEMORY_SECONDS,
    bands_above,
    bridge_weights,
)
from aidd.splice.framed_filling import framed
from aidd.splice.surroundings import Surroundings


# Added to the variances of bands below, relative to their mean (ridge regression).
RIDGE = 0.1
# How many frames whose bands below are the nearest are taken together.
NEAREST = 8
TINY = 1e-20


def band_below_power(
    power: np.ndarray, below: np.ndarray, surroundings: Surroundings, *, rate: int, lowest_hertz: float, amount: float
) -> np.ndarray:
    """
    Expected powers, moved by what the band below says.

    A ridge regression in the second on either side of the gap foretells levels of bands above from those below, in
    dB. What it foretells inside the gap counts by the amount, less what it foretells at the edges, of which the
    expected power knows: that fades as the edges' own levels do.

    Args:
        power: of [`~aidd.splice.bandwidth_extension.expected_power`], `(bands, frames)`.
        below: filling of the gap, whose band below is read, float64 `(samples,)`.
        surroundings: of the gap, of one channel.
        rate: Hz.
        lowest_hertz: Hz at which the band above begins.
        amount: 0 changes nothing.

    Returns:
        float64 `(bands, frames)`.
    """
    known_above, known_below, inside, along = _levels(below, surroundings, rate, lowest_hertz)
    low, high = np.concatenate(known_below), np.concatenate(known_above)
    mean, spread = low.mean(0), low - low.mean(0)
    covariance = spread.T @ spread
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, spread.T @ (high - high.mean(0)))
    transform = erb_transform(rate)
    num_frames = max(round((EDGE_SECONDS * rate - len(transform.win)) / transform.hop) + 1, 1)
    left, right = known_below[0][-num_frames:].mean(0), known_below[1][:num_frames].mean(0)
    from_left, from_right = bridge_weights(along, len(below) / (MEMORY_SECONDS * rate))
    told = (inside - mean) @ weights
    told -= from_left[:, None] * ((left - mean) @ weights) + from_right[:, None] * ((right - mean) @ weights)
    floor = FLOOR * np.exp(high.max())
    return np.maximum((power + floor) * np.exp(amount * told.T) - floor, 0)


def nearest_frames_power(
    below: np.ndarray, surroundings: Surroundings, *, rate: int, lowest_hertz: float
) -> np.ndarray:
    """
    Powers that the band above has in those frames around a gap whose bands below are the most like those in the gap.
    Arguments and result are those of [`band_below_power`].
    """
    known_above, known_below, inside, _ = _levels(below, surroundings, rate, lowest_hertz)
    low, high = np.concatenate(known_below), np.concatenate(known_above)
    distances = np.square(inside[:, None] - low).sum(-1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEAREST]
    return np.exp(high[nearest].mean(1)).T


def _levels(
    filling: np.ndarray, surroundings: Surroundings, rate: int, lowest_hertz: float
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """
    Log-powers `(frames, bands)` on both sides, above and below; those below in the filling; and where its frames lie.
    """
    transform = erb_transform(rate)
    above = bands_above(transform.f, lowest_hertz)
    # Without the lowest band, which holds 0 Hz.
    below = (erb_bands(transform.f) * (transform.f < lowest_hertz))[1:]
    below = below[below.any(axis=1)]
    sides = surroundings.sides(round(MEAN_SECONDS * rate))
    powers = [np.square(np.abs(spectra_within(side, transform))) for side in sides]
    frames = framed(filling[None], *sides, transform)
    known = []
    for bands in (above, below):
        banded = [power @ bands.T for power in powers]
        floor = FLOOR * max(power.max() for power in banded) + TINY
        known.append([np.log(power + floor) for power in banded])
    # The floor is that of the band below.
    inside = np.log(np.square(np.abs(frames.spectra()[0])).T @ below.T + floor)
    return known[0], known[1], inside, frames.along
