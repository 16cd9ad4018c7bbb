"""
The contract of every inpainting method, and the one place that writes into a signal: [`prepare`] reads audio and mask
once and keeps what it read, and [`write_back`] refuses to return anything that differs from it outside the mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

import numpy as np

from ..signals.arrays import Waveform, as_numpy, as_signals, check_sampling_rate
from ..signals.warning import warn_at_caller


if TYPE_CHECKING:
    from torch import Tensor


class ContractError(RuntimeError):
    """A sample outside the mask has changed, or a missing one was not filled: nothing is returned then."""


class MaskWarning(UserWarning):
    """A mask marks nothing as missing, or more than half of a channel."""


@dataclass(frozen=True, eq=False)
class Prepared(Generic[Waveform]):
    """
    Audio and mask as they were read, in one form. The arrays are read-only: methods work on copies.

    Args:
        audio: the caller's own array or tensor.
        signals: what was read of it, float64 `(batch, channels, samples)`.
        missing: bool, of the same shape, True = missing.
    """

    audio: Waveform
    signals: np.ndarray
    missing: np.ndarray

    def __post_init__(self) -> None:
        self.signals.setflags(write=False)
        self.missing.setflags(write=False)


def read(audio: Waveform, mask: np.ndarray | Tensor) -> Prepared[Waveform]:
    """
    Reads audio and mask (True = missing) and keeps what was read, samples under the mask too. Forms are checked, and
    nothing else: see [`prepare`], which methods start with.

    Raises:
        ValueError: audio or a mask of another type or shape than `prepare` takes.
    """
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
    return Prepared(audio, values.reshape(form).astype(np.float64), missing)


def prepare(
    audio: Waveform, mask: np.ndarray | Tensor, sampling_rate: int, *, read_missing: bool = False
) -> Prepared[Waveform]:
    """
    Checks the arguments of an inpainting method (`mask`: True = missing), brings them to one form, and keeps what was
    read.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`.
        mask: bool, numpy array or torch tensor, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        read_missing: whether the values under the mask are needed. Only ceilings, which are measured on intact audio,
            need them: for methods, `signals` is NaN where samples are missing.

    Raises:
        ValueError: audio or a mask of another type or shape, empty audio, a channel that is missing whole, samples
            that are not finite outside the mask, or a rate that is no positive integer.

    Warns:
        MaskWarning: nothing is missing, or more than half of a channel is.
    """
    check_sampling_rate(sampling_rate)
    prepared = read(audio, mask)
    signals, missing = prepared.signals, prepared.missing
    non_finite = ~np.isfinite(signals) & (~missing | read_missing)
    if non_finite.any():
        raise ValueError(
            f"audio holds {non_finite.sum()} samples that are not finite and not marked as missing, "
            f"the first at index {_first_index(non_finite, audio)}"
        )
    check_share(missing.mean(-1).max())
    return prepared if read_missing else Prepared(audio, np.where(missing, np.nan, signals), missing)


def check_share(share: float) -> None:
    """
    Checks the largest share of missing samples in any channel: raises `ValueError` if it is 1, warns ([`MaskWarning`])
    if it is 0 or above one half.
    """
    if share == 1:
        raise ValueError("everything is missing: the mask must leave intact samples in every channel")
    if share == 0:
        warn_at_caller("the mask is empty: nothing is missing, and the audio comes back as it came", MaskWarning)
    if share > 0.5:
        warn_at_caller(
            # Not 100% where something is left.
            f"{min(share, 0.99):.0%} of a channel is marked as missing. True means missing: is the mask inverted?",
            MaskWarning,
        )


def write_back(prepared: Prepared[Waveform], restored: np.ndarray) -> Waveform:
    """
    Writes restored samples into a copy of the audio, under the mask only, and checks that nothing else has changed:
    neither the caller's audio since it was read, nor what the method returns for intact samples.

    Args:
        prepared: as [`prepare`] or [`read`] returned it.
        restored: float64 `(..., batch, channels, samples)`, finite under the mask, and elsewhere as it was read.

    Returns:
        A new array or tensor (on the same device) of the dtype and shape of the audio, behind the leading axes of
        `restored`.

    Raises:
        ContractError: a sample outside the mask that is not as it was read, in the audio or in `restored`, or a
            missing sample that is not finite.
        ValueError: `restored` of another shape.
    """
    audio, signals, missing = prepared.audio, prepared.signals, prepared.missing
    if restored.shape[-3:] != missing.shape:
        raise ValueError(f"expected restored signals of shape (..., {missing.shape}), got {restored.shape}")
    values = as_numpy(audio, "audio")
    current = values.reshape(missing.shape)
    # By their bits: zeros have a sign.
    changed = ~missing & (current.astype(np.float64, copy=False).view(np.uint64) != signals.view(np.uint64))
    if changed.any():
        index = _first_index(changed, audio)
        raise ContractError(
            f"expected the audio to stay as it was read, got {changed.sum()} samples outside the mask that have "
            f"changed since, the first at index {index}: {signals[changed][0]} became {current[changed][0]}"
        )
    written = restored.astype(values.dtype, copy=False)
    changed = ~missing & (written != current)
    if changed.any():
        expected = np.broadcast_to(current, written.shape)[changed][0]
        raise ContractError(
            f"expected intact samples to come back as they were read, got {changed.sum()} that the method has "
            f"changed, the first at index {_first_index(changed, audio)}: {expected} became {written[changed][0]}"
        )
    unfilled = missing & ~np.isfinite(written)
    if unfilled.any():
        raise ContractError(
            f"expected every missing sample to be filled, got {unfilled.sum()} that are not finite, "
            f"the first at index {_first_index(unfilled, audio)}"
        )
    merged = np.where(missing, written, current).reshape(restored.shape[:-3] + values.shape)
    if isinstance(audio, np.ndarray):
        return merged
    # A caller that holds a tensor has paid for this import.
    import torch

    return torch.from_numpy(merged).to(audio.device)


def fill_channels(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    sampling_rate: int,
    fill: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Waveform:
    """
    Fills every channel that has gaps (`mask`: True = missing) by itself.

    Args:
        audio, mask, sampling_rate: the arguments of every method, see [`prepare`], which raises and warns.
        fill: from a channel, float64 `(samples,)` and NaN where missing, and its mask, bool `(samples,)`, to the
            restored channel, float64 `(samples,)`, equal to it outside the mask.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.
    """
    prepared = prepare(audio, mask, sampling_rate)
    restored = prepared.signals.copy()
    for channel in np.ndindex(restored.shape[:-1]):
        missing = prepared.missing[channel]
        if missing.any():
            restored[channel] = fill(prepared.signals[channel], missing)
    return write_back(prepared, restored)


def _first_index(chosen: np.ndarray, audio: np.ndarray | Tensor) -> tuple[int, ...]:
    """Index into the audio of the first sample that is chosen, bool `(..., batch, channels, samples)`."""
    return tuple(np.argwhere(chosen)[0][-audio.ndim :].tolist())
