"""Types that signatures share, and what is asked of arrays. No caller needs torch for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np


if TYPE_CHECKING:
    from torch import Generator, Tensor


# What comes in as an array goes out as one, and a tensor as a tensor. The third is for callers that do not know.
Waveform = TypeVar("Waveform", np.ndarray, "Tensor", "np.ndarray | Tensor")
# One number or several.
Seconds = float | Sequence[float] | np.ndarray
# From parts of a recording, each a first sample and the one after the last, in the order of their first samples, to
# what it holds there, float64 `(channels, samples)`, one after another.
ReadStretches = Callable[[Iterable[tuple[int, int]]], Iterator[np.ndarray]]


def slices(signals: np.ndarray, stretches: Iterable[tuple[int, int]]) -> Iterator[np.ndarray]:
    """Reads parts of a recording in memory, `(channels, samples)`, as `ReadStretches` does."""
    return (signals[:, first:last] for first, last in stretches)


class Method(Protocol):
    """The signature that every inpainting method has."""

    def __call__(
        self, audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform: ...


def check_sampling_rate(sampling_rate: int) -> None:
    """Raises `ValueError` unless the rate is a positive integer."""
    if not isinstance(sampling_rate, Integral) or isinstance(sampling_rate, bool) or sampling_rate <= 0:
        raise ValueError(f"a sampling rate must be a positive integer, in Hz, got {sampling_rate!r}")


def as_signals(audio: np.ndarray | Tensor) -> np.ndarray:
    """
    Audio as numpy array, of the shape it has.

    Raises:
        ValueError: not float32 or float64, no samples, or another shape than `(samples,)`, `(channels, samples)` and
            `(batch, channels, samples)`.
    """
    values = as_numpy(audio, "audio")
    if values.dtype not in (np.float32, np.float64):
        raise ValueError(f"audio must be float32 or float64, about within [-1, 1], got {values.dtype}")
    if not 1 <= values.ndim <= 3 or values.size == 0:
        raise ValueError(
            "audio must have shape (samples,), (channels, samples) or (batch, channels, samples), none of them 0, "
            f"got {values.shape}"
        )
    return values


def as_numpy(array: np.ndarray | Tensor, name: str) -> np.ndarray:
    """An array, or the values of a tensor, known by its methods: this module must not import torch."""
    if isinstance(array, np.ndarray):
        return array
    if not hasattr(array, "detach"):
        raise ValueError(f"{name} must be a numpy array or a torch tensor, got {type(array).__name__}")
    if str(array.dtype) == "torch.bfloat16":
        raise ValueError(f"{name} must be of a type that numpy knows, got {array.dtype}")
    return array.detach().cpu().numpy()
