"""A filling in short-time frames between the edges of its gap, to be compared with what runs from one to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy


@dataclass(frozen=True, eq=False)
class FramedFilling:
    """
    A filling in frames of [`~aidd.signals.bands.erb_transform`]. With the intact audio around it, frames at its ends
    see what the restored recording has there.

    Args:
        audio: float64 `(variations, margin + samples + margin)`, the filling between a window of intact audio on
            either side.
        transform: of the frames.
    """

    audio: np.ndarray
    transform: scipy.signal.ShortTimeFFT

    @property
    def margin(self) -> int:
        """Samples of intact audio on either side."""
        return len(self.transform.win)

    def spectra(self) -> np.ndarray:
        """complex128 `(variations, bins, frames)`."""
        return self.transform.stft(self.audio)

    @property
    def along(self) -> np.ndarray:
        """Where the middle of each frame lies, `(frames,)`: 0 up to the left edge, 1 from the right one on."""
        middles = self.transform.p_min + np.arange(self.transform.p_num(self.audio.shape[-1]))
        return np.clip((middles * self.transform.hop - self.margin) / (self.audio.shape[-1] - 2 * self.margin), 0, 1)

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """What runs linearly from the left edge to the right: `(bands,)` each to `(bands, frames)`."""
        return left[:, None] + self.along * (right - left)[:, None]

    def filling_of(self, spectra: np.ndarray) -> np.ndarray:
        """The filling that has other spectra, float64 `(variations, samples)`."""
        return self.transform.istft(spectra, k1=self.audio.shape[-1])[:, self.margin : -self.margin]


def framed(
    filling: np.ndarray, before: np.ndarray, after: np.ndarray, transform: scipy.signal.ShortTimeFFT
) -> FramedFilling:
    """
    Puts a filling between its edges.

    Args:
        filling: float64 `(variations, samples)`.
        before, after: intact audio next to the gap, float64 `(samples,)`, at least a window of it.
        transform: as [`~aidd.signals.bands.erb_transform`] makes it.
    """
    margin = len(transform.win)
    left, right = (np.tile(edge, (len(filling), 1)) for edge in (before[-margin:], after[:margin]))
    return FramedFilling(np.concatenate([left, filling, right], axis=-1), transform)
