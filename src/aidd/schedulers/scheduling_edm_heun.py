"""The second-order sampler of EDM (Karras et al. 2022, arXiv:2206.00364, algorithm 2), with churn."""

from __future__ import annotations

import math

from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ..models.decorators import register_to_config
from .scheduling_edm import Denoiser, EDMScheduler, Generators


class EDMHeunScheduler(EDMScheduler):
    r"""
    The sampler of CQT-Diff: the probability flow dx / dsigma = (x - D(x; sigma)) / sigma by Heun's method, whose steps
    may start from a level that was raised by noise (churn). diffusers has no such scheduler: `HeunDiscreteScheduler`
    has the steps without the churn, and `EDMEulerScheduler` adds its noise after the model has seen the sample.

    Args:
        sigma_min, sigma_max: standard deviations of the weakest and the strongest noise.
        rho: how the levels between them are spaced; see [`~aidd.schedulers.scheduling_edm.karras_sigmas`].
        s_churn: how much noise is added before steps, over all of them: each raises the level by a factor of
            1 + min(s_churn / (num_inference_steps + 1), sqrt(2) - 1). 0 makes the sampler deterministic.
        s_noise: standard deviation of that noise, in units of what the level says.

    Raises:
        ValueError: numbers outside their ranges.
    """

    order = 2

    @register_to_config
    def __init__(
        self,
        sigma_min: float = 1e-4,
        sigma_max: float = 1.0,
        rho: float = 13.0,
        s_churn: float = 5.0,
        s_noise: float = 1.0,
    ):
        self.check_levels(sigma_min, sigma_max, rho)
        if not 0 <= s_churn < math.inf or not 0 < s_noise < math.inf:
            raise ValueError(f"s_churn must not be negative, and s_noise above 0, got {s_churn} and {s_noise}")

    def add_churn(
        self, sample: Tensor, sigma: float, num_inference_steps: int, generator: Generators = None
    ) -> tuple[Tensor, float]:
        """
        Raises the noise of a sample before a step.

        Args:
            sample: `(batch, ...)`, of level `sigma`.
            sigma: its level.
            num_inference_steps: of all steps.
            generator: one for the batch, or one for each item.

        Returns:
            The sample and the level that it has then.
        """
        growth = min(self.config["s_churn"] / (num_inference_steps + 1), math.sqrt(2) - 1)
        if growth == 0:
            return sample, sigma
        raised = sigma * (1 + growth)
        noise = randn_tensor(sample.shape, generator, device=sample.device, dtype=sample.dtype)
        return sample + math.sqrt(raised**2 - sigma**2) * self.config["s_noise"] * noise, raised

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
        """As [`EDMScheduler.step`]. The denoiser is called at both ends of the step, once where it leads to 0."""
        sample, sigma = self.add_churn(sample, sigma, num_inference_steps, generator)
        slope = (sample - denoiser(sample, sigma)) / sigma
        reached = sample + (next_sigma - sigma) * slope
        if next_sigma == 0:
            return reached
        slope_there = (reached - denoiser(reached, next_sigma)) / next_sigma
        return sample + (next_sigma - sigma) * (slope + slope_there) / 2
