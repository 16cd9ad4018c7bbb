"""The network of CQT-Diff+ (Moliner & Välimäki 2023, "Diffusion-based audio inpainting", arXiv:2305.15266)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from ...signals.cqt import CQTFrame, cqt, icqt
from ..decorators import register_to_config
from .embeddings import NoiseLevelEmbedding


# A cubic filter that halves the rate; the same taps double it, with half the amplitude, as the weights expect.
CUBIC = (-0.01171875, -0.03515625, 0.11328125, 0.43359375, 0.43359375, 0.11328125, -0.03515625, -0.01171875)
# What the gates of a block start at, so that it is nearly the identity.
GATE_SCALE = 1e-7


class Modulation(nn.Module):
    """
    A norm with a scale, and a gate. The norm divides groups of channels by their standard deviation, and leaves their
    mean; scale and gate are linear in the embedding of the noise level.
    """

    def __init__(self, channels: int, num_groups: int, embedding_size: int, eps: float = 1e-7):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.scale = nn.Linear(embedding_size, channels)
        self.gate = nn.Linear(embedding_size, channels)
        self.num_groups = num_groups
        self.eps = eps
        nn.init.zeros_(self.scale.bias)
        nn.init.zeros_(self.gate.bias)
        nn.init.kaiming_uniform_(self.gate.weight, nonlinearity="linear")
        self.gate.weight.data *= GATE_SCALE

    def forward(self, states: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised states, and the gate, `(batch, channels, 1, 1)`."""
        groups = states.flatten(2).unflatten(1, (self.num_groups, -1))
        count = groups[0, 0].numel()
        # From the moments, which takes a quarter of the time of `Tensor.std`.
        mean = groups.mean((2, 3), dtype=torch.float32)
        variance = groups.square().mean((2, 3), dtype=torch.float32) - mean**2
        scales = (variance.clamp(min=0) * count / (count - 1) + self.eps**2).rsqrt()
        factors = scales.repeat_interleave(self.weight.numel() // self.num_groups, dim=1) * self.weight
        factors = (factors * (1 + self.scale(embedding).float())).to(states.dtype)
        return states * factors[..., None, None], self.gate(embedding)[..., None, None]


class TimeAttention(nn.Module):
    """
    Attention over time. Each head is one linear combination of the channels at all frequencies; queries and keys are
    linear in all heads, and the values are the heads themselves.
    """

    def __init__(self, channels: int, num_heads: int, num_frequencies: int):
        super().__init__()
        self.num_heads = num_heads
        size = num_heads * num_frequencies
        self.to_heads = nn.Conv2d(channels, num_heads, 1, bias=False)
        self.to_queries_and_keys = nn.Conv1d(size, 2 * size, 1, bias=False)
        self.to_channels = nn.Conv2d(num_heads, channels, 1, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        heads = self.to_heads(states)
        queries_and_keys = self.to_queries_and_keys(heads.flatten(1, 2))
        # (batch, heads, 2 frequencies, time), of which the first half are queries.
        queries, keys = queries_and_keys.unflatten(1, (self.num_heads, -1)).float().chunk(2, dim=2)
        logits = torch.einsum("bhfn,bhfm->bhnm", queries, keys) / queries.shape[2] ** 0.5
        attended = torch.einsum("bhnm,bhfm->bhfn", logits.softmax(-1).to(heads.dtype), heads)
        return self.to_channels(attended)


def gated_sum(states: Tensor, gate: Tensor, branch: Tensor) -> Tensor:
    """(states + gate branch) / sqrt(2), in two passes over the states."""
    return torch.addcmul(states * 0.5**0.5, gate * 0.5**0.5, branch)


class ResidualBlock(nn.Module):
    """
    Convolutions dilated in frequency by 1, 2, 4, ..., each in a gated residual branch, after attention where it is
    asked for; and a residual branch around it all.

    Args:
        in_channels, out_channels: of input and output.
        inner_channels: of the convolutions: the input's or the output's.
        num_layers: number of convolutions.
        kernel_size: in frequency and time.
        num_groups: of the norms.
        embedding_size: of the noise level's embedding.
        num_heads, num_frequencies: of the attention; no heads for none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        inner_channels: int,
        num_layers: int,
        kernel_size: tuple[int, int],
        num_groups: int,
        embedding_size: int,
        num_heads: int = 0,
        num_frequencies: int = 0,
    ):
        super().__init__()

        def projection(before: int, after: int) -> nn.Module:
            return nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False)

        self.shortcut = projection(in_channels, out_channels)
        self.project_in = projection(in_channels, inner_channels)
        self.project_out = projection(inner_channels, out_channels)
        self.modulations = nn.ModuleList(
            Modulation(inner_channels, num_groups, embedding_size) for _ in range(num_layers)
        )
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inner_channels, inner_channels, kernel_size, padding="same", dilation=(2**layer, 1), bias=False)
            for layer in range(num_layers)
        )
        self.attention = None
        if num_heads:
            self.attention_modulation = Modulation(inner_channels, num_groups, embedding_size)
            self.attention = TimeAttention(inner_channels, num_heads, num_frequencies)

    def forward(self, inputs: Tensor, embedding: Tensor) -> Tensor:
        states = self.project_in(inputs)
        if self.attention is not None:
            modulated, gate = self.attention_modulation(states, embedding)
            states = gated_sum(states, gate, self.attention(modulated))
        for modulation, convolution in zip(self.modulations, self.convolutions, strict=True):
            modulated, gate = modulation(states, embedding)
            states = gated_sum(states, gate, convolution(nn.functional.gelu(modulated)))
        return (self.project_out(states) + self.shortcut(inputs)) / 2**0.5


class CQTDiffPlusUNet(ModelMixin, ConfigMixin):
    r"""
    A U-Net over the octaves of a constant-Q transform. Its levels halve the number of frames, and each takes in one
    octave more, the highest first, below those it has already: level i sees i + 1 octaves at the frames of octave i.
    Frequencies are never resampled. On the way back, each level puts out its lowest octave and hands on the others.

    The bands at DC and at the Nyquist frequency are left out: the output is zero there.

    Args:
        sampling_rate: Hz.
        sample_size: samples of a signal.
        bins_per_octave: number of bins in each octave.
        window: of the transform, "hann", "blackman_harris" or "kaiser".
        window_beta: of the Kaiser window.
        placement: of the transform's bins, "exact" or "cqtdiff_plus"; see [`~aidd.signals.cqt.CQTFrame`].
        block_out_channels: channels of each level, one level for each octave, the highest octave first.
        layers_per_block: dilated convolutions in a block of each level.
        attention_levels: whether each level has attention over time.
        mid_block_attention: whether the bottleneck has.
        num_attention_heads: heads of all attention.
        norm_num_groups: groups of channels that are normalised together.
        embedding_size: of the noise level's embedding.
        sigma_data: standard deviation of the clean signals that it is trained on.

    Raises:
        ValueError: lists of different lengths, or a transform whose octaves do not double their frames from one to the
            next.
    """

    # Both bases define it.
    config_name: Any

    @register_to_config
    def __init__(
        self,
        sampling_rate: int = 24_000,
        sample_size: int = 69_120,
        bins_per_octave: int = 48,
        window: str = "kaiser",
        window_beta: float = 1.0,
        placement: Literal["exact", "cqtdiff", "cqtdiff_plus"] = "exact",
        block_out_channels: Sequence[int] = (16, 16, 32, 32, 48, 48, 64, 64),
        layers_per_block: Sequence[int] = (1, 1, 1, 1, 1, 2, 3, 4),
        attention_levels: Sequence[bool] = (False, False, False, False, True, True, False, False),
        mid_block_attention: bool = False,
        num_attention_heads: int = 2,
        norm_num_groups: int = 8,
        embedding_size: int = 256,
        sigma_data: float = 0.06,
    ):
        super().__init__()
        channels, num_octaves = list(block_out_channels), len(block_out_channels)
        if not num_octaves == len(layers_per_block) == len(attention_levels):
            raise ValueError(
                "block_out_channels, layers_per_block and attention_levels must have one number for each octave, got "
                f"{num_octaves}, {len(layers_per_block)} and {len(attention_levels)} numbers"
            )
        self.frame = CQTFrame(
            sampling_rate,
            sample_size,
            num_octaves,
            bins_per_octave,
            ("kaiser", window_beta) if window == "kaiser" else window,
            "octaves",
            placement,
        )
        frames = [frames for _, frames in self.frame.block_sizes[1:-1]]
        if any(2 * low != high for low, high in pairwise(frames)):
            raise ValueError(f"each octave must have twice the frames of the one below it, got {frames}")

        def block(
            before: int, after: int, inner: int, layers: int, kernel: tuple[int, int], **attention: int
        ) -> ResidualBlock:
            return ResidualBlock(before, after, inner, layers, kernel, norm_num_groups, embedding_size, **attention)

        def main_block(level: int, before: int, after: int, has_attention: bool) -> ResidualBlock:
            heads = num_attention_heads if has_attention else 0
            frequencies = (level + 1) * bins_per_octave
            layers = layers_per_block[level]
            return block(before, after, after, layers, (5, 3), num_heads=heads, num_frequencies=frequencies)

        last = num_octaves - 1
        widths_before, levels = [channels[0], *channels[:-1]], range(num_octaves)
        self.embedding = NoiseLevelEmbedding(embedding_size)
        self.octaves_in = nn.ModuleList(block(2, width, width, 1, (1, 1)) for width in widths_before)
        self.pyramid_in = nn.ModuleList(nn.Conv2d(2, width, (5, 3), padding="same", bias=False) for width in channels)
        self.down_blocks = nn.ModuleList(
            main_block(level, widths_before[level], channels[level], attention_levels[level]) for level in levels
        )
        self.mid_block = main_block(last, channels[last], channels[last], mid_block_attention)
        self.mid_out = block(channels[last], 2, channels[last], 1, (1, 1))
        # By level, the highest octave first, as on the way down.
        self.up_blocks = nn.ModuleList(
            main_block(level, 2 * channels[level], widths_before[level], attention_levels[level]) for level in levels
        )
        self.pyramid_out = nn.ModuleList(block(width, 2, width, 1, (1, 1)) for width in widths_before)
        self.register_buffer("filter", torch.tensor(CUBIC), persistent=False)

    def halve_frames(self, states: Tensor) -> Tensor:
        """`(batch, channels, frequencies, frames)` to half of the frames."""
        channels = states.shape[1]
        taps = self.filter.to(states.dtype).expand(channels, 1, 1, -1)
        padded = nn.functional.pad(states, (3, 3, 0, 0), mode="reflect")
        return nn.functional.conv2d(padded, taps, stride=(1, 2), groups=channels)

    def double_frames(self, states: Tensor) -> Tensor:
        """`(batch, channels, frequencies, frames)` to twice the frames."""
        channels = states.shape[1]
        taps = self.filter.to(states.dtype).expand(channels, 1, 1, -1)
        padded = nn.functional.pad(states, (2, 2, 0, 0), mode="reflect")
        return nn.functional.conv_transpose2d(padded, taps, stride=(1, 2), padding=(0, 7), groups=channels)

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
        # Contiguous, so that the layout of the weights decides on that of all that follows.
        images = [
            torch.view_as_real(octave).permute(0, 3, 1, 2).to(self.dtype).contiguous()
            for octave in self.octaves_of(sample)
        ]
        outputs = self.unet(images, self.embedding(noise_level))
        return self.signal_of([torch.view_as_complex(one.float().permute(0, 2, 3, 1).contiguous()) for one in outputs])

    def without_ends(self, signal: Tensor) -> Tensor:
        """A signal, float `(batch, sample_size)`, without the bands at DC and Nyquist, as the network's output."""
        return self.signal_of(self.octaves_of(signal))

    def octaves_of(self, signal: Tensor) -> list[Tensor]:
        """The octaves of a signal, complex `(batch, bins, frames)`, the lowest first."""
        with torch.autocast(signal.device.type, enabled=False):
            _, *octaves, _ = cqt(signal.float(), self.frame)
        return octaves

    def signal_of(self, octaves: list[Tensor]) -> Tensor:
        """The signal of such octaves, with nothing at DC and the Nyquist frequency: float32 `(batch, sample_size)`."""
        first, *_, last = self.frame.block_sizes
        zeros = [octaves[0].new_zeros(len(octaves[0]), *size) for size in (first, last)]
        with torch.autocast(octaves[0].device.type, enabled=False):
            return icqt([zeros[0], *octaves, zeros[1]], self.frame)

    def unet(self, octaves: list[Tensor], embedding: Tensor) -> list[Tensor]:
        """Images `(batch, 2, bins, frames)` of the octaves, the lowest first, to such images."""
        bins = octaves[0].shape[2]
        last, skips = len(octaves) - 1, []
        states = pyramid = octaves[0][:, :, :0]
        for level, octave in enumerate(reversed(octaves)):
            features = self.octaves_in[level](octave, embedding)
            states = features if level == 0 else torch.cat([features, states], dim=2)
            pyramid = octave if level == 0 else torch.cat([octave, pyramid], dim=2)
            states = self.down_blocks[level](states, embedding)
            skips.append(states)
            if level < last:
                states, pyramid = self.halve_frames(states), self.halve_frames(pyramid)
            states = (states + self.pyramid_in[level](pyramid)) / 2**0.5

        states = self.mid_block(states, embedding)
        result, outputs = self.mid_out(states, embedding), []
        for level in range(last, -1, -1):
            states = self.up_blocks[level](torch.cat([states, skips[level]], dim=1), embedding)
            result = (result + self.pyramid_out[level](states, embedding)) / 2**0.5
            outputs.append(result[:, :, :bins])
            if level > 0:
                states, result = self.double_frames(states[:, :, bins:]), self.double_frames(result[:, :, bins:])
        return outputs
