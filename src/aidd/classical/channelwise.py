"""From an algorithm on one channel to an inpainting method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..masks import in_the_form_of, prepare


if TYPE_CHECKING:
    from torch import Tensor

    from ..signatures import Waveform


def fill_channelwise(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    sampling_rate: int,
    fill: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Waveform:
    """
    Fills every channel that has gaps by itself.

    Args:
        audio, mask, sampling_rate: as of every method, see [`~aidd.masks.prepare`], which raises and warns.
        fill: from a channel, float64 `(samples,)` and NaN where missing, and its mask, bool `(samples,)`, to the
            restored channel, float64 `(samples,)`. What it returns outside the mask is not used.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.
    """
    signals, missing = prepare(audio, mask, sampling_rate)
    for channel in np.ndindex(missing.shape[:-1]):
        if missing[channel].any():
            signals[channel] = fill(signals[channel], missing[channel])
    return in_the_form_of(audio, signals, missing)
