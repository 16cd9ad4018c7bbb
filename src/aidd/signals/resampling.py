"""Resampling (torchaudio, scipy)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .arrays import check_sampling_rate


if TYPE_CHECKING:
    from .arrays import Waveform

# torchaudio's resampling tabulates a kernel for every pair of a phase and a sample: the product of both rates, without
# their common divisor. A table of this size takes some 0.1 GB and 0.2 s; from 44101 Hz to 24 kHz it would be 8 GB.
MAX_KERNEL_TABLE = 2**22
# Both kernels of `resample` reach less far than this to a side, in samples at the lower rate.
RESAMPLING_REACH = 12


def resample(audio: Waveform, from_rate: int, to_rate: int) -> Waveform:
    """
    Band-limited resampling. Sample n of the result is at the time of sample n * from_rate / to_rate of the audio.

    The sinc is cut to 6 zero crossings a side by a Hann window (torchaudio). For rates whose ratio has no small
    numbers, such as 44101 to 24000, it has 10 and a Kaiser window of beta 5 (scipy's `resample_poly`), and no gradient
    passes.

    Args:
        audio: float `(..., samples)`, numpy array or torch tensor.
        from_rate, to_rate: Hz.

    Returns:
        `(..., ceil(samples * to_rate / from_rate))`, of the same type and dtype.

    Raises:
        ValueError: a rate that is no positive integer.
    """
    check_sampling_rate(from_rate)
    check_sampling_rate(to_rate)
    import torch
    import torchaudio
    from scipy.signal import resample_poly

    divisor = math.gcd(from_rate, to_rate)
    up, down = int(to_rate) // divisor, int(from_rate) // divisor
    # torch wants memory that may be written to, though nothing is written here.
    tensor = audio if isinstance(audio, torch.Tensor) else torch.from_numpy(np.require(audio, requirements=("C", "W")))
    tensor = tensor.contiguous()
    if up * down <= MAX_KERNEL_TABLE:
        resampled = torchaudio.functional.resample(tensor, down, up)
    else:
        resampled = torch.from_numpy(resample_poly(tensor.cpu().numpy(), up, down, axis=-1)).to(tensor.device)
    return resampled if isinstance(audio, torch.Tensor) else resampled.numpy()


def resampled_length(num_samples: int, from_rate: int, to_rate: int) -> int:
    """Number of samples that [`resample`] makes of `num_samples`; rates in Hz."""
    return -(-num_samples * to_rate // from_rate)
