"""Base class, output and checks of the schedulers of masked discrete diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils import BaseOutput
from torch import Tensor

from .process import GeometricSchedule, LogLinearSchedule, independent_mask
from .sampling import RandomSource, in_parts, sample_categorical, shape_log_probs


if TYPE_CHECKING:
    import os

    from typing_extensions import Self


@dataclass
class DiscreteSchedulerOutput(BaseOutput):
    """
    Args:
        prev_sample (`torch.LongTensor` of shape `(batch_size, num_tokens)`): Codes, those drawn in this step included.
        prev_missing (`torch.BoolTensor` of shape `(batch_size, num_tokens)`): True at tokens that are still masked.
        pred_logits (`torch.FloatTensor` of shape `(batch_size, num_tokens, codebook_size)`):
            The distribution that codes are drawn from, normalised or not: the prediction, shaped by `temperature`
            and `top_p`, in its type. At tokens that were not missing, nothing is drawn from it.
        sampled_tokens (`torch.LongTensor` of shape `(batch_size, num_tokens)`):
            Codes drawn in this step, -1 where none was.
    """

    prev_sample: Tensor
    prev_missing: Tensor
    pred_logits: Tensor
    sampled_tokens: Tensor


class DiscreteSchedulerMixin(SchedulerMixin, ConfigMixin):
    """
    Base of the schedulers. A subclass chooses in `step` which tokens are unmasked; their codes are drawn here, from
    the prediction shaped by `temperature` and `top_p`. Tokens that are not missing never change.

    Masked tokens are marked by a boolean tensor and not by an id: every id of a codebook may be a real code. Values of
    a sample at missing tokens are never read.
    """

    # diffusers' classes disagree on its type.
    config_name: Any
    order = 1

    schedule: LogLinearSchedule | GeometricSchedule
    timesteps: Tensor
    num_inference_steps: int | None
    # diffusers' dict, whose items are attributes.
    config: Any

    def __init__(self, temperature: float, top_p: float, schedule: LogLinearSchedule | GeometricSchedule):
        if not 0 < temperature < float("inf"):
            raise ValueError(f"temperature must be finite and above 0, got {temperature}")
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p must lie in (0, 1], got {top_p}")
        self.schedule = schedule
        self.timesteps = torch.empty(0, 0, dtype=torch.float64)
        self.num_inference_steps = None

    # `Any` stands for the tuple that is returned on demand: callers that do not ask for it need not rule it out.
    if TYPE_CHECKING:

        @classmethod
        def from_config(
            cls, config: dict[str, Any] = ..., return_unused_kwargs: bool = ..., **kwargs: Any
        ) -> Self | Any: ...

        @classmethod
        def from_pretrained(
            cls,
            pretrained_model_name_or_path: str | os.PathLike | None = ...,
            subfolder: str | None = ...,
            return_unused_kwargs: bool = ...,
            **kwargs: Any,
        ) -> Self | Any: ...

    @classmethod
    def _get_compatibles(cls) -> list[type]:
        # diffusers would look for names in its own namespace. `from_config` sets arguments of these siblings aside.
        found: list[type] = [DiscreteSchedulerMixin]
        for one in found:
            found.extend(one.__subclasses__())
        return found[1:]

    def __len__(self) -> int:
        """Number of calls of the network, at most; 0 before `set_timesteps`."""
        return len(self.timesteps)

    def scale_model_input(self, sample: Tensor, timestep: Tensor | None = None) -> Tensor:
        """Returns the sample: tokens have no scale."""
        return sample

    def add_noise(self, original_samples: Tensor, timesteps: Tensor, generator: RandomSource = None) -> Tensor:
        """
        The forward process: masks every token with probability m(t), on its own.

        Args:
            original_samples: int64, `(batch, tokens)`; only their shape is read.
            timesteps: float, `(batch,)`, in [0, 1].
            generator: as in [`uniform`].

        Returns:
            `missing`, bool, `(batch, tokens)`, True at masked tokens: a mask, not a sample with a mask id in it.
        """
        batch_size, num_tokens = original_samples.shape
        if timesteps.shape != (batch_size,):
            raise ValueError(f"timesteps must have shape ({batch_size},), got {tuple(timesteps.shape)}")
        return independent_mask(self.schedule.masked_fraction(timesteps), num_tokens, generator)

    def _index_of(self, timestep: Tensor) -> int:
        """The row of `timesteps` that is equal to this; the first of several."""
        if self.timesteps.shape[1:] == timestep.shape:
            matches = (self.timesteps == timestep).all(-1).nonzero()
            if len(matches):
                return int(matches[0])
        raise ValueError(
            f"timestep must be a row of scheduler.timesteps, which have shape {tuple(self.timesteps.shape)} since "
            f"set_timesteps was last called; got {timestep.tolist()}"
        )

    def _unmask(
        self,
        model_output: Tensor,
        sample: Tensor,
        missing: Tensor,
        chosen: Tensor,
        uniforms: Tensor,
        return_dict: bool,
    ) -> DiscreteSchedulerOutput | tuple[Tensor, ...]:
        """Draws the chosen tokens, bool `(batch, tokens)`, by inversion of their uniforms, `(number of chosen,)`."""

        def draw(log_probs: Tensor, uniforms: Tensor) -> Tensor:
            return sample_categorical(self._shape(log_probs), uniforms)

        codes = in_parts(draw, model_output[chosen], uniforms)
        # Without `top_p`, as cheap as it can be: the draws are shaped in float64, which all tokens need not be.
        whole = self.config.top_p == 1
        pred_logits = model_output / self.config.temperature if whole else self._shape(model_output).to(model_output)
        return self._put(pred_logits, sample, missing, chosen, codes, return_dict)

    def _shape(self, log_probs: Tensor) -> Tensor:
        """Normalised log-probabilities `(..., codes)`, shaped by `temperature` and `top_p`."""
        return shape_log_probs(log_probs, self.config.temperature, self.config.top_p)

    def _put(
        self,
        pred_logits: Tensor,
        sample: Tensor,
        missing: Tensor,
        chosen: Tensor,
        codes: Tensor,
        return_dict: bool,
    ) -> DiscreteSchedulerOutput | tuple[Tensor, ...]:
        """The output of a step that drew codes `(number of chosen,)` for the chosen tokens, bool `(batch, tokens)`."""
        sampled_tokens = torch.full_like(sample, -1)
        sampled_tokens[chosen] = codes
        output = DiscreteSchedulerOutput(
            prev_sample=torch.where(chosen, sampled_tokens, sample),
            prev_missing=missing & ~chosen,
            pred_logits=pred_logits,
            sampled_tokens=sampled_tokens,
        )
        return output if return_dict else output.to_tuple()


def check_step_inputs(model_output: Tensor, timestep: Tensor, sample: Tensor, missing: Tensor) -> None:
    """Raises a ValueError unless the shapes and types are those that `step` documents."""
    if sample.ndim != 2 or sample.dtype != torch.int64:
        raise ValueError(f"sample must be int64 of shape (batch, tokens), got {sample.dtype} of {tuple(sample.shape)}")
    if missing.shape != sample.shape or missing.dtype != torch.bool:
        raise ValueError(
            f"missing must be bool of the sample's shape {tuple(sample.shape)}, "
            f"got {missing.dtype} of {tuple(missing.shape)}"
        )
    if model_output.ndim != 3 or model_output.shape[:2] != sample.shape:
        raise ValueError(
            f"model_output must have shape ({sample.shape[0]}, {sample.shape[1]}, codebook_size), "
            f"got {tuple(model_output.shape)}"
        )
    if timestep.shape != sample.shape[:1]:
        raise ValueError(
            f"timestep must be a row of scheduler.timesteps, of shape ({len(sample)},), got {tuple(timestep.shape)}"
        )


def check_num_missing(num_missing: Tensor) -> None:
    """Raises a ValueError unless these are counts, int64 `(batch,)`."""
    if num_missing.ndim != 1 or num_missing.dtype != torch.int64 or len(num_missing) == 0:
        raise ValueError(
            f"num_missing must be int64 of shape (batch,), got {num_missing.dtype} of {tuple(num_missing.shape)}"
        )
    if (num_missing < 0).any():
        raise ValueError(f"num_missing must not be negative, got {num_missing.tolist()}")
