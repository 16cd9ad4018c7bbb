"""
Gap geometry, and what every inpainting method does with its audio and mask before and after its own work.

Masks are bool and True where samples are *missing*. Gaps are pairs of a start and an exclusive end. Positions that
fall between samples, tokens or samples of another rate are rounded outwards: what touches a gap is missing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    from torch import Tensor

    from .detection import find_clicks as find_clicks
    from .detection import find_clipping as find_clipping
    from .detection import find_dropouts as find_dropouts
    from .detection import project_to_bounds as project_to_bounds
    from .signatures import Seconds, Waveform

# Masks of damage, found by parts that build on this module: imported when first used.
_DETECTION = ("find_clicks", "find_clipping", "find_dropouts", "project_to_bounds")
# Seconds computed in floating point miss the sample they mean by less than this many samples.
SAMPLE_TOLERANCE = Fraction(1, 1_000_000)


def mask_from_seconds(starts: Seconds, ends: Seconds, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    Mask of gaps given in seconds.

    The seconds are taken as the decimal numbers they print as: 3.2 s at 44.1 kHz is sample 141120 exactly. Starts are
    rounded down and ends up, except that positions within a millionth of a sample are that sample.

    Args:
        starts, ends: seconds, a number each or as many numbers each. Gaps may touch and overlap.
        num_samples: length of the signal.
        sampling_rate: Hz.

    Returns:
        bool `(num_samples,)`, True = missing.

    Raises:
        ValueError: counts that differ, no gap, what is no finite number, a gap that starts before 0, at or behind its
            own end, or that ends behind the signal.
    """
    mask = np.zeros(num_samples, bool)
    for first, last in gaps_from_seconds(starts, ends, num_samples=num_samples, sampling_rate=sampling_rate).tolist():
        mask[first:last] = True
    return mask


def gaps_from_seconds(starts: Seconds, ends: Seconds, *, num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    [`mask_from_seconds`] without a mask: start and exclusive end of each gap as given, in samples, int64 `(gaps, 2)`.
    """
    check_sampling_rate(sampling_rate)
    first_seconds, last_seconds = np.atleast_1d(np.asarray(starts)), np.atleast_1d(np.asarray(ends))
    for name, seconds in (("starts", first_seconds), ("ends", last_seconds)):
        if seconds.ndim != 1 or seconds.dtype.kind not in "iuf":
            raise ValueError(
                f"gap {name} must be seconds, a number or a sequence of numbers, got {seconds.tolist()!r}"
            )
    if len(first_seconds) != len(last_seconds) or len(first_seconds) == 0:
        raise ValueError(
            f"expected as many gap starts as ends, at least one, got {len(first_seconds)} and {len(last_seconds)}"
        )
    gaps: list[tuple[int, int]] = []
    for start, end in zip(first_seconds, last_seconds, strict=True):
        gap = f"gap from {start} s to {end} s"
        if not (np.isfinite(start) and np.isfinite(end)):
            raise ValueError(f"{gap}: start and end must be finite")
        if start < 0:
            raise ValueError(f"{gap}: the start must not be negative")
        if start >= end:
            raise ValueError(f"{gap}: the start must be before the end")
        first = _sample_position(start, sampling_rate, math.floor)
        last = _sample_position(end, sampling_rate, math.ceil)
        if last > num_samples:
            raise ValueError(
                f"{gap}: it ends behind the signal, which is {num_samples / sampling_rate:.6f} s long "
                f"({num_samples} samples at {sampling_rate} Hz)"
            )
        if first == last:
            raise ValueError(f"{gap}: it is shorter than a millionth of a sample at {sampling_rate} Hz")
        gaps.append((first, last))
    return np.array(gaps, np.int64)


def find_gaps(mask: np.ndarray) -> np.ndarray:
    """
    Start and exclusive end of every run of True of a bool `(samples,)` mask: int64 `(num_gaps, 2)`, in order.

    Raises:
        ValueError: a mask that is not bool, or not of one axis.
    """
    if mask.dtype != bool or mask.ndim != 1:
        raise ValueError(f"expected a bool mask of shape (samples,), got {mask.dtype} of shape {mask.shape}")
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=-1).astype(np.int64)


def resample_mask(mask: np.ndarray, *, from_rate: int, to_rate: int) -> np.ndarray:
    """
    Mask of the same gaps at another sampling rate, rounded outwards, as long as [`~aidd.audio_io.resample`] makes the
    signal: bool `(samples,)` to bool `(ceil(samples * to_rate / from_rate),)`.

    Raises:
        ValueError: a mask that is not bool or not of one axis, or a rate that is no positive integer.
    """
    check_sampling_rate(from_rate)
    check_sampling_rate(to_rate)
    resampled = np.zeros(-(-len(mask) * int(to_rate) // int(from_rate)), bool)
    for start, end in find_gaps(mask).tolist():
        resampled[start * int(to_rate) // int(from_rate) : -(-end * int(to_rate) // int(from_rate))] = True
    return resampled


def tokens_touched(mask: np.ndarray, hop_length: int, guard: int = 0) -> np.ndarray:
    """
    Tokens that missing samples touch.

    Args:
        mask: bool `(samples,)`, True = missing.
        hop_length: samples a token; the last token may be cut short.
        guard: tokens that count as touched on each side of every gap, as far as there are any.

    Returns:
        bool `(ceil(samples / hop_length),)`.

    Raises:
        ValueError: a mask that is not bool or not of one axis, a hop length below 1, or a negative guard.
    """
    if hop_length < 1 or guard < 0:
        raise ValueError(f"expected hop_length of at least 1 and guard of at least 0, got {hop_length} and {guard}")
    touched = np.zeros(-(-len(mask) // hop_length), bool)
    for start, end in find_gaps(mask).tolist():
        touched[max(start // hop_length - guard, 0) : -(-end // hop_length) + guard] = True
    return touched


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


def check_sampling_rate(sampling_rate: int) -> None:
    """Raises `ValueError` unless the rate is a positive integer."""
    if not isinstance(sampling_rate, Integral) or isinstance(sampling_rate, bool) or sampling_rate <= 0:
        raise ValueError(f"a sampling rate must be a positive integer, in Hz, got {sampling_rate!r}")


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


def as_numpy(array: np.ndarray | Tensor, name: str) -> np.ndarray:
    """An array, or the values of a tensor, known by its methods: this module must not import torch."""
    if isinstance(array, np.ndarray):
        return array
    if not hasattr(array, "detach"):
        raise ValueError(f"{name} must be a numpy array or a torch tensor, got {type(array).__name__}")
    if str(array.dtype) == "torch.bfloat16":
        raise ValueError(f"{name} must be of a type that numpy knows, got {array.dtype}")
    return array.detach().cpu().numpy()


# A type checker would take any name for one that is here.
if not TYPE_CHECKING:

    def __getattr__(name: str):
        if name in _DETECTION:
            return getattr(import_module("aidd.detection"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _sample_position(seconds: np.number, sampling_rate: int, rounding: Callable[[Fraction], int]) -> int:
    position = Fraction(str(seconds)) * int(sampling_rate)
    nearest = round(position)
    return nearest if abs(position - nearest) <= SAMPLE_TOLERANCE else rounding(position)
