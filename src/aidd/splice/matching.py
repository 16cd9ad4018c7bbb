"""
Bringing generated audio to the levels of the intact audio around a gap, and one generated signal back to several
channels, band by band.
"""

from __future__ import annotations

import numpy as np
import scipy

from ..signals.bands import erb_bands, erb_rate, erb_transform, spectra_within
from .surroundings import Surroundings, silent_side


# Silence, as far as a gain that is linear in dB can reach it: -160 dB.
MIN_GAIN = 1e-8
# Largest ratio of the channels' mean power to what they share: beyond it, their covariance is held down.
MAX_WIDTH = 100.0


def match_edges(
    generated: np.ndarray,
    surroundings: Surroundings,
    *,
    sampling_rate: int,
    level_seconds: float = 0.05,
    relation_seconds: float = 0.3,
    max_gain: float = 4.0,
) -> np.ndarray:
    r"""
    The channels that go with a generated signal.

    In bands of one ERB (Glasberg & Moore 1990), the covariance of the channels is measured at both edges of the
    gap, and taken over the power of their mean: R, with w' R w = 1 for w = 1 / channels. It runs from one edge's to
    the other's linearly, and the gain a, which brings the generated signal to the power of the channels' mean,
    linearly in dB. To their mean, the channels have the relation h = R w: a level and a phase. What is left,
    S = R - h h' = L L', is what they do not share. It is given to the generated signal G in quadrature, U, which has
    the same power and no correlation with it:

        Y = a (h G + L U).

    With one channel, Y is G with its level in each band corrected.

    Args:
        generated: float64, `(samples,)`, aligned with the channels, whose mean it stands for.
        surroundings: of the gap, of all channels, as far as none of them is missing.
        sampling_rate: Hz.
        level_seconds: audio on each side of the gap that levels are measured on, at most.
        relation_seconds: audio on each side that the covariance of the channels is measured on, at most.
        max_gain: bands of the generated audio are amplified by this factor at most. Beside silence they fall silent.

    Returns:
        float64 `(channels, end - start)`: the generated audio of the gap; as it came, where on neither side of the gap
        21 ms of intact audio show its level.
    """
    start, end = surroundings.start, surroundings.end
    num_channels = len(surroundings.before)
    transform = erb_transform(sampling_rate)
    frame = len(transform.win)
    bands = erb_bands(transform.f)
    num_level, num_relation = (max(round(t * sampling_rate), frame) for t in (level_seconds, relation_seconds))
    levels, relations = surroundings.sides(num_level), surroundings.sides(num_relation)
    measured = [
        (_gain(level, beside, transform, bands, max_gain), _relation(wide, transform, bands))
        for level, beside, wide in zip(levels, surroundings.around(generated, num_level), relations, strict=True)
        # A window over less than a frame sees little of it: a few samples show no level.
        if level.shape[-1] >= frame and beside.any()
    ]
    # Where there is too little at one edge (the file ends, or another gap is near), the other's levels hold, and
    # where it is silent.
    if len(measured) == 2:
        silent = silent_side(*(edge.mean(0) for edge in levels))
        if silent is not None:
            del measured[silent]
    if not measured:
        return np.repeat(generated[None, start:end], num_channels, axis=0)

    here = slice(max(start - frame, 0), end + frame)
    audio = np.pad(generated[here], (0, frame))
    num_patterns = num_channels if num_channels > 1 else 0
    spectra = transform.stft(np.concatenate([audio[None], quadratures(audio, num_patterns, sampling_rate)]))
    centres = here.start + (transform.p_min + np.arange(spectra.shape[-1])) * transform.hop
    progress = np.clip((centres - start) / (end - start), 0, 1)
    (left_gain, left_relation), (right_gain, right_relation) = measured[0], measured[-1]
    log_gain = np.log(left_gain) + progress[:, None] * np.log(right_gain / left_gain)
    spectra = spectra * np.exp(log_gain @ bands).T
    relation = left_relation + progress[:, None, None, None] * (right_relation - left_relation)
    common = relation.mean(-1)
    matched = np.einsum("tbc,bf->cft", common, bands, optimize=True) * spectra[0]
    if num_patterns:
        own = relation - common[..., :, None] * common[..., None, :].conj()
        # In two steps: of all three at once, numpy sums over the bands last, which takes thirty times as long.
        mixing = np.einsum("tbcd,bf->cdft", semidefinite_cholesky(own), bands, optimize=True)
        matched += np.einsum("cdft,dft->cft", mixing, spectra[1:])
    return transform.istft(matched, k1=len(audio))[:, start - here.start : end - here.start]


def quadratures(signal: np.ndarray, number: int, sampling_rate: int) -> np.ndarray:
    """
    Signals of the same power spectrum that are correlated neither with the given one nor, in bands of one ERB, with
    one another: its Hilbert transform, with signs that alternate over frequency, in finer patterns one after another.
    (Of one sign, it would shift the phase of all it is added to by one angle.)

    Args:
        signal: float64, `(samples,)`.
        number: how many.
        sampling_rate: Hz.

    Returns:
        float64 `(number, samples)`.
    """
    rate = erb_rate(np.fft.rfftfreq(len(signal), 1 / sampling_rate))
    signs = np.sign(np.sin(np.pi * 2.0 ** np.arange(1, number + 1)[:, None] * rate))
    return np.fft.irfft(1j * signs * np.fft.rfft(signal), len(signal))


def semidefinite_cholesky(covariance: np.ndarray, tolerance: float = 1e-9) -> np.ndarray:
    """
    Lower triangular L with L L' the covariance, which may be singular: columns of pivots below the tolerance, relative
    to the diagonal's largest, or to 1 where that is less, are zero.

    Args:
        covariance: complex Hermitian, positive semidefinite, `(..., n, n)`.

    Returns:
        `(..., n, n)`.
    """
    rest, factor = covariance.copy(), np.zeros_like(covariance)
    diagonal = np.diagonal(covariance, axis1=-2, axis2=-1).real
    smallest = tolerance * np.maximum(diagonal.max(-1), 1)
    for column in range(covariance.shape[-1]):
        pivot = rest[..., column, column].real
        scale = np.where(pivot > smallest, 1 / np.sqrt(np.maximum(pivot, smallest)), 0)
        vector = rest[..., column] * scale[..., None]
        factor[..., column] = vector
        rest -= vector[..., :, None] * vector[..., None, :].conj()
    return factor


def _gain(
    channels: np.ndarray,
    generated: np.ndarray,
    transform: scipy.signal.ShortTimeFFT,
    bands: np.ndarray,
    max_gain: float,
) -> np.ndarray:
    """What brings the generated audio to the power of the channels' mean, `(bands,)`."""
    power = bands @ np.square(np.abs(spectra_within(channels.mean(0), transform))).sum(0)
    generated_power = bands @ np.square(np.abs(spectra_within(generated, transform))).sum(0)
    return np.sqrt(power / (generated_power + np.finfo(np.float64).tiny)).clip(MIN_GAIN, max_gain)


def _relation(channels: np.ndarray, transform: scipy.signal.ShortTimeFFT, bands: np.ndarray) -> np.ndarray:
    """Covariance of the channels over the power of their mean, `(bands, channels, channels)`."""
    spectra = spectra_within(channels, transform)
    covariance = np.einsum("bf,ctf,dtf->bcd", bands, spectra, spectra.conj(), optimize=True)
    largest = np.trace(covariance, axis1=1, axis2=2).real / len(channels)
    shared = np.maximum(covariance.mean((1, 2)).real, largest / MAX_WIDTH)[:, None, None]
    return np.divide(covariance, shared, out=np.ones(covariance.shape, complex), where=shared > 0)
