"""The lines and the noise that run from one edge of a gap to the other, at the levels that were generated for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..signals.bands import erb_bands, erb_transform
from .levels import FLOOR, MAX_CHANGE
from .partials import LEVEL_SECONDS, surrounding_lines
from .surroundings import Surroundings, silent_side


if TYPE_CHECKING:
    from torch import Generator


def put_lines_under(
    generated: np.ndarray,
    surroundings: Surroundings,
    *,
    sampling_rate: int,
    amount: float,
    generator: Generator | None,
) -> np.ndarray:
    r"""
    Gives a generated signal the lines that run from one edge of its gap to the other.

    A codec of few bits keeps how loud each band is, and when, and loses the notes. What runs on from the edges
    ([`~aidd.splice.partials.surrounding_lines`]) has notes, and is only as loud as the edges let expect. With P(t, b)
    and Q(t, b) the powers of both in frames of 21 ms and bands of one ERB, the lines l get the gain P / Q in power, at
    most 20 dB either way, and take the place of a part of what was generated, g, at equal power:

        sqrt(1 - amount^2) g + amount l

    Args:
        generated: float64, `(samples,)`, aligned with the signal that the gap is of.
        surroundings: of the gap, of one channel.
        sampling_rate: Hz.
        amount: in [0, 1]; 0 changes nothing, and at 1 only the levels are those that were generated.
        generator: of the noise between the lines.

    Returns:
        float64 `(samples,)`: changed inside the gap alone. The generated audio, where it is silent, and where nothing
        intact, or only silence, stands in the 0.1 s on one side of the gap.
    """
    before, after = surroundings.sides(round(LEVEL_SECONDS * sampling_rate))
    here = slice(surroundings.start, surroundings.end)
    if not amount or not before.any() or not after.any() or silent_side(before, after) is not None:
        return generated
    transform = erb_transform(sampling_rate)
    bands = erb_bands(transform.f)
    lines = generated.copy()
    lines[here] = surrounding_lines(surroundings, sampling_rate=sampling_rate, generator=generator)
    # A window more on each side is all that frames of the gap see.
    around = slice(max(here.start - len(transform.win), 0), here.stop + len(transform.win))
    spectra = transform.stft(np.stack([generated[around], lines[around]]))
    wanted, present = bands @ np.square(np.abs(spectra))
    floor = FLOOR * wanted.max()
    if not floor:
        return generated
    gains = np.exp(bands.T @ np.clip(np.log((wanted + floor) / (present + floor)), -MAX_CHANGE, MAX_CHANGE) / 2)
    lines[around] = transform.istft(spectra[1] * gains, k1=len(generated[around]))
    result = generated.copy()
    result[here] = np.sqrt(1 - amount**2) * generated[here] + amount * lines[here]
    return result
