"""The short-time Fourier transform over cells of frequency and time, and its exact inverse."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import scipy

from .arrays import check_sampling_rate


@dataclass(frozen=True)
class Grid:
    """
    Where the cells of a spectrogram lie: `n_fft / 2 + 1` bins, DC and the Nyquist frequency among them, by frames a
    hop apart. Every sample lies in as many frames as there are hops in a window, also at a signal's ends.

    Args:
        sampling_rate: Hz of the signals.
        n_fft: samples of a window, even.
        hop_length: samples from one frame to the next, a divisor of `n_fft` below it.

    Raises:
        ValueError: other numbers.
    """

    sampling_rate: int
    n_fft: int
    hop_length: int

    def __post_init__(self) -> None:
        check_sampling_rate(self.sampling_rate)
        for name, value in (("n_fft", self.n_fft), ("hop_length", self.hop_length)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if self.n_fft % 2 or self.n_fft % self.hop_length or self.n_fft == self.hop_length:
            raise ValueError(
                "n_fft must be even, and hop_length a divisor of it that is less, "
                f"got {self.n_fft} and {self.hop_length}"
            )

    @property
    def overlap(self) -> int:
        """Frames that a sample lies in."""
        return self.n_fft // self.hop_length

    @property
    def num_bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def frequencies(self) -> np.ndarray:
        """Hz of the bins, float64 `(bins,)`."""
        return np.fft.rfftfreq(self.n_fft, 1 / self.sampling_rate)

    @property
    def window(self) -> np.ndarray:
        """A sine, float64 `(n_fft,)`. The squares of those that cover a sample add up to one."""
        angles = np.pi * (np.arange(self.n_fft) + 0.5) / self.n_fft
        return np.sqrt(2 / self.overlap) * np.sin(angles)

    def num_frames(self, num_samples: int) -> int:
        """Frames of a signal. Frame t holds samples from `(t + 1 - overlap) hop` to before `(t + 1) hop`."""
        return -(-num_samples // self.hop_length) + self.overlap - 1

    def resampled_length(self, num_samples: int, sampling_rate: int) -> int:
        """Samples of a signal of another rate that is resampled to the grid's."""
        return -(-num_samples * self.sampling_rate // int(sampling_rate))

    def shape(self, num_samples: int) -> tuple[int, int]:
        """Bins and frames of a signal."""
        return self.num_bins, self.num_frames(num_samples)


def stft(signal: np.ndarray, grid: Grid) -> np.ndarray:
    r"""
    X[k, t] = 1 / sqrt(N) sum_n w[n] x[n + (t + 1 - N / H) H] exp(-2 pi i k (n - N / 2) / N),

    with N = n_fft, H = hop_length, the window w, and silence before and after the signal. Phases are those at a
    window's middle.

    The transform is a tight frame: with the squares of all bins but DC and Nyquist counted twice, for their mirror
    images, those of a spectrogram add up to the signal's. So [`istft`] is the inverse, the adjoint and, of what is no
    signal's spectrogram, the signal with the nearest one.

    Args:
        signal: float64, `(..., samples)`, at least one.
        grid: of the cells.

    Returns:
        complex128 `(..., bins, frames)`.
    """
    num_frames = grid.num_frames(signal.shape[-1])
    before = (grid.overlap - 1) * grid.hop_length
    after = num_frames * grid.hop_length - signal.shape[-1]
    padded = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(before, after)])
    return analyse(padded, grid.window, grid.hop_length) * to_the_middle(grid)


def istft(spectrogram: np.ndarray, grid: Grid, num_samples: int) -> np.ndarray:
    """
    The inverse of [`stft`]. Imaginary parts of DC and Nyquist, which no signal has, are not read.

    Args:
        spectrogram: complex128, `(..., bins, frames)`.
        grid: of the cells.
        num_samples: length of the signal.

    Returns:
        float64 `(..., num_samples)`.

    Raises:
        ValueError: a spectrogram of another shape than signals of this length have.
    """
    if spectrogram.shape[-2:] != grid.shape(num_samples):
        raise ValueError(
            f"expected (bins, frames) of {grid.shape(num_samples)} for {num_samples} samples, "
            f"got {spectrogram.shape[-2:]}"
        )
    before = (grid.overlap - 1) * grid.hop_length
    signal = synthesise(spectrogram * to_the_middle(grid), grid.window, grid.hop_length)
    return signal[..., before : before + num_samples]


def cell_weights(grid: Grid) -> np.ndarray:
    """[`bin_weights`] of a grid's bins."""
    return bin_weights(grid.num_bins)


def bin_weights(num_bins: int) -> np.ndarray:
    """How often a bin counts in a sum over all frequencies, negative ones too: float64 `(bins, 1)`, 1 or 2."""
    weights = np.full((num_bins, 1), 2.0)
    weights[[0, -1]] = 1
    return weights


def to_the_middle(grid: Grid) -> np.ndarray:
    """
    What takes phases from a window's first sample, as [`analyse`] gives them, to its middle: float64 `(bins, 1)`, 1 or
    -1, so that it takes them back too.
    """
    return (-1.0) ** np.arange(grid.num_bins)[:, None]


def analyse(signal: np.ndarray, window: np.ndarray, hop_length: int) -> np.ndarray:
    """
    Short-time Fourier transform of the frames that lie inside a signal, with phases at a window's first sample.

    Args:
        signal: float64, `(..., samples)`, at least as long as the window.
        window: float64, `(n_fft,)`, `n_fft` even and a multiple of the hop.
        hop_length: samples from one frame to the next, the first of which starts with the signal.

    Returns:
        complex128 `(..., bins, frames)`.
    """
    frames = np.lib.stride_tricks.sliding_window_view(signal, len(window), axis=-1)[..., ::hop_length, :]
    return np.swapaxes(scipy.fft.rfft(frames * window, norm="ortho"), -1, -2)


def synthesise(coefficients: np.ndarray, window: np.ndarray, hop_length: int) -> np.ndarray:
    """
    The adjoint of [`analyse`], if bins between DC and Nyquist count twice ([`bin_weights`]): complex128
    `(..., bins, frames)` to float64 `(..., samples)`. On samples that as many frames hold as overlap, it is the
    inverse if the window's squares, a hop apart, add up to one.
    """
    frames = scipy.fft.irfft(np.swapaxes(coefficients, -1, -2), len(window), norm="ortho") * window
    num_frames, overlap = frames.shape[-2], len(window) // hop_length
    blocks = np.zeros((*frames.shape[:-2], num_frames + overlap - 1, hop_length))
    for hop in range(overlap):
        blocks[..., hop : hop + num_frames, :] += frames[..., hop * hop_length : (hop + 1) * hop_length]
    return blocks.reshape(*frames.shape[:-2], -1)


def tight_hann(hop_length: int, overlap: int = 4) -> np.ndarray:
    """
    A Hann window whose squares, a hop apart, add up to one: float64 `(overlap * hop_length,)`, `overlap` at least 3.
    """
    n_fft = overlap * hop_length
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)) / np.sqrt(0.375 * overlap)
