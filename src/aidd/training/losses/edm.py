"""
The denoising objective of EDM (Karras et al. 2022, arXiv:2206.00364) for diffusion models of waveforms, and its data.
Every draw is keyed by (seed, index), so the order of reading has no effect.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ...models.cqtdiff import edm_scalings
from ...schedulers.scheduling_edm import karras_sigmas
from ...signals.seeds import seed_of
from ..data.audio_segments import AudioSegmentDataset


# RMS below which a segment counts as silence, and is not brought to the level of music.
SILENCE = 1e-3


class NoisyWaveformDataset(Dataset):
    """
    Random segments ([`~aidd.training.data.audio_segments.AudioSegmentDataset`]) near a common level and of random
    polarity, with the noise and its level that a model is to learn from.

    Args:
        folders, seed, probabilities: as for the segments.
        num_segments: length of the data set.
        num_samples: length of a segment.
        sampling_rate: Hz.
        rms: root mean square that segments are brought to.
        rms_range_db: they are louder or softer than that by up to so many dB.
        sigmas: lowest and highest standard deviation of the noise. Its powers of 1 / `rho` are uniform between theirs.
        rho: 10 in CQT-Diff.

    Raises:
        ValueError: as for the segments.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        num_segments: int,
        num_samples: int,
        sampling_rate: int,
        seed: int,
        probabilities: Sequence[float] | None = None,
        *,
        rms: float,
        rms_range_db: float = 3.0,
        sigmas: tuple[float, float] = (1e-4, 2.0),
        rho: float = 10.0,
    ):
        self.seed = seed
        self.rms = rms
        self.rms_range_db = rms_range_db
        self.sigmas = sigmas
        self.rho = rho
        self.segments = AudioSegmentDataset(
            folders, num_segments, num_samples / sampling_rate, sampling_rate, seed, probabilities=probabilities
        )

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """`clean` and `noise`, float32 `(num_samples,)`, and `sigma`, float32 `()`."""
        generator = torch.Generator().manual_seed(seed_of(self.seed, index))
        segment = self.segments[index][0]
        level, sign, position = torch.rand(3, generator=generator)
        decibels = self.rms_range_db * (2 * level - 1)
        gain = self.rms * 10 ** (decibels / 20) / segment.square().mean().sqrt().clamp(min=SILENCE)
        return {
            "clean": segment * gain * (1 if sign < 0.5 else -1),
            "noise": torch.randn(segment.shape, generator=generator),
            "sigma": karras_sigmas(position, *self.sigmas, self.rho),
        }


def edm_error(
    network: Callable[[Tensor, Tensor], Tensor], clean: Tensor, noise: Tensor, sigma: Tensor, sigma_data: float
) -> Tensor:
    """
    Mean squared error of F(c_in (x + s n); c_noise) against (x - c_skip (x + s n)) / c_out, which has about unit
    variance at all noise levels.

    Args:
        network: F, of `(batch, samples)` and `(batch,)`, or a wrapper of it for several processes.
        clean, noise: x, and n of unit variance, float32 `(batch, samples)`.
        sigma: s, float32 `(batch,)`.
        sigma_data: standard deviation of clean signals.

    Returns:
        float32 `(batch,)`.
    """
    c_skip, c_out, c_in, c_noise = (one[:, None] for one in edm_scalings(sigma, sigma_data))
    noisy = clean + sigma[:, None] * noise
    prediction = network(c_in * noisy, c_noise[:, 0])
    return (prediction.float() - (clean - c_skip * noisy) / c_out).square().mean(1)
