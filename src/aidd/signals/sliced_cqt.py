"""A constant-Q transform of slices, for signals of any length in a memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .cqt import CQTFrame, cqt, icqt


@dataclass(frozen=True)
class SlicedCQTFrame:
    r"""
    The sliced constant-Q transform, sliCQ (Holighaus, Dörfler, Velasco & Grill 2013, "A framework for invertible,
    real-time constant-Q transforms", arXiv:1210.0084). With N half of the length of a slice and T the transition,
    slice m sees the samples from m N - T to m N + N through a Tukey window h, which rises and falls over T samples,

        h[n] = sin^2(pi (n + 1/2) / (2 T)) for n < T,    1 in between,    h[N + T - 1 - n] = h[n],

    so that windows add up to one at every sample. They lie in the middle of slices of 2 N samples, of which the rest
    is zero, and each slice has the constant-Q transform of `frame`. The inverse sees them through the canonical dual
    window h / (sum of the squares of all windows), which ends where h does: what changed coefficients bring about in
    the zeros of a slice is cut off.

    Args:
        frame: of one slice, whose number of samples must be even.
        transition: samples over which a slice fades into the next, from 1 to half of a slice. Half of a slice less
            the transition must be even.

    Raises:
        ValueError: numbers outside these ranges.
    """

    frame: CQTFrame
    transition: int

    def __post_init__(self) -> None:
        if self.frame.num_samples % 2:
            raise ValueError(f"expected a frame of an even number of samples, got {self.frame.num_samples}")
        if not 1 <= self.transition <= self.hop_length or (self.hop_length - self.transition) % 2:
            raise ValueError(
                f"transition must be from 1 to {self.hop_length}, half of a slice, and {self.hop_length} less it "
                f"must be even, got {self.transition}"
            )

    @property
    def hop_length(self) -> int:
        """Samples from one slice to the next: half of a slice."""
        return self.frame.num_samples // 2

    @property
    def margin(self) -> int:
        """Zeros on either side of the window within its slice."""
        return (self.hop_length - self.transition) // 2

    def num_slices(self, num_samples: int) -> int:
        """Number of slices that see all samples of a signal."""
        return -(-(num_samples + self.transition) // self.hop_length)

    @property
    def window(self) -> np.ndarray:
        """h: float64 `(hop_length + transition,)`."""
        rise = np.sin(np.pi * (np.arange(self.transition) + 0.5) / (2 * self.transition)) ** 2
        return np.concatenate([rise, np.ones(self.hop_length - self.transition), rise[::-1]])

    @property
    def dual_window(self) -> np.ndarray:
        """The canonical dual of h: float64 `(hop_length + transition,)`."""
        squares = self.window**2
        squares[: self.transition] += squares[: self.transition][::-1].copy()
        squares[self.hop_length :] = squares[: self.transition]
        return self.window / squares


def cqt_slices(chunks: Iterable[Tensor], frame: SlicedCQTFrame) -> Iterator[list[Tensor]]:
    """
    The transform of a signal that comes in chunks. No more than a slice and a chunk of it are held at a time.

    Args:
        chunks: of the signal, one behind the other, float32 or float64 `(..., samples)`; of any lengths, but alike in
            all else.
        frame: of the transform.

    Yields:
        The coefficients of one slice after the other, as [`~aidd.signals.cqt.cqt`] returns them: complex
        `(..., bands, frames)` for each of `frame.frame.block_sizes`.

    Raises:
        ValueError: no chunk at all.
    """
    chunks = iter(chunks)
    chunk = next(chunks, None)
    if chunk is None:
        raise ValueError("expected one chunk of a signal at least, got none")
    window = torch.from_numpy(frame.window).to(chunk)
    seen, padding = len(window), (frame.margin, frame.margin)

    def coefficients(samples: Tensor) -> list[Tensor]:
        return cqt(nn.functional.pad(samples * window, padding), frame.frame)

    waiting = nn.functional.pad(chunk, (frame.transition, 0))
    while chunk is not None:
        while waiting.shape[-1] >= seen:
            yield coefficients(waiting[..., :seen])
            waiting = waiting[..., frame.hop_length :]
        chunk = next(chunks, None)
        if chunk is not None:
            waiting = torch.cat([waiting, chunk], dim=-1)
    while waiting.shape[-1] > 0:
        # The signal goes on with zeros.
        yield coefficients(nn.functional.pad(waiting, (0, seen - waiting.shape[-1])))
        waiting = waiting[..., frame.hop_length :]


def icqt_slices(slices: Iterable[Sequence[Tensor]], frame: SlicedCQTFrame) -> Iterator[Tensor]:
    """
    The inverse of [`cqt_slices`]. No more than a slice is held at a time.

    Args:
        slices: their coefficients, complex `(..., bands, frames)` for each of `frame.frame.block_sizes`.
        frame: of the transform.

    Yields:
        Chunks of the signal, `(..., hop_length)`, the first of them shorter by the transition. Behind the end of the
        signal there are zeros up to where the last slice begins to fade.

    Raises:
        ValueError: coefficients of other shapes.
    """
    fading, hop, skipped = None, frame.hop_length, frame.transition
    for coefficients in slices:
        restored = icqt(coefficients, frame.frame)
        seen = restored[..., frame.margin : restored.shape[-1] - frame.margin]
        seen = seen * torch.from_numpy(frame.dual_window).to(seen)
        if fading is not None:
            seen = torch.cat([seen[..., : frame.transition] + fading, seen[..., frame.transition :]], dim=-1)
        yield seen[..., skipped:hop]
        fading, skipped = seen[..., hop:], 0


def sliced_cqt(signal: Tensor, frame: SlicedCQTFrame) -> list[Tensor]:
    """
    The sliced constant-Q transform of a whole signal, differentiable.

    Args:
        signal: float32 or float64, `(..., samples)`.
        frame: of the transform.

    Returns:
        Complex `(..., slices, bands, frames)` for each of `frame.frame.block_sizes`.
    """
    return [torch.stack(blocks, dim=-3) for blocks in zip(*cqt_slices([signal], frame), strict=True)]


def sliced_icqt(coefficients: Sequence[Tensor], frame: SlicedCQTFrame, num_samples: int) -> Tensor:
    """
    The inverse of [`sliced_cqt`].

    Args:
        coefficients: complex `(..., slices, bands, frames)` for each of `frame.frame.block_sizes`.
        frame: of the transform.
        num_samples: length of the signal.

    Returns:
        Real `(..., num_samples)`.

    Raises:
        ValueError: coefficients of other shapes, or of another number of slices than such a signal has.
    """
    counts = {block.shape[-3] for block in coefficients}
    if counts != {frame.num_slices(num_samples)}:
        raise ValueError(f"expected {frame.num_slices(num_samples)} slices, got {sorted(counts)}")
    slices = zip(*(block.unbind(-3) for block in coefficients), strict=True)
    return torch.cat(list(icqt_slices(slices, frame)), dim=-1)[..., :num_samples]
