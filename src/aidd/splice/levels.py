"""Levels of a filling, moved towards those that run from one edge of its gap to the other."""

import numpy as np

from ..signals.bands import erb_bands, erb_transform, spectra_within
from .framed_filling import framed
from .surroundings import Surroundings, silent_side


# Intact audio on each side of a gap that levels are measured on, at most.
LEVEL_SECONDS = 0.1
# Floor of a band's power, relative to the loudest band of the edges: -100 dB.
FLOOR = 1e-10
# Largest change of a band's power, either way: 20 dB.
MAX_CHANGE = np.log(100.0)


def move_levels(
    filling: np.ndarray,
    surroundings: Surroundings,
    *,
    sampling_rate: int,
    amount: float,
    highest_hertz: float = np.inf,
) -> np.ndarray:
    r"""
    Moves the levels of a filling, band by band, towards those that run from one edge of its gap to the other.

    A model's levels are a guess, and so are those that the edges let expect. Two guesses that err in different ways
    are both further from the truth, in the mean, than what lies between them (docs/sampling_study.md). With P(t, b)
    the power of a filling in frames of 21 ms and bands of one ERB, and E(t, b) the power that runs linearly in dB from
    its mean before the gap to that after it, frames get the gain

        G(t, b) = (E(t, b) / P(t, b))^amount

    in power, at most 20 dB either way.

    Args:
        filling: float64, `(variations, samples)`, as long as the gap.
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        amount: in [0, 1]; 0 changes nothing, and at 1 the levels of every frame are those between the edges.
        highest_hertz: Hz from which on nothing is changed.

    Returns:
        float64 `(variations, samples)`. The filling as it came, where on one side of the gap less than 21 ms of intact
        audio stand, or only silence does.
    """
    transform = erb_transform(sampling_rate)
    window = len(transform.win)
    edges = surroundings.sides(max(round(LEVEL_SECONDS * sampling_rate), window))
    if not amount or min(map(len, edges)) < window or silent_side(*edges) is not None:
        return filling
    bands = erb_bands(transform.f)
    powers = [np.square(np.abs(spectra_within(edge, transform))) @ bands.T for edge in edges]
    floor = FLOOR * max(power.max() for power in powers)
    if not floor:
        return filling
    left, right = (np.log(power.mean(0) + floor) for power in powers)

    frames = framed(filling, *edges, transform)
    spectra, along = frames.spectra(), frames.along
    changes = amount * (frames.between(left, right) - np.log(bands @ np.square(np.abs(spectra)) + floor))
    changes = np.where((along > 0) & (along < 1), np.clip(changes, -MAX_CHANGE, MAX_CHANGE), 0)
    gains = np.where(transform.f[:, None] < highest_hertz, np.exp(0.5 * bands.T @ changes), 1)
    return frames.filling_of(spectra * gains)
