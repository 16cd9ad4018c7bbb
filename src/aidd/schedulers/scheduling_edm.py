"""What samplers over the noise levels of EDM (Karras et al. 2022, arXiv:2206.00364) share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor


# D(x; sigma): from `(batch, ...)` to the mean of the clean samples that it may come from, or what guides towards those
# that are wanted.
Denoiser = Callable[[Tensor, float], Tensor]
# One for the batch, or one for each item, whose sample is then that which it has alone.
Generators = torch.Generator | list[torch.Generator] | None


def karras_sigmas(position: Tensor, sigma_min: float, sigma_max: float, rho: float) -> Tensor:
    """
    Noise levels (s_max^(1/rho) + u (s_min^(1/rho) - s_max^(1/rho)))^rho at positions u from 0, the strongest noise, to
    1, the weakest (equation 5 of the paper).
    """
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return (high + torch.as_tensor(position) * (low - high)) ** rho


class EDMScheduler(SchedulerMixin, ConfigMixin):
    """
    Base of the samplers. A subclass has a configuration with `sigma_min`, `sigma_max` and `rho`, and [`step`]. One can
    take the place of another: `pipe.scheduler = EDMHeunScheduler.from_config(pipe.scheduler.config)`.
    """

    # diffusers' classes disagree on its type.
    config_name: Any
    # Diffusers annotates no class variable.
    _compatibles = ["EDMAncestralScheduler", "EDMHeunScheduler"]  # noqa: RUF012

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
        """
        A step from one level to the next.

        Args:
            denoiser: D(x; sigma).
            sample: x, `(batch, ...)`, of level `sigma`.
            sigma, next_sigma: the levels; the next one may be 0.
            num_inference_steps: of all steps.
            generator: one for the batch, or one for each item.

        Returns:
            The sample at the next level.
        """
        raise NotImplementedError

    def check_levels(self, sigma_min: float, sigma_max: float, rho: float) -> None:
        """Raises `ValueError` for levels that do not fall, or a rho that is not positive."""
        if not 0 < sigma_min < sigma_max < math.inf or not 0 < rho < math.inf:
            raise ValueError(
                f"expected 0 < sigma_min < sigma_max and rho above 0, got {sigma_min}, {sigma_max} and {rho}"
            )

    def noise_levels(self, num_inference_steps: int) -> Tensor:
        """
        Levels that the steps lead from and to: float64 `(num_inference_steps + 1,)`, the last of them 0.

        Raises:
            ValueError: fewer than two steps.
        """
        number = num_inference_steps
        if isinstance(number, bool) or not isinstance(number, int) or number < 2:
            raise ValueError(f"num_inference_steps must be an integer of at least 2, got {number!r}")
        config, positions = self.config, torch.linspace(0, 1, number, dtype=torch.float64)
        sigmas = karras_sigmas(positions, config["sigma_min"], config["sigma_max"], config["rho"])
        return torch.cat([sigmas, sigmas.new_zeros(1)])

    def sample(
        self,
        denoiser: Denoiser,
        shape: Sequence[int],
        *,
        num_inference_steps: int,
        generator: Generators = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    ) -> Tensor:
        """
        Draws samples, from noise of the strongest level down.

        Args:
            denoiser: D(x; sigma).
            shape: (batch, ...).
            num_inference_steps: number of steps, 2 or more.
            generator: one for the batch, or one for each item.
            device, dtype: of the samples.
            progress: wraps the sequence of steps, such as `tqdm` or a pipeline's `progress_bar`.

        Returns:
            `shape`, clean.
        """
        sigmas = self.noise_levels(num_inference_steps).tolist()
        sample = sigmas[0] * randn_tensor(tuple(shape), generator, device=torch.device(device), dtype=dtype)
        for step in progress(range(num_inference_steps)):
            sample = self.step(
                denoiser,
                sample,
                sigmas[step],
                sigmas[step + 1],
                num_inference_steps=num_inference_steps,
                generator=generator,
            )
        return sample
