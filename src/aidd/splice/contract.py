"""What every inpainting method does with its audio and mask before and after its own work."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..signals.arrays import as_numpy, as_signals, check_sampling_rate


if TYPE_CHECKING:
    from torch import Tensor

    from ..signals.arrays import Waveform


def join_masks(mask: np.ndarray | Tensor, gaps: np.ndarray) -> np.ndarray:
    """
    What is missing by either: a mask `(..., samples)` and another `(samples,)`, both bool.

    Raises:
        ValueError: a mask that is not bool, or of another length.
    """
    mask = as_numpy(mask, "mask")
    if mask.dtype != bool or mask.shape[-1:] != gaps.shape:
        raise ValueError(
            f"mask must be bool, True where samples are missing, with {len(gaps)} samples as its last axis; "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    return mask | gaps


def prepare(
    audio: np.ndarray | Tensor,
    mask: np.ndarray | Tensor,
    sampling_rate: int,
    *,
    read_missing: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Checks the arguments of an inpainting method, and brings them to one form.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`.
        mask: bool, numpy array or torch tensor, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        read_missing: whether the values under the mask are needed (they are of ceilings, measured on intact audio).
            Methods do not see them: NaN stands there instead.

    Returns:
        `signals`, a float64 copy, and `missing`, bool, both numpy `(batch, channels, samples)`.

    Raises:
        ValueError: not such audio, empty audio, not such a mask, a channel that is missing whole, samples that are not
            finite outside the mask, or a rate that is no positive integer.

    Warns:
        UserWarning: nothing is missing, or more than half of a channel is.
    """
    check_sampling_rate(sampling_rate)
    values, missing = as_signals(audio), as_numpy(mask, "mask")
    if missing.dtype != bool:
        raise ValueError(f"mask must be bool, True where samples are missing, got {missing.dtype}")
    fits = missing.ndim <= values.ndim and missing.shape[-1:] == values.shape[-1:]
    if not fits or any(m not in (1, n) for m, n in zip(missing.shape[::-1], values.shape[::-1], strict=False)):
        raise ValueError(
            f"mask must have shape ({values.shape[-1]},), or one that broadcasts to the audio's {values.shape}, whose "
            f"last axis is samples (audio of shape (samples, channels) is to be transposed); got {missing.shape}"
        )
    form = (1,) * (3 - values.ndim) + values.shape
    missing = np.broadcast_to(missing, values.shape).reshape(form).copy()
    signals = values.reshape(form).astype(np.float64)
    if not read_missing:
        signals[missing] = np.nan
    broken = ~np.isfinite(signals) & (~missing | read_missing)
    if broken.any():
        raise ValueError(
            f"audio holds {broken.sum()} samples that are not finite and not marked as missing, "
            f"the first at index {tuple(np.argwhere(broken)[0][-values.ndim :].tolist())}"
        )
    check_share(missing.mean(-1).max())
    return signals, missing


def check_share(share: float) -> None:
    """
    Of the channel that misses most: `ValueError` where all of it is missing, warnings where none or more than half is.
    To be called from what a method checks its mask with: warnings point at the line that calls the method.
    """
    if share == 1:
        raise ValueError("everything is missing: the mask must leave intact samples in every channel")
    if share == 0:
        warnings.warn("the mask is empty: nothing is missing, and the audio comes back as it came", stacklevel=4)
    if share > 0.5:
        warnings.warn(
            f"{share:.0%} of a channel is marked as missing. True means missing: is the mask inverted?", stacklevel=4
        )


def in_the_form_of(
    audio: Waveform,
    restored: np.ndarray,
    missing: np.ndarray,
) -> Waveform:
    """
    The counterpart of [`prepare`]: restored signals in the type, shape and dtype of the audio they were made from.
    Only samples under the mask are taken from them; all others are the audio's own, and asserted to be.

    Args:
        audio: as given to `prepare`.
        restored: float64 `(..., batch, channels, samples)`, finite under the mask.
        missing: as `prepare` returned it.

    Returns:
        A new array or tensor (on the same device) of the shape of `audio`, behind the leading axes of `restored`.
    """
    values = as_numpy(audio, "audio")
    signals = np.broadcast_to(values.reshape(missing.shape), restored.shape)
    everywhere = np.broadcast_to(missing, restored.shape)
    merged = np.where(everywhere, restored.astype(values.dtype), signals)
    assert np.array_equal(merged[~everywhere], signals[~everywhere]), "a sample outside the mask has changed"
    assert np.isfinite(merged).all(), "a missing sample was not filled"
    merged = merged.reshape(restored.shape[:-3] + values.shape)
    if isinstance(audio, np.ndarray):
        return merged
    # A caller that holds a tensor has paid for this import.
    import torch

    return torch.from_numpy(merged).to(audio.device)


def fill_channelwise(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    sampling_rate: int,
    fill: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Waveform:
    """
    Fills every channel that has gaps by itself.

    Args:
        audio, mask, sampling_rate: as of every method, see [`~aidd.splice.contract.prepare`], which raises and warns.
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
