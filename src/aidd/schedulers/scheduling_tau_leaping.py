"""Tau-leaping with the analytic (Tweedie) step, the sampler of SEDD and AIDD."""

from typing import Any

import torch
from torch import Tensor

from ..models.decorators import register_to_config
from .process import GeometricSchedule, LogLinearSchedule
from .sampling import RandomSource, in_parts, uniform
from .scheduling_utils import DiscreteSchedulerMixin, DiscreteSchedulerOutput, check_num_missing, check_step_inputs


SCHEDULES = {"loglinear": LogLinearSchedule, "geometric": GeometricSchedule}


def unmasking_fraction(t: Tensor, t_next: Tensor, schedule: LogLinearSchedule | GeometricSchedule) -> Tensor:
    r"""
    Probability that a token masked at time t is unmasked by t_next <= t:

        (e^dsigma - 1) / (e^sigma(t) - 1) = (m(t) - m(t_next)) / m(t),    dsigma = sigma(t) - sigma(t_next).
    """
    masked = schedule.masked_fraction(t)
    return (masked - schedule.masked_fraction(t_next)) / masked


def transition_probs(
    log_probs: Tensor, t: Tensor, t_next: Tensor, schedule: LogLinearSchedule | GeometricSchedule
) -> tuple[Tensor, Tensor]:
    """
    Law of one analytic step of a masked token (SEDD, Lou et al. 2024, arXiv:2310.16834, theorem 4.2).

    Args:
        log_probs: `(batch, tokens, codes)`, log p_y; from a score network, log s_y + log(e^sigma - 1).
        t, t_next: float, `(batch,)`, with t_next <= t.
        schedule: noise schedule.

    Returns:
        P(y), `(batch, tokens, codes)`, and P(stay masked), `(batch, tokens)`, which is negative where the learned rate
        of unmasking is too large for the step: such a token does not stay.
    """
    probs = unmasking_fraction(t, t_next, schedule)[:, None, None] * log_probs.exp()
    return probs, 1 - probs.sum(-1)


class TauLeapingScheduler(DiscreteSchedulerMixin):
    """
    Analytic sampler of SEDD (arXiv:2310.16834), which AIDD uses (arXiv:2507.08333): at each of K equal steps of time,
    every missing token is unmasked with probability [`unmasking_fraction`] times the sum of its prediction, on its
    own; a last call resolves those that remain. Its error vanishes as 1 / K.

    `temperature` and `top_p` shape the draw of a code and leave the probability of unmasking alone.

    Args:
        temperature (`float`, defaults to 1.0): Temperature of the draws of codes, above 0.
        top_p (`float`, defaults to 1.0): Probability mass that the draws of codes are restricted to, in (0, 1].
        schedule (`str`, defaults to `"loglinear"`): `"loglinear"` or `"geometric"`, as in the network's training.
        eps (`float`, defaults to 1e-5): Time of the last call, in (0, 1).
    """

    @register_to_config
    def __init__(self, temperature: float = 1.0, top_p: float = 1.0, schedule: str = "loglinear", eps: float = 1e-5):
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {sorted(SCHEDULES)}, got {schedule!r}")
        if not 0 < eps < 1:
            raise ValueError(f"eps must lie in (0, 1), got {eps}")
        super().__init__(temperature, top_p, SCHEDULES[schedule]())

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        *,
        num_missing: Tensor,
        generator: RandomSource = None,
        device: torch.device | str | None = None,
    ) -> None:
        """
        Sets `timesteps`, float64 `(num_inference_steps + 1, batch)`, equally spaced from 1 to eps, and
        `num_inference_steps`. The network is called once at each; at the last, every missing token is resolved.

        Args:
            num_inference_steps: K, at least 1. None is 1024, as in the original code.
            num_missing: int64, `(batch,)`, tokens to generate in each row. The times do not depend on it.
            generator: not drawn from: the times are not random.
            device: device of the times, that of `num_missing` by default.

        Raises:
            ValueError: fewer than 1 step, or counts of another shape, type or sign.
        """
        num_inference_steps = 1024 if num_inference_steps is None else num_inference_steps
        if num_inference_steps < 1:
            raise ValueError(f"num_inference_steps must be at least 1, got {num_inference_steps}")
        check_num_missing(num_missing)
        device = num_missing.device if device is None else torch.device(device)
        times = torch.linspace(1, self.config.eps, num_inference_steps + 1, dtype=torch.float64, device=device)
        self.timesteps = times[:, None].repeat(1, len(num_missing))
        self.num_inference_steps = num_inference_steps

    def unmasking_fraction(self, t: Tensor, t_next: Tensor) -> Tensor:
        """Probability of unmasking in a step from t to t_next, `(batch,)`, where the prediction is normalised."""
        return unmasking_fraction(t, t_next, self.schedule)

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
        Takes a step from `timestep` to the next; at the last, all that is missing is unmasked.

        Whether a token is unmasked is drawn first, by the sum of its probabilities, then its code from their
        conditional. That is the categorical law over the codes and the mask.

        Args:
            model_output (`torch.FloatTensor` of shape `(batch_size, num_tokens, codebook_size)`):
                log p(x0 = y | visible tokens), normalised or not, `-inf` at codes that cannot be generated.
            timestep (`torch.FloatTensor` of shape `(batch_size,)`): Row of `timesteps`.
            sample (`torch.LongTensor` of shape `(batch_size, num_tokens)`): Codes.
            missing (`torch.BoolTensor` of shape `(batch_size, num_tokens)`): True at tokens that are still masked.
            generator: As in [`uniform`].
            return_dict: False returns the output's fields as a tuple.

        Raises:
            ValueError: inputs of other shapes or types, a time that is not a row of `timesteps`, or a prediction that
                holds NaN or no possible code.
        """
        check_step_inputs(model_output, timestep, sample, missing)
        index = self._index_of(timestep)
        whether, codes = uniform((*sample.shape, 2), generator, sample.device).unbind(-1)
        chosen = missing
        if index + 1 < len(self.timesteps):
            fraction = self.unmasking_fraction(timestep, self.timesteps[index + 1])
            mass = in_parts(lambda log_probs: log_probs.double().exp().sum(-1), model_output[missing])
            chosen = missing.clone()
            chosen[missing] = whether[missing] < fraction[:, None].expand_as(missing)[missing] * mass
        return self._unmask(model_output, sample, missing, chosen, codes[chosen], return_dict)
