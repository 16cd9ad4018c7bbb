"""The options that every pipeline is called with, checked once and carried as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.pipelines.pipeline_utils import AudioPipelineOutput, DiffusionPipeline
from torch import Tensor


SELECTIONS = ("agreement", "ranked")
OUTPUT_TYPES = ("np", "pt")


@dataclass(frozen=True)
class CallOptions:
    """
    Args:
        num_variations: how many fillings are drawn, at least 1.
        select: what orders the fillings of each gap, the best first: `"agreement"` or `"ranked"`, see
            [`~aidd.splice.filling.fill_gaps`]; None leaves them as they were drawn.
        steps: of the sampler, in the form in which the pipeline's takes them; None leaves them to it.
        generator: of the draws, or a list of one for each variation.
        output_type: `"np"`, `"pt"`, or None for the type of the audio.
        return_dict: whether an output object or a tuple is returned.
        callback_on_step_end: called as `callback(pipeline, step, timestep, tensors)`; returns tensors to go on with.
        callback_on_step_end_tensor_inputs: names of the tensors that the callback gets.

    Raises:
        ValueError: unknown values and contradictory combinations, with what was expected and what came.
    """

    num_variations: int = 1
    select: str | None = None
    steps: Any = None
    generator: torch.Generator | list[torch.Generator] | None = None
    output_type: str | None = None
    return_dict: bool = True
    callback_on_step_end: Callable[..., dict[str, Tensor]] | None = None
    callback_on_step_end_tensor_inputs: Sequence[str] = ()

    def __post_init__(self) -> None:
        number, generator = self.num_variations, self.generator
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"num_variations must be an integer of at least 1, got {number!r}")
        if not all(one is None or isinstance(one, torch.Generator) for one in self.generators):
            raise ValueError(
                f"generator must be a torch.Generator, or a list of one for each variation, got {generator!r}"
            )
        if isinstance(generator, list) and len(generator) != number:
            raise ValueError(f"expected {number} generators, one for each variation, got {len(generator)}")
        if self.output_type not in (None, *OUTPUT_TYPES):
            raise ValueError(f"output_type must be 'np', 'pt' or None (that of the audio), got {self.output_type!r}")
        if self.select not in (None, *SELECTIONS):
            raise ValueError(f"select must be 'agreement', 'ranked' or None, got {self.select!r}")

    @property
    def generators(self) -> list[torch.Generator | None]:
        """One for each variation; several may be the same, and draw one after another."""
        return list(self.generator) if isinstance(self.generator, list) else [self.generator] * self.num_variations

    def check_tensor_inputs(self, known: Sequence[str]) -> None:
        """Raises `ValueError` if the callback asks for tensors other than these."""
        unknown = set(self.callback_on_step_end_tensor_inputs) - set(known)
        if unknown:
            raise ValueError(f"callback_on_step_end_tensor_inputs must be among {known}, got {unknown}")

    def call_back(
        self,
        pipeline: DiffusionPipeline,
        step: int,
        timestep: Tensor,
        tensors: dict[str, Tensor],
        *,
        changeable: Sequence[str],
    ) -> dict[str, Tensor]:
        """
        Calls the callback, if there is one, at the end of a step.

        Args:
            pipeline, step, timestep: given to the callback.
            tensors: by name, those that it may ask for.
            changeable: names of those that it may return.

        Returns:
            What it returned, nothing without a callback.

        Raises:
            ValueError: the callback returned something else.
        """
        if self.callback_on_step_end is None:
            return {}
        inputs = {name: tensors[name] for name in self.callback_on_step_end_tensor_inputs}
        changed = self.callback_on_step_end(pipeline, step, timestep, inputs)
        if not isinstance(changed, dict) or changed.keys() - set(changeable):
            raise ValueError(
                f"callback_on_step_end must return a dict of tensors among {sorted(changeable)}, got {changed!r}"
            )
        return changed

    def as_output(self, audios: Any) -> Any:
        """Converts audio, array or tensor, to `output_type` and wraps it as `return_dict` says."""
        if self.output_type == "np" and isinstance(audios, Tensor):
            audios = audios.cpu().numpy()
        elif self.output_type == "pt":
            audios = torch.as_tensor(audios)
        return AudioPipelineOutput(audios) if self.return_dict else (audios,)
