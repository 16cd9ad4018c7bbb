"""How pipelines load unless they are told otherwise: in float32, and running nothing that a model brings."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import pipelines
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES
from diffusers.pipelines.pipeline_utils import DiffusionPipeline


# Arguments of `from_pretrained` that say where files come from.
HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "revision", "token")


def loading_arguments(source: str | os.PathLike, given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Arguments that a pipeline is loaded with: in float32 unless `dtype` says otherwise, from safetensors unless
    `use_safetensors` does, and without code of the model's own unless `trust_remote_code` does.

    Args:
        source: folder or Hub id of the pipeline.
        given: arguments of `from_pretrained`.

    Raises:
        OSError: no `model_index.json`.
        ValueError: as [`check_parts`].
    """
    if not given.get("trust_remote_code"):
        hub_arguments = {name: given[name] for name in HUB_ARGUMENTS if name in given}
        # A dictionary alone, which diffusers' annotation does not say.
        config: Any = DiffusionPipeline.load_config(source, **hub_arguments)
        check_parts(source, config)
    dtype = {} if {"dtype", "torch_dtype"} & given.keys() else {"dtype": torch.float32}
    return {"use_safetensors": True, **dtype, **given}


def check_parts(source: str | os.PathLike, config: Mapping[str, Any]) -> None:
    """
    Refuses a pipeline with parts of modules that nobody has imported. Importing a module runs it, and
    `model_index.json` may name any that Python finds, in the current folder too; diffusers imports it before 0.42.

    Args:
        source: folder or Hub id of the pipeline.
        config: content of its `model_index.json`.

    Raises:
        ValueError: a class of the pipeline that is given with a module, or such a part.
    """
    class_name = config.get("_class_name")
    if not isinstance(class_name, str):
        raise ValueError(
            f"{source}: expected the name of a pipeline's class, got {class_name!r}, which asks for code of the "
            "model's own; it is imported with trust_remote_code=True alone"
        )
    for name, part in config.items():
        if name.startswith("_") or not isinstance(part, list | tuple) or len(part) != 2 or part[0] is None:
            continue
        library = part[0]
        if not isinstance(library, str) or not (
            library in LOADABLE_CLASSES or hasattr(pipelines, library) or library in sys.modules
        ):
            raise ValueError(
                f"{source}: expected {name} to be a part of {', '.join(LOADABLE_CLASSES)}, got one of {library}; a "
                "module of yours has to be imported before the pipeline is loaded"
            )
