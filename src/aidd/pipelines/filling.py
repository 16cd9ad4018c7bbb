"""From the audio that a model generated for a window to filled gaps, at the recording's rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps
from ..splice.filling import fill_gaps
from .windows import TokenWindow, at_rate


if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

# Of a model's band. What lies above, filters of two resamplings have dampened.
USED_BAND = 0.97


def fill_window(
    restored: np.ndarray,
    missing: np.ndarray,
    generated: np.ndarray,
    window: TokenWindow,
    *,
    first: int,
    hop_length: int,
    model_rate: int,
    sampling_rate: int,
    reach_seconds: float,
    fine_structure: float,
    generators: Sequence[Generator | None],
    select: str | None,
) -> None:
    """
    Fills the gaps that a window is there for, in place ([`fill_gaps`]).

    Args:
        restored, missing: of the whole recording, as of [`fill_gaps`].
        generated: float64, `(variations, samples)` at the model's rate.
        window: of tokens, or frames, of `hop_length` samples.
        first: sample of the recording, at the model's rate, that `generated` starts with; at least 0.
        hop_length: samples of a token at the model's rate.
        model_rate, sampling_rate: Hz of the model, and of the recording.
        reach_seconds, fine_structure, generators, select: as of [`fill_gaps`].
    """
    start, signals = at_rate(generated, first, model_rate, sampling_rate)
    here = slice(start, min(start + signals.shape[-1], missing.shape[-1]))
    # The window's part to fill, in units that both rates divide.
    fill_start, fill_end = (place * hop_length * sampling_rate for place in (window.fill_start, window.fill_end))
    gaps = [
        (gap_start, gap_end)
        for gap_start, gap_end in find_gaps(np.any(missing[:, here], axis=0)).tolist()
        if fill_start <= (start + gap_start) * model_rate and (start + gap_end) * model_rate <= fill_end
    ]
    fill_gaps(
        restored[..., here],
        missing[:, here],
        signals[:, : here.stop - start],
        gaps,
        sampling_rate=sampling_rate,
        cutoff=(USED_BAND if sampling_rate > model_rate else 1.0) * model_rate / 2,
        reach_seconds=reach_seconds,
        fine_structure=fine_structure,
        generators=generators,
        select=select,
    )
