"""The embedding of the noise level in the networks of CQT-Diff."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn


class NoiseLevelEmbedding(nn.Module):
    """
    Random Fourier features of the noise level, fixed, and three layers over them.

    Args:
        size: of the embedding.
        num_frequencies: number of random frequencies, normal with a standard deviation of 16.
    """

    def __init__(self, size: int, num_frequencies: int = 32):
        super().__init__()
        # Rounded, so that weights saved in bfloat16 have the same ones: these turn the angles by up to 100 radians.
        frequencies = (16 * torch.randn(num_frequencies)).bfloat16().float()
        self.frequencies = nn.Parameter(frequencies, requires_grad=False)
        sizes = (2 * num_frequencies, 128, 256, size)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))

    def forward(self, noise_level: Tensor) -> Tensor:
        """`(batch,)` to `(batch, size)`."""
        angles = 2 * math.pi * noise_level.float()[:, None] * self.frequencies.float()
        embedding = torch.cat([angles.sin(), angles.cos()], dim=-1).to(self.frequencies.dtype)
        for layer in self.layers:
            embedding = layer(embedding).relu()
        return embedding
