"""An invertible constant-Q transform: a non-stationary Gabor frame, and its exact inverse, in torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .arrays import check_sampling_rate


# Hz that the published placements keep their last bin below the Nyquist frequency.
BELOW_NYQUIST = 1e-6
# Fewest FFT bins of a window.
MIN_WINDOW = 4
# Ratio of the frame's bounds below which single precision no longer restores the signal.
MIN_BOUNDS_RATIO = 1e-6


@dataclass(frozen=True)
class CQTFrame:
    r"""
    A non-stationary Gabor frame with windows of constant Q (Velasco et al. 2011, "Constructing an invertible
    constant-Q transform with non-stationary Gabor frames"; Holighaus et al. 2013, arXiv:1210.0084).

    Band k sees the FFT bins around its frequency f_k through a window g_k, whose width is that between its two
    neighbours, f_{k+1} - f_{k-1}. One band more at DC and one at the Nyquist frequency cover what is left. Every band
    has at least as many frames M_k as its window has bins (the painless case), so the frame operator is diagonal in
    frequency,

        S[n] = sum_k M_k |g_k[n]|^2,

    and the canonical dual windows are g_k / S.

    Args:
        sampling_rate: Hz of the signals.
        num_samples: length of the signals, any number from 16 on. An odd one is extended by a zero inside.
        num_octaves: octaves below the Nyquist frequency that are divided into bins.
        bins_per_octave: number of bins in an octave, 2 or more; or one number for each octave, the lowest first.
        window: "hann", "blackman_harris", or ("kaiser", beta) for I0(beta |cos(pi n / width)|) / (2 I0(beta)), the
            window of CQT-Diff+, which hardly tapers for small beta.
        form: "octaves" rounds the number of frames up to a power of two that all bins of an octave share; "matrix"
            gives all bands those of the widest.
        placement: "exact" puts bins 1 / bins_per_octave of an octave apart, the last of them one step below the
            Nyquist frequency, and makes the window at DC flat as far as the first bin. "cqtdiff" and "cqtdiff_plus"
            are those that published weights need: they divide the octaves by one bin less, put the last one at the
            Nyquist frequency, and let the window at DC taper all the way. In "cqtdiff" the first window reaches down
            to DC, and the one at the Nyquist frequency covers four FFT bins alone, so that the frame is nearly
            singular below it.
        allow_nearly_singular: whether a frame is accepted from whose coefficients some frequency cannot be restored.

    Raises:
        ValueError: numbers outside these ranges, bins that lie too close for signals of this length, and a nearly
            singular frame unless `allow_nearly_singular`.
    """

    sampling_rate: int
    num_samples: int
    num_octaves: int
    bins_per_octave: int | tuple[int, ...] = 12
    window: str | tuple[str, float] = "hann"
    form: Literal["octaves", "matrix"] = "octaves"
    placement: Literal["exact", "cqtdiff", "cqtdiff_plus"] = "exact"
    allow_nearly_singular: bool = False

    def __post_init__(self) -> None:
        check_sampling_rate(self.sampling_rate)
        if self.num_samples < 16 or self.num_octaves < 1:
            raise ValueError(
                f"expected 16 samples and one octave at least, got {self.num_samples} and {self.num_octaves}"
            )
        if len(self.bins) != self.num_octaves or min(self.bins) < 2:
            raise ValueError(
                f"bins_per_octave must be 2 or more, or {self.num_octaves} such numbers, got {self.bins_per_octave}"
            )
        if self.form not in ("octaves", "matrix"):
            raise ValueError(f"form must be 'octaves' or 'matrix', got {self.form!r}")
        if self.placement not in ("exact", "cqtdiff", "cqtdiff_plus"):
            raise ValueError(f"placement must be 'exact', 'cqtdiff' or 'cqtdiff_plus', got {self.placement!r}")
        if self.placement != "exact" and len(set(self.bins)) > 1:
            raise ValueError(
                f"the placement {self.placement!r} has one number of bins for all octaves, got {self.bins_per_octave}"
            )
        _window(self.window, MIN_WINDOW)
        self._check_bounds()

    def _check_bounds(self) -> None:
        low, high = self.bounds
        if low > MIN_BOUNDS_RATIO * high or self.allow_nearly_singular:
            return
        hertz = float(np.argmin(self.frame_operator[: self.fft_length // 2 + 1])) * self._bin_hz
        raise ValueError(
            f"the frame is nearly singular: its bounds are {low:.2g} and {high:.2g}, the lower one at {hertz:.1f} Hz. "
            "Give the exact placement, more samples, or fewer bins or octaves; or allow_nearly_singular=True, if what "
            "lies there need not be restored"
        )

    @property
    def bins(self) -> tuple[int, ...]:
        """Bins of every octave, the lowest octave first."""
        if isinstance(self.bins_per_octave, Sequence):
            return tuple(self.bins_per_octave)
        return (self.bins_per_octave,) * self.num_octaves

    @property
    def fft_length(self) -> int:
        """`num_samples`, or the even number above it."""
        return self.num_samples + self.num_samples % 2

    @cached_property
    def frequencies(self) -> np.ndarray:
        """Hz of the bands, DC and Nyquist among them: float64 `(bands,)`."""
        nyquist = self.sampling_rate / 2
        if self.placement == "exact":
            steps = np.concatenate([octave + np.arange(bins) / bins for octave, bins in enumerate(self.bins)])
            inner = nyquist * 2.0 ** (steps - self.num_octaves)
        else:
            steps = np.linspace(-self.num_octaves, 0, sum(self.bins))
            inner = (nyquist - BELOW_NYQUIST) * 2.0**steps
        return np.concatenate([[0.0], inner, [nyquist]])

    @cached_property
    def window_widths(self) -> np.ndarray:
        """FFT bins of each band's window; at DC and Nyquist, of both sides of it: int `(bands,)`."""
        places = self.frequencies / self._bin_hz
        ratio = places[2] / places[1]
        widths = np.empty(len(places))
        widths[2:-1] = places[3:] - places[1:-2]
        widths[0] = 2 * places[1]
        if self.placement == "cqtdiff":
            widths[1], widths[-1] = places[2], 0
        else:
            # As for a geometric sequence that went on below the first bin.
            widths[1], widths[-1] = 2 * places[1] * (math.sqrt(ratio) - 1 / math.sqrt(ratio)), widths[-2]
        return np.maximum(np.round(widths), MIN_WINDOW).astype(int)

    @cached_property
    def window_centres(self) -> np.ndarray:
        """FFT bin in the middle of each window: int `(bands,)`."""
        places = self.frequencies / self._bin_hz
        # The last bin's window ends at the Nyquist frequency.
        places[-2] = (places[-3] + places[-1]) / 2
        return np.round(places).astype(int)

    @cached_property
    def block_sizes(self) -> list[tuple[int, int]]:
        """
        (bands, frames) of the tensors that [`cqt`] returns: DC, the octaves from the lowest on, Nyquist; or one tensor
        with all bands in the form "matrix".
        """
        widths = self.window_widths
        if self.form == "matrix":
            return [(len(widths), int(widths.max()))]
        edges = 1 + np.cumsum([0, *self.bins])
        octaves = [
            (int(stop - start), 2 ** math.ceil(math.log2(widths[start:stop].max()))) for start, stop in pairwise(edges)
        ]
        if self.placement != "exact":
            # The highest octave's number is the Nyquist band's as well.
            return [(1, int(widths[0])), *octaves, (1, octaves[-1][1])]
        return [(1, int(widths[0]) + 1), *octaves, (1, int(widths[-1]) + 1)]

    @property
    def redundancy(self) -> float:
        """Real numbers in the coefficients for every sample of the signal."""
        return 2 * sum(bands * frames for bands, frames in self.block_sizes) / self.num_samples

    @property
    def bounds(self) -> tuple[float, float]:
        """
        The frame bounds: A |x|^2 <= |c|^2 <= B |x|^2 for the coefficients c of a signal x, of whose bins all but DC
        and Nyquist count twice, times `num_samples`. B / A is the condition number of the frame operator.
        """
        return float(self.frame_operator.min()), float(self.frame_operator.max())

    @property
    def _bin_hz(self) -> float:
        return self.sampling_rate / self.fft_length

    @cached_property
    def frame_operator(self) -> np.ndarray:
        """S, of the bands and their mirror images: float64 `(fft_length,)`."""
        diagonal = np.zeros(self.fft_length)
        for bins, windows, multiples in self.blocks():
            np.add.at(diagonal, bins, multiples / 2 * bins.shape[-1] * windows**2)
        return diagonal + np.roll(diagonal[::-1], 1)

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """
        FFT bins, int `(bands, frames)`, and windows, float64 of that shape, of every block, with the middle of a
        window at frame 0; and how often each band counts, `(bands, 1)`: 2 with its mirror image, 1 at DC and Nyquist.
        """
        last, first = len(self.frequencies) - 1, 0
        for bands, frames in self.block_sizes:
            offsets = (np.arange(frames) + frames // 2) % frames - frames // 2
            indices = np.arange(first, first + bands)
            bins = (self.window_centres[indices, None] + offsets) % self.fft_length
            windows = np.stack([self._window_at(int(index), offsets) for index in indices])
            yield bins, windows, np.where((indices == 0) | (indices == last), 1.0, 2.0)[:, None]
            first += bands

    def _window_at(self, band: int, offsets: np.ndarray) -> np.ndarray:
        """A band's window at distances from its middle, in FFT bins: float64 of their shape, zero outside."""
        width = int(self.window_widths[band])
        if band == len(self.frequencies) - 1:
            # The side below the Nyquist frequency, and its mirror image.
            offsets = -abs(offsets)
        elif band == 0 and self.placement != "exact":
            offsets = abs(offsets)
        elif band == 0:
            # Flat, and at its end like the upper side of the next window.
            flat, width = width // 2, int(self.window_widths[1])
            offsets = np.maximum(abs(offsets) - max(flat - width // 2, 0), 0)
        places = offsets + width // 2
        inside = (places >= 0) & (places < width)
        return np.where(inside, _window(self.window, width)[np.where(inside, places, 0)], 0.0)


def cqt(signal: Tensor, frame: CQTFrame) -> list[Tensor]:
    r"""
    The constant-Q transform,

        c_k[m] = 1 / M_k sum_j X[f_k + j] g_k[j] exp(2 pi i j m / M_k),    X = fft(x),

    with f_k in FFT bins: band k shifted to DC and sampled at M_k places, evenly spaced over the signal. The signal is
    taken to be periodic.

    Args:
        signal: float32 or float64, `(..., num_samples)`.
        frame: of the transform.

    Returns:
        Complex `(..., bands, frames)` for each of `frame.block_sizes`.

    Raises:
        ValueError: a signal of another length than the frame's.
    """
    if signal.shape[-1] != frame.num_samples:
        raise ValueError(f"expected {frame.num_samples} samples, got {signal.shape[-1]}")
    spectrum = torch.fft.fft(signal, frame.fft_length)
    return [
        torch.fft.ifft(spectrum.index_select(-1, bins.flatten()).unflatten(-1, bins.shape) * windows)
        for bins, windows, _ in _tensors(frame, signal.device, signal.dtype)
    ]


def icqt(coefficients: Sequence[Tensor], frame: CQTFrame) -> Tensor:
    """
    The inverse of [`cqt`], by the canonical dual frame: of coefficients that no signal has, it is the signal whose
    coefficients are nearest, weighted by the number of frames in each band.

    Args:
        coefficients: complex `(..., bands, frames)` for each of `frame.block_sizes`.
        frame: of the transform.

    Returns:
        Real `(..., num_samples)`.

    Raises:
        ValueError: coefficients of other shapes.
    """
    shapes = [tuple(block.shape[-2:]) for block in coefficients]
    if shapes != frame.block_sizes:
        raise ValueError(f"expected (bands, frames) of {frame.block_sizes}, got {shapes}")
    first = coefficients[0]
    spectrum = first.new_zeros((*first.shape[:-2], frame.fft_length))
    tensors = _tensors(frame, first.device, first.real.dtype)
    for block, (bins, _, duals) in zip(coefficients, tensors, strict=True):
        spectrum = spectrum.index_add(-1, bins.flatten(), (torch.fft.fft(block) * duals).flatten(-2))
    return torch.fft.ifft(spectrum).real[..., : frame.num_samples]


@lru_cache(maxsize=8)
def _tensors(frame: CQTFrame, device: torch.device, dtype: torch.dtype) -> list[tuple[Tensor, Tensor, Tensor]]:
    """
    The bins, windows and dual windows of every block. Duals count twice where a band has a mirror image: the real part
    of what both add up to is twice that of the band.
    """
    return [
        (
            torch.from_numpy(bins).to(device),
            torch.from_numpy(windows).to(device, dtype),
            torch.from_numpy(multiples * bins.shape[-1] * windows / frame.frame_operator[bins]).to(device, dtype),
        )
        for bins, windows, multiples in frame.blocks()
    ]


def _window(window: str | tuple[str, float], width: int) -> np.ndarray:
    """A window, float64 `(width,)`, whose largest value lies at `width // 2`."""
    angles = 2 * np.pi * (np.arange(width) - width // 2) / width
    match window:
        case "hann":
            return 0.5 + 0.5 * np.cos(angles)
        case "blackman_harris":
            weights = (0.35875, 0.48829, 0.14128, 0.01168)
            return np.sum([weight * np.cos(order * angles) for order, weight in enumerate(weights)], axis=0)
        case ("kaiser", beta) if 0 <= beta < math.inf:
            # Windows of an odd width lie half a bin off: the released weights were trained with such.
            angles = angles + np.pi * (width % 2) / width
            return np.i0(beta * np.abs(np.cos(angles / 2))) / (2 * np.i0(beta))
    raise ValueError(f"window must be 'hann', 'blackman_harris' or ('kaiser', beta), got {window!r}")
