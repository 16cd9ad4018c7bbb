"""Ancestral sampling of a diffusion whose variance explodes, over the noise levels of EDM."""

from __future__ import annotations

import math

from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ..models.decorators import register_to_config
from .scheduling_edm import Denoiser, EDMScheduler, Generators


class EDMAncestralScheduler(EDMScheduler):
    r"""
    Draws each sample from what the noisier one before it and its denoised version D say of it (Song et al. 2021,
    arXiv:2011.13456, appendix F; Ho et al. 2020 for its variance-preserving twin):

        x' = D + q (x - D) + sigma' sqrt(1 - q) n,    q = sigma'^2 / sigma^2, n ~ N(0, I).

    A step calls the denoiser once, where one of [`EDMHeunScheduler`] calls it twice. It takes the denoised version for
    the clean sample itself, so samples vary too little: in 35 steps by a fifth, where the denoiser is exact
    (docs/cqtdiff.md).

    Args:
        sigma_min, sigma_max: standard deviations of the weakest and the strongest noise.
        rho: how the levels between them are spaced; see [`~aidd.schedulers.scheduling_edm.karras_sigmas`].

    Raises:
        ValueError: numbers outside their ranges.
    """

    order = 1

    @register_to_config
    def __init__(self, sigma_min: float = 1e-3, sigma_max: float = 1.0, rho: float = 13.0):
        self.check_levels(sigma_min, sigma_max, rho)

    def step(
        self,
        denoiser: Denoiser,
        sample: Tensor,
        sigma: float,
        next_sigma: float,
        *,
        num_inference_steps: int,
        generator: Generators = None,
    ) -> Tensor:
        """As [`EDMScheduler.step`]. The denoiser is called once."""
        denoised = denoiser(sample, sigma)
        if next_sigma == 0:
            return denoised
        kept = (next_sigma / sigma) ** 2
        noise = randn_tensor(sample.shape, generator, device=sample.device, dtype=sample.dtype)
        return denoised + kept * (sample - denoised) + next_sigma * math.sqrt(1 - kept) * noise
