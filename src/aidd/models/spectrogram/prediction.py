"""Calling a network that is told where its input lies in frequency."""

from diffusers import UNet2DModel
from torch import Tensor, cat


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
    return unet(cat([sample, beside], dim=1), timestep).sample
