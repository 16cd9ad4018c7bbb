"""
The denoising objective of a diffusion model of spectrograms, and its data. Every draw is keyed by (seed, index), so
the order of reading has no effect.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor
from torch.utils.data import Dataset

from ...models.spectrogram import SpectrogramFrontEnd, predict
from ...signals.seeds import seed_of
from ..data.audio_segments import AudioSegmentDataset


class NoisySpectrogramDataset(Dataset):
    """
    Spectrograms of random segments ([`~aidd.training.data.audio_segments.AudioSegmentDataset`]), without the frames
    that reach beyond a segment, and the noise and the time that a model is to learn from.

    Args:
        folders, seed, probabilities: as for the segments.
        num_windows: length of the data set.
        num_frames: number of frames in a spectrogram.
        front_end: makes the spectrograms.
        num_train_timesteps: number of times that the scheduler knows.

    Raises:
        ValueError: as for the segments.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        num_windows: int,
        num_frames: int,
        front_end: SpectrogramFrontEnd,
        num_train_timesteps: int,
        seed: int,
        probabilities: Sequence[float] | None = None,
    ):
        self.front_end = front_end
        self.num_train_timesteps = num_train_timesteps
        self.seed = seed
        rate = front_end.sampling_rate
        num_samples = (num_frames + front_end.grid.overlap - 1) * front_end.hop_length
        self.segments = AudioSegmentDataset(
            folders, num_windows, num_samples / rate, rate, seed, (-12.0, -1.0), probabilities
        )

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """`clean` and `noise`, float32 `(2, bins, num_frames)`, and `timestep`, int64 `()`."""
        cut = self.front_end.grid.overlap - 1
        clean = torch.from_numpy(self.front_end(self.segments[index][0].numpy())[..., cut:-cut].copy())
        generator = torch.Generator().manual_seed(seed_of(self.seed, index))
        return {
            "clean": clean,
            "noise": torch.randn(clean.shape, generator=generator),
            "timestep": torch.randint(self.num_train_timesteps, (), generator=generator),
        }


def denoising_target(scheduler: DDPMScheduler, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """
    What a network has to predict, by the scheduler's `prediction_type`: the noise ("epsilon"), the clean images
    ("sample"), or the velocity sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean ("v_prediction", Salimans & Ho 2022).

    Args:
        scheduler: adds the noise.
        clean, noise: float `(batch, ...)`.
        timesteps: int64 `(batch,)`.

    Returns:
        float `(batch, ...)`.

    Raises:
        ValueError: a scheduler with another `prediction_type`.
    """
    match scheduler.config["prediction_type"]:
        case "epsilon":
            return noise
        case "sample":
            return clean
        case "v_prediction":
            return scheduler.get_velocity(clean, noise, timesteps)  # type: ignore[arg-type]  # It takes int64.
        case other:
            raise ValueError(f"prediction_type must be epsilon, sample or v_prediction, got {other}")


def denoising_error(
    unet: UNet2DModel, scheduler: DDPMScheduler, coordinates: Tensor, clean: Tensor, noise: Tensor, timesteps: Tensor
) -> Tensor:
    """
    Mean squared error of a network's prediction ([`denoising_target`]) for noisy spectrograms.

    Args:
        unet: the network, or a wrapper of it for several processes.
        scheduler: adds the noise.
        coordinates: float32 `(2, bins, frames)`, from [`SpectrogramFrontEnd.coordinates`].
        clean, noise: float32 `(batch, 2, bins, frames)`.
        timesteps: int64 `(batch,)`.

    Returns:
        float32 `(batch,)`.

    Raises:
        ValueError: as [`denoising_target`].
    """
    target = denoising_target(scheduler, clean, noise, timesteps)
    noisy = scheduler.add_noise(clean, noise, timesteps)  # type: ignore[arg-type]  # It takes int64.
    prediction = predict(unet, coordinates, noisy, timesteps)
    return (prediction.float() - target).square().mean((1, 2, 3))
