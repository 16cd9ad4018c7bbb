"""Samples as libsndfile is given them to encode, and what is said of those that an encoding cannot hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf

from .formats import FLOAT_CODECS, FLOAT_TYPES, INTEGER_BITS, SubtypeError


def beyond_full_scale(path: str | Path, peak: float, format: str, subtype: str) -> ValueError:
    """What is said of samples that a subtype cannot hold, with advice that the format can follow."""
    problem = f"{path}: samples reach {peak:.6g}, beyond the range of {subtype}, which is [-1, 1)"
    if "FLOAT" in sf.available_subtypes(format):
        return SubtypeError(problem, ["FLOAT"])
    return ValueError(
        f"{problem}, and {format} holds no others; make the input softer by {20 * np.log10(peak) + 0.01:.2f} dB, or "
        "choose a name that ends in .wav, .aiff or .caf, which can hold samples of any size"
    )


def encode(audio: np.ndarray, subtype: str) -> np.ndarray | None:
    """
    What libsndfile is given to write.

    Args:
        audio: finite float, of any shape but an empty one.
        subtype: in libsndfile's terms.

    Returns:
        An array of the same shape, int32 whose upper bits are the nearest codes, or floats; None where the subtype's
        range is exceeded.
    """
    if subtype in INTEGER_BITS:
        bits = INTEGER_BITS[subtype]
        codes = np.round(audio.astype(np.float64) * 2 ** (bits - 1))
        fits = codes.min() >= -(2 ** (bits - 1)) and codes.max() < 2 ** (bits - 1)
        return (codes * 2 ** (32 - bits)).astype(np.int32) if fits else None
    fits = subtype in FLOAT_TYPES or subtype in FLOAT_CODECS or np.abs(audio).max() <= 1
    return audio.astype(FLOAT_TYPES.get(subtype, np.float64)) if fits else None
