"""Conversion of signals to images of complex spectrograms and back."""

import math
from typing import Any

import numpy as np
from transformers import FeatureExtractionMixin

from ...signals.stft import Grid, istft, stft


class SpectrogramFrontEnd(FeatureExtractionMixin):
    r"""
    Complex spectrograms with compressed magnitudes as images of two channels, real and imaginary part:

        Y[k, t] = g[k] |X[k, t]|^c exp(i arg X[k, t]),    g[k] = scale sqrt(1 + f[k] / emphasis_hz),

    both of which are invertible. Images hold phases as well as magnitudes, so nothing has to be estimated afterwards.

    The defaults are for music at 24 kHz. A window of 43 ms tells partials 47 Hz apart (on piano, windows of 21 ms need
    29 % more cells to hold 99 % of the energy), and a hop of half of it makes the fewest cells from which a signal is
    restored exactly: every one more would have to be generated. 512 bins can be halved nine times. The bins' powers,
    which on piano are up to 70 dB apart, come within 17 dB of one another by the exponent and the emphasis, and by the
    scale have a mean of about 1 at a peak level of -3 dBFS, which is the power of the noise, too.

    Args:
        sampling_rate: Hz.
        n_fft, hop_length: window length and hop in samples, as in [`~aidd.signals.stft.Grid`].
        compression: the exponent c, in (0, 1].
        emphasis_hz: frequency from which on bins are amplified; infinite for none.
        scale: factor of all bins.

    Raises:
        ValueError: numbers outside these ranges.
    """

    model_input_names = ("input_values",)

    def __init__(
        self,
        sampling_rate: int = 24_000,
        n_fft: int = 1022,
        hop_length: int = 511,
        compression: float = 0.4,
        emphasis_hz: float = 500.0,
        scale: float = 5.4,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        Grid(sampling_rate, n_fft, hop_length)
        if not 0 < compression <= 1:
            raise ValueError(f"compression must lie in (0, 1], got {compression}")
        if not emphasis_hz > 0 or not 0 < scale < math.inf:
            raise ValueError(f"emphasis_hz and scale must be positive, scale finite; got {emphasis_hz} and {scale}")
        self.sampling_rate = sampling_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.compression = compression
        self.emphasis_hz = emphasis_hz
        self.scale = scale

    @property
    def grid(self) -> Grid:
        """Where the cells lie in time and frequency."""
        return Grid(self.sampling_rate, self.n_fft, self.hop_length)

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        """
        Args:
            audio: float, `(..., samples)`, at the front end's rate.

        Returns:
            float32 `(..., 2, bins, frames)`.
        """
        return self.compress(stft(np.asarray(audio, np.float64), self.grid))

    def inverse(self, image: np.ndarray, num_samples: int) -> np.ndarray:
        """
        Args:
            image: float, `(..., 2, bins, frames)`.
            num_samples: length of the signal.

        Returns:
            float64 `(..., num_samples)`. For an image that no signal has, it is the result of
            [`~aidd.signals.stft.istft`].
        """
        return istft(self.expand(image), self.grid, num_samples)

    def compress(self, spectrogram: np.ndarray) -> np.ndarray:
        """Complex `(..., bins, frames)` to float32 `(..., 2, bins, frames)`."""
        magnitude = np.abs(spectrogram)
        compressed = self._gains * spectrogram * np.where(magnitude > 0, magnitude, 1) ** (self.compression - 1)
        return np.stack([compressed.real, compressed.imag], axis=-3).astype(np.float32)

    def expand(self, image: np.ndarray) -> np.ndarray:
        """The inverse of [`compress`]: `(..., 2, bins, frames)` to complex128 `(..., bins, frames)`."""
        real, imaginary = np.moveaxis(np.asarray(image, np.float64), -3, 0)
        compressed = (real + 1j * imaginary) / self._gains
        return compressed * np.abs(compressed) ** (1 / self.compression - 1)

    def coordinates(self, num_frames: int) -> np.ndarray:
        """
        Where bins lie, for a network that treats all bins alike: their frequency, from -1 to 1, and whether they are
        even, 1, or odd, -1. The phase of a tone in an odd bin turns half around from a frame to the next, where
        windows overlap by half.

        Returns:
            float32 `(2, bins, num_frames)`.
        """
        bins = self.grid.num_bins
        rows = np.stack([np.linspace(-1, 1, bins), (-1.0) ** np.arange(bins)]).astype(np.float32)
        return np.repeat(rows[..., None], num_frames, axis=-1)

    @property
    def _gains(self) -> np.ndarray:
        return self.scale * np.sqrt(1 + self.grid.frequencies[:, None] / self.emphasis_hz)
