"""Types that signatures share. This module must not import torch: not every caller has a use for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np


if TYPE_CHECKING:
    from torch import Generator, Tensor

# What comes in as an array goes out as one, and a tensor as a tensor. The third is for callers that do not know.
Waveform = TypeVar("Waveform", np.ndarray, "Tensor", "np.ndarray | Tensor")

# One number or several.
Seconds = float | Sequence[float] | np.ndarray


class Method(Protocol):
    """The signature that every inpainting method has."""

    def __call__(
        self, audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
    ) -> Waveform: ...
