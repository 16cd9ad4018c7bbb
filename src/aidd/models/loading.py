"""Loading that refuses weights which do not fill the model, and digests by which weights are known."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


if TYPE_CHECKING:
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline
    from typing_extensions import Self


class CompleteLoadingMixin(PreTrainedModel):
    """
    `from_pretrained` that raises where transformers would warn: a model some of whose layers are left at random
    initial values, or whose folder holds weights it has no use for, is not the model that was saved.
    """

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike | None,
        *model_args: Any,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Self | Any:
        """
        As [`~transformers.PreTrainedModel.from_pretrained`], from safetensors unless `use_safetensors` says otherwise.

        Raises:
            ValueError: tensors that the configuration asks for and the weights lack, or the other way round.
        """
        kwargs.setdefault("use_safetensors", True)
        # This is a pair, which transformers' annotation does not say.
        loaded: Any = super().from_pretrained(
            pretrained_model_name_or_path, *model_args, output_loading_info=True, **kwargs
        )
        model, info = loaded
        check_complete(pretrained_model_name_or_path, info)
        return (model, info) if output_loading_info else model


def check_complete(source: str | os.PathLike | None, info: Mapping[str, Any]) -> None:
    """
    Checks what `from_pretrained` reports with `output_loading_info=True`.

    Raises:
        ValueError: tensors that the configuration asks for and the weights lack, or the other way round.
    """
    missing, unexpected = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing or unexpected:
        raise ValueError(
            f"{source}: configuration and weights do not belong together: the weights lack {len(missing)} tensors "
            f"({', '.join(missing[:3])}), and hold {len(unexpected)} others ({', '.join(unexpected[:3])})"
        )


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256, in hexadecimal, of the names and bytes of tensors, as of a `state_dict`, in the names' order."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def rounded_digest(weights: Mapping[str, Tensor]) -> str:
    """
    [`weights_digest`] of the weights rounded to bfloat16: the same for a model in float32 and for the copy of it that
    a pipeline was saved with in bfloat16.
    """
    return weights_digest(
        {name: value.bfloat16() if value.is_floating_point() else value for name, value in weights.items()}
    )


def pipeline_digest(pipe: DiffusionPipeline) -> str:
    """[`weights_digest`] of all networks of a pipeline, as they were loaded, whatever their type."""
    networks = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
    return weights_digest(
        {f"{name}.{key}": value for name, part in networks.items() for key, value in part.state_dict().items()}
    )
