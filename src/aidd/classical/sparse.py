"""A-SPAIN-L: missing samples that make the coefficients in a learned Gabor dictionary sparse."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view

from ..masks.gaps import find_gaps
from ..signals.arrays import check_sampling_rate
from ..signals.stft import analyse, synthesise, tight_hann
from ..splice.contract import fill_channels


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signals.arrays import Waveform

WINDOW_SECONDS = 0.1
OVERLAP = 4  # windows over one sample; Hann windows a quarter apart are a tight frame
TRAINING_FRAMES = 9  # on each side of a gap, at most
LARGEST_ANGLE = 0.5  # radians that a step of the dictionary learning starts with
SMALLEST_ANGLE = 2.0**-10
TAYLOR_TERMS = 14  # of the exponential of a tridiagonal matrix of entries up to the largest angle: to 1e-11
NEGLIGIBLE = 1e-7  # entries of the basis, whose rows have norm 1


def sparse(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    window_seconds: float = WINDOW_SECONDS,
    sparsity_step: int = 1,
    tolerance: float = 1e-3,
    num_learning_steps: int = 10,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) so that the analysis coefficients of the result are sparse: A-SPAIN-L, the
    analysis sparse audio inpainter (Mokrý, Záviška, Rajmic & Veselý 2019, arXiv:1810.13137) on whole gaps, in a Gabor
    dictionary whose frequencies are turned into one another by a unitary matrix, learned from intact frames near the
    gap (Taubock, Rajbamshi & Balazs 2021, IEEE JSTSP).

    The windows are Hann windows a quarter apart. In the middle of a gap longer than a window nothing is known to any
    frame that sees it, and the filling fades towards silence.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: part of every method's signature; nothing is drawn.
        window_seconds: length of the windows.
        sparsity_step: coefficients of every frame that each iteration allows more than the one before.
        tolerance: distance of the coefficients to sparse ones, relative to their norm, at which to stop.
        num_learning_steps: of the dictionary, at most; 0 keeps the Gabor dictionary as it is.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`], a window shorter than 8 samples, a step below 1, a tolerance
            that is not positive, or a negative number of learning steps.
    """
    check_sampling_rate(sampling_rate)
    if sparsity_step < 1 or not tolerance > 0 or num_learning_steps < 0:
        raise ValueError(
            "expected sparsity_step of at least 1, a positive tolerance and num_learning_steps of at least 0, "
            f"got {sparsity_step}, {tolerance} and {num_learning_steps}"
        )
    if not 8 <= window_seconds * sampling_rate < np.inf:
        raise ValueError(
            f"window_seconds must be at least 8 samples long, 8 / {sampling_rate} Hz, and finite, got {window_seconds}"
        )
    fill = partial(
        _fill,
        hop_length=frame_hop(sampling_rate, window_seconds),
        sparsity_step=sparsity_step,
        tolerance=tolerance,
        num_learning_steps=num_learning_steps,
    )
    return fill_channels(audio, mask, sampling_rate, fill)


def frame_hop(sampling_rate: int, window_seconds: float = WINDOW_SECONDS) -> int:
    """Samples from one frame to the next, the first of which starts with the signal: a quarter of a window."""
    return scipy.fft.next_fast_len(max(round(window_seconds * sampling_rate / OVERLAP), 1), real=True)


def _fill(
    signal: np.ndarray,
    missing: np.ndarray,
    hop_length: int,
    sparsity_step: int,
    tolerance: float,
    num_learning_steps: int,
) -> np.ndarray:
    n_fft = OVERLAP * hop_length
    # Beyond its ends the signal is as unknown as in its gaps.
    margin = (n_fft, n_fft + -len(signal) % hop_length)
    padded = np.pad(np.where(missing, 0.0, signal), margin)
    unknown = np.pad(missing, margin, constant_values=True)
    touched = np.any(sliding_window_view(np.pad(missing, margin), n_fft)[::hop_length], axis=-1)
    intact = np.flatnonzero(~sliding_window_view(unknown, n_fft)[::hop_length].any(-1))
    restored = padded.copy()
    for first, end in find_gaps(touched).tolist():
        nearest = [*intact[intact < first][-TRAINING_FRAMES:], *intact[intact >= end][:TRAINING_FRAMES]]
        basis = scipy.sparse.eye_array(n_fft // 2 + 1, dtype=np.complex128, format="csr")
        if nearest and num_learning_steps:
            frames = sliding_window_view(padded, n_fft)[::hop_length][nearest]
            basis = learn_basis(scipy.fft.rfft(frames * tight_hann(hop_length), norm="ortho").T, num_learning_steps)
        here = slice(first * hop_length, (end - 1) * hop_length + n_fft)
        restored[here] = a_spain(padded[here], unknown[here], hop_length, basis, sparsity_step, tolerance)
    return restored[n_fft : n_fft + len(signal)]


def a_spain(
    signal: np.ndarray,
    missing: np.ndarray,
    hop_length: int,
    basis: scipy.sparse.csr_array,
    sparsity_step: int = 1,
    tolerance: float = 1e-3,
) -> np.ndarray:
    """
    The alternating direction method of multipliers for

        minimise the number of coefficients over x and z,    z = A x,    x as known where nothing is missing,

    whose sparsity is relaxed from one iteration to the next (Mokrý et al. 2019).

    Args:
        signal: float64, `((frames + 3) * hop_length,)`, as many frames as overlap a gap; 0 where missing.
        missing: bool, `(samples,)`.
        hop_length: a quarter of the window length.
        basis: unitary, `(2 * hop_length + 1, 2 * hop_length + 1)`: the analysis A is the short-time Fourier transform
            of a Parseval frame, and then this matrix on every frame.
        sparsity_step: as in [`sparse`].
        tolerance: as in [`sparse`].

    Returns:
        float64 `(samples,)`, equal to `signal` where nothing is missing: of all iterations, the one nearest to its
        sparse coefficients.
    """
    window, adjoint = tight_hann(hop_length), basis.conj().T.tocsr()
    # 1, but where frames that do not touch the gap would overlap too.
    weight = np.zeros(len(signal))
    for first in range(0, len(signal) - len(window) + 1, hop_length):
        weight[first : first + len(window)] += window**2
    weight = np.maximum(weight, np.finfo(np.float64).tiny)
    estimate = best = signal
    coefficients = basis @ analyse(estimate, window, hop_length)
    dual = np.zeros_like(coefficients)
    smallest = np.inf
    for num_coefficients in range(sparsity_step, len(coefficients) + 1, sparsity_step):
        thresholded = keep_largest(coefficients + dual, num_coefficients)
        distance = float(np.linalg.norm(coefficients - thresholded))
        if distance <= smallest:
            smallest, best = distance, estimate
        if distance <= tolerance * np.linalg.norm(coefficients):
            break
        synthesised = synthesise(adjoint @ (thresholded - dual), window, hop_length) / weight
        estimate = np.where(missing, synthesised, signal)
        coefficients = basis @ analyse(estimate, window, hop_length)
        dual += coefficients - thresholded
    return best


def keep_largest(coefficients: np.ndarray, count: int) -> np.ndarray:
    """
    Sets all but the largest coefficients of every frame to zero: complex `(bins, frames)` to the same. Constant and
    Nyquist coefficients, which have no conjugate partner, count with half their energy.
    """
    energy = np.abs(coefficients) ** 2
    energy[[0, -1]] /= 2
    threshold = np.partition(energy, len(energy) - count, axis=0)[len(energy) - count]
    return np.where(energy >= threshold, coefficients, 0)


def learn_basis(training: np.ndarray, num_steps: int) -> scipy.sparse.csr_array:
    """
    Unitary matrix U near the identity that makes the sum of magnitudes of U times the training frames small (Taubock
    et al. 2021): in steps U <- exp(iB) U, B Hermitian and tridiagonal, of entries no larger than an
    angle that is halved whenever the sum has not become smaller.

    Each step minimises the sum of magnitudes of (1 + iB) Y, Y = U times the frames, by one iteration of reweighted
    least squares, which costs a banded solve. B has no main diagonal, which turns phases but changes no magnitude.

    Args:
        training: complex, `(bins, frames)`.
        num_steps: at most.

    Returns:
        complex `(bins, bins)`. The constant and Nyquist coefficients, which are real, stay as they are.
    """
    num_bins = len(training)
    basis = scipy.sparse.eye_array(num_bins, dtype=np.complex128, format="csr")
    turned, sparsity, angle = training, np.abs(training).sum(), LARGEST_ANGLE
    step = None
    for _ in range(num_steps):
        if angle < SMALLEST_ANGLE or sparsity == 0:
            break
        step = least_magnitudes(turned[1:-1]) if step is None else step
        largest = np.maximum(np.abs(step) / angle, 1)
        rotation = _rotation(np.concatenate([[0], step / largest, [0]]))
        candidate = rotation @ turned
        if np.abs(candidate).sum() < sparsity:
            basis, turned, sparsity, step = rotation @ basis, candidate, np.abs(candidate).sum(), None
        else:
            angle /= 2
    basis.data[np.abs(basis.data) < NEGLIGIBLE] = 0
    basis.eliminate_zeros()
    return basis


def least_magnitudes(coefficients: np.ndarray) -> np.ndarray:
    """
    Entries c next to the main diagonal of B, B[n, n + 1] = c[n] = conj(B[n + 1, n]), that minimise the sum of
    |(1 + iB) Y|^2 / |Y|: complex `(bins, frames)` to `(bins - 1,)`.
    """
    magnitude = np.abs(coefficients)
    weight = 1 / np.maximum(magnitude, 1e-3 * magnitude.mean() + np.finfo(np.float64).tiny)
    none = np.zeros_like(coefficients[:1])
    before, after = np.concatenate([none, coefficients[:-1]]), np.concatenate([coefficients[1:], none])
    # Row n of iB Y by the real and imaginary parts of c[n - 1] and c[n].
    parts = np.stack([1j * before, before, 1j * after, -after])
    products = np.einsum("ant,bnt,nt->abn", parts.conj(), parts, weight).real
    right_parts = -np.einsum("ant,nt,nt->an", parts.conj(), coefficients, weight).real
    # Unknowns in the order of bins, two each; those before the first and after the last have no share.
    num_bins = len(coefficients)
    bands, right = np.zeros((4, 2 * num_bins + 2)), np.zeros(2 * num_bins + 2)
    for a in range(4):
        right[a : a + 2 * num_bins : 2] += right_parts[a]
        for b in range(a + 1):
            bands[a - b, b : b + 2 * num_bins : 2] += products[a, b]
    bands[0] += 1e-9 * bands[0].max() + np.finfo(np.float64).tiny
    solution = scipy.linalg.solveh_banded(bands, right, lower=True)[2:-2]
    return solution[::2] + 1j * solution[1::2]


def _rotation(upper: np.ndarray) -> scipy.sparse.csr_array:
    """exp(iB) of the Hermitian matrix with these entries above its main diagonal, and otherwise none."""
    generator = scipy.sparse.diags_array([1j * upper, 1j * upper.conj()], offsets=[1, -1], format="csr")
    rotation = term = scipy.sparse.eye_array(len(upper) + 1, dtype=np.complex128, format="csr")
    for order in range(1, TAYLOR_TERMS + 1):
        term = generator @ term / order
        rotation = rotation + term
    return rotation
