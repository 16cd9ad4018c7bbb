"""What every inpainting pipeline shares."""

import os
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import Tensor
from typing_extensions import Self

from ..models.registration import write_pipeline_code
from ..signals.arrays import Method, Waveform


class InpaintingPipeline(DiffusionPipeline):
    """Base of the pipelines: loading in float32, and folders that load by themselves."""

    # diffusers' dict, whose items are attributes.
    config: Any

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **kwargs: Any) -> Self:
        """As [`~diffusers.DiffusionPipeline.from_pretrained`], in float32 unless told otherwise by `dtype`."""
        if not {"dtype", "torch_dtype"} & kwargs.keys():
            kwargs["dtype"] = torch.float32
        return super().from_pretrained(pretrained_model_name_or_path, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """
        As [`~diffusers.DiffusionPipeline.save_pretrained`], with a `pipeline.py` by which `DiffusionPipeline` loads
        the folder without `import aidd`.
        """
        base = next(one for one in type(self).__mro__ if one.__module__.startswith(__package__))
        write_pipeline_code(save_directory, type(self).__name__, base.__name__)
        super().save_pretrained(save_directory, *args, **kwargs)

    def as_method(self, **options: Any) -> Method:
        """
        The pipeline as a method, a function `method(audio, mask, *, sampling_rate, generator=None) -> audio`.

        Args:
            options: of the pipeline's call, such as `num_variations`.
        """

        def method(
            audio: Waveform,
            mask: np.ndarray | Tensor,
            *,
            sampling_rate: int,
            generator: torch.Generator | None = None,
        ) -> Waveform:
            return self(audio, mask, sampling_rate=sampling_rate, generator=generator, **options).audios

        return method
