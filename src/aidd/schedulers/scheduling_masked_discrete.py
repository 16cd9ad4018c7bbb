"""First-hitting sampling of masked diffusion (Zheng et al. 2024, arXiv:2409.02908)."""

from typing import Any

import torch
from torch import Tensor

from ..models.decorators import register_to_config
from .process import LogLinearSchedule
from .sampling import RandomSource, uniform
from .scheduling_utils import DiscreteSchedulerMixin, DiscreteSchedulerOutput, check_num_missing, check_step_inputs


class MaskedDiscreteScheduler(DiscreteSchedulerMixin):
    """
    First-hitting sampler: draws the times at which tokens are unmasked from their exact law, and calls the network
    once for each. It samples the continuous-time reverse process of log-linear noise exactly, in as many calls as
    tokens are missing: a number of steps cannot be chosen.

    A score network is used for the conditionals of codes only: the rate of unmasking is the true one, not the learned.

    Args:
        temperature (`float`, defaults to 1.0): Temperature of the draws of codes, above 0.
        top_p (`float`, defaults to 1.0): Probability mass that the draws of codes are restricted to, in (0, 1].
    """

    @register_to_config
    def __init__(self, temperature: float = 1.0, top_p: float = 1.0):
        super().__init__(temperature, top_p, LogLinearSchedule())

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        *,
        num_missing: Tensor,
        generator: RandomSource = None,
        device: torch.device | str | None = None,
    ) -> None:
        """
        Draws the hitting times: from t = 1, with n tokens still masked, t <- t u^(1/n) with u uniform.

        Sets `timesteps`, float64 `(max(num_missing), batch)`, and `num_inference_steps`, their number. Entry (k, b) is
        the time at which the network is evaluated for the k-th hit of row b. A row with fewer missing tokens than
        others is hit in the first steps and idle in the last, where its time stands still.

        Args:
            num_inference_steps: must be None.
            num_missing: int64, `(batch,)`, tokens to generate in each row.
            generator: as in [`uniform`]; the times of a row alone equal those in a batch of equal `max(num_missing)`.
            device: device of the times, that of `num_missing` by default.

        Raises:
            ValueError: a number of steps, or counts of another shape, type or sign.
        """
        if num_inference_steps is not None:
            raise ValueError(
                f"{type(self).__name__} takes one step for each missing token at most, and no num_inference_steps "
                f"(got {num_inference_steps}). To choose the number of steps, use "
                "ThetaTrapezoidalScheduler or TauLeapingScheduler.from_config(scheduler.config)."
            )
        check_num_missing(num_missing)
        device = num_missing.device if device is None else torch.device(device)
        num_missing = num_missing.to(device)
        steps = torch.arange(int(num_missing.max()), device=device)
        still_masked = num_missing[:, None] - steps
        draws = uniform((len(num_missing), len(steps)), generator, device)
        log_ratios = torch.where(still_masked > 0, torch.log1p(-draws) / still_masked.clamp(min=1), 0)
        self.timesteps = log_ratios.cumsum(-1).exp().T
        self.num_inference_steps = len(steps)

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        *,
        missing: Tensor,
        generator: RandomSource = None,
        return_dict: bool = True,
    ) -> DiscreteSchedulerOutput | Any:
        """
        Unmasks one token, chosen uniformly among the missing ones, in each row that has any.

        Args:
            model_output (`torch.FloatTensor` of shape `(batch_size, num_tokens, codebook_size)`):
                log p(x0 = y | visible tokens), normalised or not, `-inf` at codes that cannot be generated.
            timestep (`torch.FloatTensor` of shape `(batch_size,)`):
                Row of `timesteps`. Time acts through the network only: the step does not depend on it.
            sample (`torch.LongTensor` of shape `(batch_size, num_tokens)`): Codes.
            missing (`torch.BoolTensor` of shape `(batch_size, num_tokens)`): True at tokens that are still masked.
            generator: As in [`uniform`].
            return_dict: False returns the output's fields as a tuple.

        Raises:
            ValueError: inputs of other shapes or types, or a prediction that holds NaN or no possible code.
        """
        check_step_inputs(model_output, timestep, sample, missing)
        which, codes = uniform((len(sample), 2), generator, sample.device).unbind(-1)
        rank = 1 + (which * missing.sum(-1)).long()
        chosen = missing & (missing.cumsum(-1) == rank[:, None])
        return self._unmask(model_output, sample, missing, chosen, codes[missing.any(-1)], return_dict)
