"""What every method that fills cells of a spectrogram does with its audio before and after its own work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..masks.cells import check_tf_mask, samples_touched
from ..masks.gaps import resample_mask
from ..signals.arrays import as_signals, check_sampling_rate
from ..signals.resampling import resample
from ..signals.stft import Grid, istft, stft
from ..signals.warning import warn_at_caller
from .contract import MaskWarning, read, write_back


if TYPE_CHECKING:
    from torch import Tensor

    from ..signals.arrays import Waveform


def fill_cells(
    audio: Waveform,
    tf_mask: np.ndarray | Tensor,
    fill: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    sampling_rate: int,
    grid: Grid,
) -> Waveform:
    """
    Puts something else into the missing cells of spectrograms. Where X is a signal's spectrogram and Y what it is to
    become, the signal of Y - X is added to the audio: what lies above the grid's frequencies stays, and samples that
    no frame with a missing cell holds come back to the bit. (At the ends of what is changed, windows have faded to
    nothing; what resampling spreads beyond is cut off.)

    Spectrograms of signals are consistent, and Y need not be: that of the result is the nearest that is. Where Y
    differs from X in missing cells alone, known ones change by no more than half as much as these, as roots of sums of
    squares.

    Args:
        audio: float32 or float64, `(samples,)`, `(channels, samples)` or `(batch, channels, samples)`, finite.
        tf_mask: bool `(bins, frames)` on the grid, of all channels, True = missing.
        fill: from spectrograms of an item, complex128 `(channels, bins, frames)` and 0 in missing cells, and the mask,
            to such with these filled, `(..., channels, bins, frames)`.
        sampling_rate: Hz of the audio.
        grid: of the cells. At other rates the audio is resampled for them.

    Returns:
        Audio of the same type, shape and dtype, behind the leading axes of what `fill` returns.

    Raises:
        ValueError: no such audio or mask, samples that are not finite, or everything missing.
    """
    check_sampling_rate(sampling_rate)
    num_samples = as_signals(audio).shape[-1]
    num_on_grid = grid.resampled_length(num_samples, sampling_rate)
    mask = check_tf_mask(tf_mask, num_on_grid, grid)
    touched = samples_touched(mask, grid, num_on_grid)
    touched = resample_mask(touched, from_rate=grid.sampling_rate, to_rate=sampling_rate)[:num_samples]
    prepared = read(audio, touched)
    signals = prepared.signals
    if not np.isfinite(signals).all():
        raise ValueError(f"audio holds {np.count_nonzero(~np.isfinite(signals))} samples that are not finite")
    if not mask.any():
        warn_at_caller("the mask is empty: nothing is missing, and the audio comes back as it came", MaskWarning)

    restored = []
    for channels in signals:
        spectrograms = stft(resample(channels, sampling_rate, grid.sampling_rate), grid)
        changes = fill(np.where(mask, 0, spectrograms), mask) - spectrograms
        change = resample(istft(changes, grid, num_on_grid), grid.sampling_rate, sampling_rate)
        restored.append(channels + change[..., :num_samples])
    return write_back(prepared, np.where(touched, np.stack(restored, axis=-3), signals))
