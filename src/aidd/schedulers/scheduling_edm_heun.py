"""The second-order sampler of EDM (Karras et al. 2022, arXiv:2206.00364, algorithm 2), with churn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ..models.cqtdiff import karras_sigmas
from ..models.decorators import register_to_config


class EDMHeunScheduler(SchedulerMixin, ConfigMixin):
    r"""
    Noise levels, churn and steps of EDM. diffusers has no scheduler for them: `HeunDiscreteScheduler` has the steps
    without the churn, and `EDMEulerScheduler` adds the churn's noise after the model has seen the sample.

    Args:
        sigma_min, sigma_max: standard deviations of the weakest and the strongest noise.
        rho: how the levels between them are spaced; see [`~aidd.models.cqtdiff.karras_sigmas`].
        s_churn: how much noise is added before steps, over all of them: each raises the level by a factor of
            1 + min(s_churn / (num_inference_steps + 1), sqrt(2) - 1). 0 makes the sampler deterministic.
        s_noise: standard deviation of that noise, in units of what the level says.

    Raises:
        ValueError: numbers outside their ranges.
    """

    # diffusers' classes disagree on its type.
    config_name: Any
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
        if not 0 < sigma_min < sigma_max < math.inf or not 0 < rho < math.inf:
            raise ValueError(
                f"expected 0 < sigma_min < sigma_max and rho above 0, got {sigma_min}, {sigma_max} and {rho}"
            )
        if not 0 <= s_churn < math.inf or not 0 < s_noise < math.inf:
            raise ValueError(f"s_churn must not be negative, and s_noise above 0, got {s_churn} and {s_noise}")

    def noise_levels(self, num_inference_steps: int) -> Tensor:
        """
        Levels that the steps lead from and to: float64 `(num_inference_steps + 1,)`, the last of them 0.

        Raises:
            ValueError: fewer than two steps.
        """
        if (
            isinstance(num_inference_steps, bool)
            or not isinstance(num_inference_steps, int)
            or num_inference_steps < 2
        ):
            raise ValueError(f"num_inference_steps must be an integer of at least 2, got {num_inference_steps!r}")
        config, positions = self.config, torch.linspace(0, 1, num_inference_steps, dtype=torch.float64)
        sigmas = karras_sigmas(positions, config["sigma_min"], config["sigma_max"], config["rho"])
        return torch.cat([sigmas, sigmas.new_zeros(1)])

    def add_churn(
        self,
        sample: Tensor,
        sigma: float,
        num_inference_steps: int,
        generator: torch.Generator | list[torch.Generator] | None = None,
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

    def step(self, derivative: Tensor, sample: Tensor, sigma: float, next_sigma: float) -> Tensor:
        """
        A step from one level to the next.

        Args:
            derivative: dx / dsigma = (x - D(x; sigma)) / sigma; for a corrected step, the mean of that at both ends.
            sample: x, at the first level.
            sigma, next_sigma: the levels.

        Returns:
            The sample at the next level.
        """
        return sample + (next_sigma - sigma) * derivative


def num_denoiser_calls(num_inference_steps: int) -> int:
    """How often [`sample_edm`] calls the denoiser: twice in every step but the last."""
    return 2 * num_inference_steps - 1


def sample_edm(
    denoiser: Callable[[Tensor, float], Tensor],
    scheduler: EDMHeunScheduler,
    shape: Sequence[int],
    *,
    num_inference_steps: int,
    generator: torch.Generator | list[torch.Generator] | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Tensor:
    """
    Draws samples: from noise of the strongest level, step by step, each corrected by the slope at its end.

    Args:
        denoiser: D(x; sigma), `(batch, ...)` to the mean of the clean samples that it may come from, or what guides
            towards those that are wanted.
        scheduler: of the levels, the churn and the steps.
        shape: (batch, ...).
        num_inference_steps: number of steps, 2 or more.
        generator: one for the batch, or one for each item, whose sample is then that which it has alone.
        device, dtype: of the samples.
        progress: wraps the sequence of steps, such as `tqdm` or a pipeline's `progress_bar`.

    Returns:
        `shape`, clean.
    """
    sigmas = scheduler.noise_levels(num_inference_steps).tolist()
    sample = sigmas[0] * randn_tensor(tuple(shape), generator, device=torch.device(device), dtype=dtype)
    for step in progress(range(num_inference_steps)):
        next_sigma = sigmas[step + 1]
        sample, sigma = scheduler.add_churn(sample, sigmas[step], num_inference_steps, generator)
        slope = (sample - denoiser(sample, sigma)) / sigma
        reached = scheduler.step(slope, sample, sigma, next_sigma)
        if next_sigma > 0:
            slope_there = (reached - denoiser(reached, next_sigma)) / next_sigma
            reached = scheduler.step((slope + slope_there) / 2, sample, sigma, next_sigma)
        sample = reached
    return sample
