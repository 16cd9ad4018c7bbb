"""Safe reading of published checkpoints, and matching their tensors to a model's: shared by the converters."""

import argparse
import pickle
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor
from torch.serialization import safe_globals


# Types of what training loops save with the tensors: learning rates as numpy scalars, pickled by numpy 1 or 2.
_numpy_scalar: Any = np.float64(0).__reduce__()[0]
_HARMLESS_GLOBALS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_numpy_scalar, "numpy.core.multiarray.scalar"),
    (_numpy_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(name)) for name in ("float16", "float32", "float64", "int32", "int64", "bool")),
]


_FLOAT = ("tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"))


class _CoreSchemaLoader(yaml.SafeLoader):
    """PyYAML's safe loader, reading numbers such as `2e-4` as numbers, as YAML 1.2 and OmegaConf do."""

    # By first character, as PyYAML looks its patterns up.
    yaml_implicit_resolvers = yaml.SafeLoader.yaml_implicit_resolvers | {
        first: [*yaml.SafeLoader.yaml_implicit_resolvers.get(first, []), _FLOAT] for first in "-+0123456789"
    }


def read_yaml(path: str | Path) -> dict[str, Any]:
    """
    Reads a configuration file, without executing anything in it.

    Raises:
        ValueError: no YAML, tags that would build objects, or no mapping at the top.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _CoreSchemaLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a YAML file of plain values: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping, got {type(content).__name__}")
    return content


def config_value(config: dict[str, Any], name: str) -> Any:
    """
    Looks up a dotted name, such as `model.hidden_size`.

    Raises:
        ValueError: the configuration has no such entry.
    """
    value = config
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise ValueError(f"the configuration has no entry {name}")
        value = value[key]
    return value


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """
    Reads a file of `torch.save` onto the CPU. Its pickle is never executed: tensors, plain containers and numpy
    scalars are rebuilt, anything else is refused.

    Raises:
        ValueError: no such file, one that holds other objects, or no dictionary.
    """
    try:
        with safe_globals(_HARMLESS_GLOBALS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        culprit = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it asks for {culprit[1]}" if culprit else "it is damaged or no file of torch.save"
        raise ValueError(
            f"{path} was not read: {reason}. Only tensors, plain containers and numpy scalars are rebuilt; "
            "nothing in the file was executed."
        ) from error
    except (RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is damaged or no file of torch.save: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a dictionary, got {type(content).__name__}")
    return content


def select_tensors(
    state_dict: dict[str, Tensor], published_name: Callable[[str], str], expected: dict[str, Tensor]
) -> dict[str, Tensor]:
    """
    Finds the tensors a model expects among published ones.

    Args:
        state_dict: tensors by their published names.
        published_name: maps our name of a tensor to the published one.
        expected: tensors by our names. Only their shapes are read, so they may be on the meta device.

    Returns:
        The published tensors by our names, in the order of `expected`.

    Raises:
        ValueError: the first tensor of another shape, with both shapes, or names unknown or missing.
    """
    published = {name: published_name(name) for name in expected}
    for name, tensor in expected.items():
        found = state_dict.get(published[name])
        if found is not None and found.shape != tensor.shape:
            raise ValueError(
                f"configuration and checkpoint do not belong together: {published[name]} has shape "
                f"{tuple(found.shape)} in the checkpoint, and {tuple(tensor.shape)} by the configuration"
            )
    missing = [name for name in published.values() if name not in state_dict]
    unexpected = [name for name in state_dict if name not in set(published.values())]
    if missing or unexpected:
        raise ValueError(
            "configuration and checkpoint do not belong together: "
            f"the checkpoint lacks {_listed(missing)}, and has {_listed(unexpected)} too many"
        )
    return {name: state_dict[published[name]] for name in expected}


def run_converter(
    description: str,
    convert: Callable[[Path, Any, Path], str],
    arguments: Sequence[str] | None = None,
    *,
    config_required: bool = True,
) -> None:
    """
    Runs a converter from the command line, which gives three paths. It prints one line; bad input ends it with exit
    code 2 and one line.

    Args:
        description: first paragraphs of `--help`.
        convert: takes the paths of checkpoint, configuration and folder, and returns the line to print. If no
            configuration is required, its path may be None.
        arguments: command-line arguments; those of the process by default.
        config_required: whether a conversion without a configuration is refused.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--checkpoint_path", type=Path, required=True, metavar="FILE", help="the published file, as downloaded"
    )
    parser.add_argument(
        "--config_path",
        type=Path,
        required=config_required,
        metavar="YAML",
        help="the configuration published beside it",
    )
    parser.add_argument(
        "--pytorch_dump_folder_path",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder to write config.json and model.safetensors into; made if need be",
    )
    paths = parser.parse_args(arguments)
    try:
        print(convert(paths.checkpoint_path, paths.config_path, paths.pytorch_dump_folder_path))
    except (ValueError, OSError, StrictDataclassError) as error:
        parser.error(" ".join(str(error).split()))


def _listed(names: list[str]) -> str:
    if not names:
        return "no tensor"
    return f"{len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
