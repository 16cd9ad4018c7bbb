"""Calling a network that is told where its input lies in frequency."""

from diffusers.models.unets.unet_2d import UNet2DModel
from torch import Tensor, cat, channels_last


def predict(unet: UNet2DModel, coordinates: Tensor, sample: Tensor, timestep: Tensor) -> Tensor:
    """
    Args:
        unet: from as many channels as sample and coordinates have together to those of the sample.
        coordinates: `(2, bins, frames)`, of [`SpectrogramFrontEnd.coordinates`].
        sample: float `(batch, 2, bins, frames)`.
        timestep: int64, `()` or `(batch,)`.

    Returns:
        `(batch, 2, bins, frames)`.
    """
    beside = coordinates.to(sample)[None].expand(len(sample), -1, -1, -1)
    # A fifth less time in its convolutions.
    images = cat([sample, beside], dim=1).contiguous(memory_format=channels_last)
    return unet(images, timestep).sample
