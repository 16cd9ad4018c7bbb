"""Entropy-bounded unmasking of masked diffusion (Ben-Hamu et al. 2025, arXiv:2505.24857)."""

import math
from typing import Any

import torch
from torch import Tensor

from ..models.decorators import register_to_config
from .sampling import RandomSource, in_parts, uniform
from .scheduling_masked_discrete import MaskedDiscreteScheduler
from .scheduling_utils import DiscreteSchedulerOutput, check_step_inputs


def entropies(log_probs: Tensor) -> Tensor:
    """Entropy in nats, float64 `(...)`, of log-probabilities `(..., codes)`, normalised or not."""
    return torch.special.entr(log_probs.double().softmax(-1)).sum(-1)


def accept_within_bound(entropy: Tensor, missing: Tensor, bound: float) -> Tensor:
    """
    The largest set of missing tokens, of the lowest entropies, whose sum without the largest is at most `bound`.

    Args:
        entropy: float, `(batch, tokens)`, in nats; values at tokens that are not missing are not read.
        missing: bool, `(batch, tokens)`.
        bound: bound in nats, at least 0.

    Returns:
        bool, `(batch, tokens)`: at least one token of every row that misses any. Of equal ones, the first.
    """
    ordered, order = entropy.masked_fill(~missing, torch.inf).sort(dim=-1, stable=True)
    # In ascending order each is the largest so far: what comes before it is the sum without the largest.
    before = torch.nn.functional.pad(ordered.cumsum(-1)[:, :-1], (1, 0))
    accepted = (before <= bound) & ordered.isfinite()
    return torch.zeros_like(missing).scatter(-1, order, accepted)


class MaskedEntropyBoundScheduler(MaskedDiscreteScheduler):
    r"""
    Unmasks several tokens in one call of the network where that can do little harm: those of the lowest entropies
    H_1 <= H_2 <= ..., as many as keep

        H_1 + ... + H_k - max(H_1, ..., H_k) <= entropy_bound,

    each drawn on its own from its conditional. For conditionals of one joint law, the left side bounds the divergence
    of that law of the k tokens from the product that they are drawn from. So an ideal network is sampled exactly at
    bound 0, one token a call (and all that are certain), and nearly so at small bounds.

    Which tokens are unmasked depends on the visible tokens through the network's prediction, never on what is drawn,
    which would distort the law. `temperature` and `top_p` shape the draw of a code and leave the choice of tokens
    alone.

    The network is called at most once for each missing token; when nothing is missing any more, stop. A network that
    is conditioned on time gets the time of the next hit in [`MaskedDiscreteScheduler`]: tokens unmasked together use
    up as many hitting times.

    Args:
        entropy_bound (`float`, defaults to 5.0):
            Bound in nats, finite and at least 0. Codes of music are uncertain: the default halves the calls of the
            default model, and 1 hardly saves it any.
        temperature (`float`, defaults to 1.0): Temperature of the draws of codes, above 0.
        top_p (`float`, defaults to 1.0): Probability mass that the draws of codes are restricted to, in (0, 1].
    """

    @register_to_config
    def __init__(self, entropy_bound: float = 5.0, temperature: float = 1.0, top_p: float = 1.0):
        if not 0 <= entropy_bound < math.inf:
            raise ValueError(f"entropy_bound must be finite and at least 0, got {entropy_bound}")
        # By name: diffusers takes what is passed by position for defaults, which `from_config` drops.
        super().__init__(temperature=temperature, top_p=top_p)

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
        Unmasks the tokens that the bound allows, at least one in each row that misses any, and moves the times of
        each row's later hits up in `timesteps`.

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
        entropy = torch.zeros(sample.shape, dtype=torch.float64, device=sample.device)
        entropy[missing] = in_parts(entropies, model_output[missing])
        if not entropy.isfinite().all():
            raise ValueError("a distribution over codes must hold no NaN and at least one possible code")
        chosen = accept_within_bound(entropy, missing, self.config.entropy_bound)
        draws = uniform(sample.shape, generator, sample.device)
        self._pass_over(index, chosen.sum(-1))
        return self._unmask(model_output, sample, missing, chosen, draws[chosen], return_dict)

    def _pass_over(self, index: int, num_hits: Tensor) -> None:
        """Moves the times after row `index` up by the hits `(batch,)` beyond the first, in place: loops hold views."""
        rows = torch.arange(len(self.timesteps), device=self.timesteps.device)[:, None]
        moved = torch.where(rows > index, rows + (num_hits - 1).clamp(min=0), rows)
        self.timesteps.copy_(self.timesteps.gather(0, moved.clamp(max=len(self.timesteps) - 1)))
