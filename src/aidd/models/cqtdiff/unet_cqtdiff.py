"""
The network of CQT-Diff (Moliner, Lehtinen & Välimäki 2023, "Solving audio inverse problems with a diffusion model",
arXiv:2210.15228).
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torchaudio.transforms import Resample

from ...signals.cqt import CQTFrame, cqt, icqt
from ..decorators import register_to_config
from .embeddings import NoiseLevelEmbedding


KERNEL_SIZE = (5, 3)
# Share of the frame operator's largest value below which a frequency is left out: what the network puts out there
# would be amplified by more than 20 dB.
MIN_SHARE = 1e-2


def convolution(before: int, after: int, dilation: int = 1) -> nn.Conv2d:
    """A convolution over frequency, in which it is dilated, and time. The ends of both are mirrored."""
    return nn.Conv2d(
        before, after, KERNEL_SIZE, padding="same", padding_mode="reflect", dilation=(dilation, 1), bias=False
    )


class DilatedBlock(nn.Module):
    """
    Convolutions dilated in frequency by 1, 2, 4, ..., each in a residual branch, and a residual branch around them
    all. Before that, channels are scaled by factors that are affine in the embedding of the noise level.

    Args:
        in_channels, out_channels: of input and output.
        num_layers: number of convolutions.
        embedding_size: of the noise level's embedding.
    """

    def __init__(self, in_channels: int, out_channels: int, num_layers: int, embedding_size: int):
        super().__init__()
        self.scale = nn.Linear(embedding_size, in_channels)
        self.shortcut = (
            nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1, bias=False)
        )
        self.project_in = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.convolutions = nn.ModuleList(
            convolution(out_channels, out_channels, 2**layer) for layer in range(num_layers)
        )

    def forward(self, inputs: Tensor, embedding: Tensor) -> Tensor:
        scaled = inputs * self.scale(embedding)[..., None, None]
        states = self.project_in(nn.functional.gelu(scaled))
        for layer in self.convolutions:
            states = (states + layer(nn.functional.gelu(states))) / 2**0.5
        return (states + self.shortcut(scaled)) / 2**0.5


class CQTDiffUNet(ModelMixin, ConfigMixin):
    r"""
    A U-Net over a constant-Q transform whose bands all have the same number of frames. Its levels halve that number;
    frequencies are never resampled. On the way down, each level takes in the transform at its own rate, and on the way
    up, each adds to the output at its own rate.

    Every band has an embedding, random Fourier features of its index, which are fixed.

    Args:
        sampling_rate: Hz.
        sample_size: samples of a signal.
        num_octaves: octaves below the Nyquist frequency that the transform divides into bins.
        bins_per_octave: number of bins in each octave.
        window: of the transform, "hann" or "blackman_harris".
        placement: of the transform's bins, "exact", "cqtdiff" or "cqtdiff_plus"; see [`~aidd.signals.cqt.CQTFrame`].
            "cqtdiff" is nearly singular below the Nyquist frequency, which is accepted: see [`without_ends`].
        block_out_channels: channels of each level, the highest rate first.
        layers_per_block: dilated convolutions in each block.
        num_frequencies: of the random Fourier features of bands.
        embedding_size: of the noise level's embedding.
        sigma_data: standard deviation of the clean signals that it is trained on.

    Raises:
        ValueError: fewer than two levels, or more layers than the bands have room for.
    """

    # Both bases define it.
    config_name: Any

    @register_to_config
    def __init__(
        self,
        sampling_rate: int = 22_050,
        sample_size: int = 65_536,
        num_octaves: int = 7,
        bins_per_octave: int = 64,
        window: str = "hann",
        placement: Literal["exact", "cqtdiff", "cqtdiff_plus"] = "cqtdiff",
        block_out_channels: Sequence[int] = (32, 64, 64, 128, 128, 128),
        layers_per_block: int = 8,
        num_frequencies: int = 32,
        embedding_size: int = 512,
        sigma_data: float = 0.057,
    ):
        super().__init__()
        channels = list(block_out_channels)
        self.frame = CQTFrame(
            sampling_rate,
            sample_size,
            num_octaves,
            bins_per_octave,
            window,
            "matrix",
            placement,
            allow_nearly_singular=placement == "cqtdiff",
        )
        ((num_bands, _),) = self.frame.block_sizes
        if len(channels) < 2:
            raise ValueError(f"expected two levels at least, got block_out_channels {channels}")
        # A mirrored end is shorter than what it continues.
        if 2**layers_per_block >= num_bands:
            raise ValueError(
                f"{layers_per_block} layers, the last of them dilated by {2 ** (layers_per_block - 1)}, need more "
                f"than {2**layers_per_block} bands, got {num_bands}"
            )

        def block(before: int, after: int) -> DilatedBlock:
            return DilatedBlock(before, after, layers_per_block, embedding_size)

        widths_before, last = [channels[0], *channels[:-1]], channels[-1]
        self.embedding = NoiseLevelEmbedding(embedding_size)
        frequencies = 16 * torch.randn(num_frequencies, dtype=torch.float64)
        angles = 2 * math.pi * torch.arange(num_bands)[:, None] * frequencies
        self.register_buffer("band_embeddings", torch.cat([angles.sin(), angles.cos()], dim=1).float())
        self.conv_in = convolution(2 + 2 * num_frequencies, channels[0])
        self.down_blocks = nn.ModuleList(map(block, widths_before, channels))
        self.pyramid_in = nn.ModuleList(nn.Conv2d(2, width, 1, bias=False) for width in channels[:-1])
        self.mid_block = block(last, last)
        # By level, the highest rate first, as on the way down.
        self.up_blocks = nn.ModuleList(
            block(2 * width, before) for before, width in zip(widths_before, channels, strict=True)
        )
        # The two highest rates share one, as in the published network.
        projections = [nn.Conv2d(width, 2, 1, bias=False) for width in channels[:-1]]
        for projection in projections:
            nn.init.zeros_(projection.weight)
        self.pyramid_out = nn.ModuleList(projections)
        self.halve_frames = Resample(2, 1)
        self.double_frames = Resample(1, 2)

    def forward(self, sample: Tensor, noise_level: Tensor) -> Tensor:
        """
        F of [`~aidd.models.cqtdiff.preconditioning.denoise`]. The transform computes in float32, whatever the type of
        the network.

        Args:
            sample: c_in times the noisy signal, float `(batch, sample_size)`.
            noise_level: c_noise, `(batch,)`.

        Returns:
            float32 `(batch, sample_size)`.
        """
        with torch.autocast(sample.device.type, enabled=False):
            (bands,) = cqt(sample.float(), self.frame)
        image = torch.view_as_real(bands).permute(0, 3, 1, 2).to(self.dtype).contiguous()
        output = self.unet(image, self.embedding(noise_level)).float()
        with torch.autocast(sample.device.type, enabled=False):
            return self.signal_of(torch.view_as_complex(output.permute(0, 2, 3, 1).contiguous()))

    def signal_of(self, bands: Tensor) -> Tensor:
        """
        The signal of an output, complex `(batch, bands, frames)`: float32 `(batch, sample_size)`. In the bands at DC
        and the Nyquist frequency, which are real for a signal, only the side within the spectrum counts.
        """
        at_dc = with_spectrum_above(bands[:, :1])
        at_nyquist = with_spectrum_above(bands[:, -1:].conj())
        return icqt([torch.cat([at_dc, bands[:, 1:-1], at_nyquist], dim=1)], self.frame)

    def without_ends(self, signal: Tensor) -> Tensor:
        """A signal, float `(batch, sample_size)`, without the frequencies that the frame hardly sees."""
        length = self.frame.fft_length
        operator = torch.from_numpy(self.frame.frame_operator[: length // 2 + 1])
        seen = (operator >= MIN_SHARE * operator.max()).to(signal.device)
        with torch.autocast(signal.device.type, enabled=False):
            spectrum = torch.fft.rfft(signal.float(), length) * seen
            return torch.fft.irfft(spectrum, length)[..., : self.frame.num_samples]

    def unet(self, image: Tensor, embedding: Tensor) -> Tensor:
        """An image, `(batch, 2, bands, frames)`, of the transform, to such an image."""
        bands = self.band_embeddings.to(image.dtype).T[None, :, :, None]
        states = self.conv_in(torch.cat([image, bands.expand(len(image), -1, -1, image.shape[-1])], dim=1))
        last, skips, pyramid = len(self.down_blocks) - 1, [], image
        for level, down_block in enumerate(self.down_blocks):
            states = down_block(states, embedding)
            skips.append(states)
            if level < last:
                # The resampler asks for this layout, which is not that of channels that lie last.
                states, pyramid = (self.halve_frames(one.contiguous()) for one in (states, pyramid))
                states = (states + self.pyramid_in[level](pyramid)) / 2**0.5

        states = self.mid_block(states, embedding)
        states = self.up_blocks[last](torch.cat([states, skips[last]], dim=1), embedding)
        result = self.pyramid_out[last - 1](states)
        for level in range(last - 1, -1, -1):
            # Doubling gives one frame too many where halving had to round up.
            frames = skips[level].shape[-1]
            states, result = (self.double_frames(one.contiguous())[..., :frames] for one in (states, result))
            states = self.up_blocks[level](torch.cat([states, skips[level]], dim=1), embedding)
            result = (result + self.pyramid_out[max(level - 1, 0)](states)) / 2**0.5
        return result


def with_spectrum_above(band: Tensor) -> Tensor:
    """Real frames, as complex numbers, whose spectrum from 0 on is that of complex frames, `(..., frames)`."""
    frames = band.shape[-1]
    return torch.fft.irfft(torch.fft.fft(band)[..., : frames // 2 + 1], frames).to(band.dtype)
