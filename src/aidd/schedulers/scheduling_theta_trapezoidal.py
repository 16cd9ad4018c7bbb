"""The theta-trapezoidal sampler of discrete diffusion (Ren et al. 2025, arXiv:2502.00234)."""

from typing import Any

import torch
from torch import Tensor

from ..models.decorators import register_to_config
from .process import LogLinearSchedule
from .sampling import RandomSource, sample_categorical, uniform
from .scheduling_utils import DiscreteSchedulerMixin, DiscreteSchedulerOutput, check_num_missing, check_step_inputs


def extrapolate(first: Tensor, second: Tensor, theta: float) -> Tensor:
    r"""
    The law of codes in the second stage of a step,

        (a_1 p* - a_2 p)_+,    a_1 = 1 / (2 theta (1 - theta)),    a_2 = a_1 - 1,

    renormalised where codes were cut off at 0: those whose probability fell below a_2 / a_1 = theta^2 + (1 - theta)^2
    of what it was.

    Args:
        first, second: normalised log p and log p*, `(..., codes)`, of the first stage and the second.
        theta: in (0, 1).

    Returns:
        Log-probabilities, `(..., codes)`.
    """
    rest = theta**2 + (1 - theta) ** 2
    probs = (second.exp() - rest * first.exp()).clamp(min=0)
    return (probs / probs.sum(-1, keepdim=True)).log()


class ThetaTrapezoidalScheduler(DiscreteSchedulerMixin):
    """
    Second-order sampler for fewer calls of the network than tokens are missing: K steps of two calls each.

    A step unmasks the share theta of its tokens in a first stage, by the prediction at its start, then the rest by
    [`extrapolate`] of that and the prediction after the first stage. Which tokens are unmasked when is drawn from the
    true law, each on its own, as in [`MaskedDiscreteScheduler`]; the learned rate of a score network is not used.
    (The original integrates learned rates; where these are true and nothing is cut off, both are the same but for
    higher orders.)

    Codes of tokens unmasked in one step then have the right law in pairs, and the error falls as 1 / K^2, where no
    token drawn in the first stage makes a code of the second less probable than half of what it was
    (theta^2 + (1 - theta)^2 of it in general, least at 1/2). Where tokens are coupled more strongly, codes are cut
    off, and the error falls as 1 / K, as in [`TauLeapingScheduler`].

    Args:
        theta (`float`, defaults to 0.5): Share of a step that the first stage takes, in (0, 1).
        temperature (`float`, defaults to 1.0): Temperature of the draws of codes, above 0.
        top_p (`float`, defaults to 1.0): Probability mass that the draws of codes are restricted to, in (0, 1].
    """

    order = 2

    @register_to_config
    def __init__(self, theta: float = 0.5, temperature: float = 1.0, top_p: float = 1.0):
        if not 0 < theta < 1:
            raise ValueError(f"theta must lie in (0, 1), got {theta}")
        super().__init__(temperature, top_p, LogLinearSchedule())
        self._first_prediction: Tensor | None = None

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        *,
        num_missing: Tensor,
        generator: RandomSource = None,
        device: torch.device | str | None = None,
    ) -> None:
        """
        Sets `timesteps`, float64 `(2 num_inference_steps, batch)`, and `num_inference_steps`: the equally spaced
        starts of the steps from 1 on, each followed by the time of its second stage. The network is called at each.

        Args:
            num_inference_steps: K, at least 1: half the number of calls. Must be given.
            num_missing: int64, `(batch,)`, tokens to generate in each row. The times do not depend on it.
            generator: not drawn from: the times are not random.
            device: device of the times, that of `num_missing` by default.

        Raises:
            ValueError: no number of steps or fewer than 1, or counts of another shape, type or sign.
        """
        if num_inference_steps is None or num_inference_steps < 1:
            raise ValueError(
                "ThetaTrapezoidalScheduler needs num_inference_steps of at least 1, each of two calls, "
                f"got {num_inference_steps}"
            )
        check_num_missing(num_missing)
        device = num_missing.device if device is None else torch.device(device)
        edges = torch.linspace(1, 0, num_inference_steps + 1, dtype=torch.float64, device=device)
        starts = edges[:-1]
        times = torch.stack([starts, starts + self.config.theta * edges.diff()], dim=-1).flatten()
        self.timesteps = times[:, None].repeat(1, len(num_missing))
        self.num_inference_steps = num_inference_steps
        self._first_prediction = None

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
        Takes one stage, from `timestep` to the next; at the last, all that is missing is unmasked. A first stage keeps
        its prediction for the second.

        Args:
            model_output (`torch.FloatTensor` of shape `(batch_size, num_tokens, codebook_size)`):
                log p(x0 = y | visible tokens), normalised or not, `-inf` at codes that cannot be generated.
            timestep (`torch.FloatTensor` of shape `(batch_size,)`): Row of `timesteps`, in their order.
            sample (`torch.LongTensor` of shape `(batch_size, num_tokens)`): Codes.
            missing (`torch.BoolTensor` of shape `(batch_size, num_tokens)`): True at tokens that are still masked.
            generator: As in [`uniform`].
            return_dict: False returns the output's fields as a tuple.

        Raises:
            ValueError: inputs of other shapes or types, a time that is not a row of `timesteps`, a second stage
                without its first, or a prediction that holds NaN or no possible code.
        """
        check_step_inputs(model_output, timestep, sample, missing)
        index = self._index_of(timestep)
        following = self.timesteps[index + 1] if index + 1 < len(self.timesteps) else torch.zeros_like(timestep)
        whether, uniforms = uniform((*sample.shape, 2), generator, sample.device).unbind(-1)
        chosen = missing & (whether < (1 - following / timestep)[:, None])
        log_probs = self._shape(model_output)
        if index % 2 == 0:
            self._first_prediction = model_output
        else:
            first, self._first_prediction = self._first_prediction, None
            if first is None or first.shape != model_output.shape:
                raise ValueError(
                    f"the second stage of a step must follow its first, with a prediction of one shape, got "
                    f"{None if first is None else tuple(first.shape)} and {tuple(model_output.shape)}"
                )
            # Shaped before they are combined: so this converges to the law that one token a call has when shaped.
            log_probs = extrapolate(self._shape(first), log_probs, self.config.theta)
        codes = sample_categorical(log_probs[chosen], uniforms[chosen])
        return self._put(log_probs.to(model_output), sample, missing, chosen, codes, return_dict)
