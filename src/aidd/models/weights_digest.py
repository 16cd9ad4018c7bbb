"""Which weights these are, whatever the folder that they lie in is called."""

import hashlib
from collections.abc import Mapping

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import Tensor, nn


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256, in hexadecimal, of the names and bytes of tensors, as of a `state_dict`, in the names' order."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def rounded_digest(weights: Mapping[str, Tensor]) -> str:
    """
    [`weights_digest`] of the weights rounded to bfloat16: the same of a model in float32 and of the copy of it that a
    pipeline was saved with in bfloat16.
    """
    return weights_digest(
        {name: value.bfloat16() if value.is_floating_point() else value for name, value in weights.items()}
    )


def pipeline_digest(pipe: DiffusionPipeline) -> str:
    """That of the weights of all networks of a pipeline, as they were loaded, whatever their type."""
    networks = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
    return weights_digest(
        {f"{name}.{key}": value for name, part in networks.items() for key, value in part.state_dict().items()}
    )
