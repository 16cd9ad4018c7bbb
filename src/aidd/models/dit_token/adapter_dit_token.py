"""
Low-rank adapters of a token model (LoRA, Hu et al. 2021, arXiv:2106.09685), by PEFT: what is learned is added to the
model's own weights, which stay as they are, to the bit. Files are PEFT's.
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...signals.json_files import json_object, text_of
from ...signals.replacing import replacing_all
from ..loading import rounded_digest
from .modeling_dit_token import DiTTokenModel


# Every linear map of a block.
ADAPTED_MODULES = ("qkv_proj", "o_proj", "fc1", "fc2")
ADAPTER_NAME = "default"
# What PEFT calls the files, and what it does not know: whose adapter it is.
WEIGHTS_FILE, CONFIG_FILE, RECORD_FILE = "adapter_model.safetensors", "adapter_config.json", "adaptation.json"


def has_adapter(model: DiTTokenModel) -> bool:
    """Whether an adapter is in the model."""
    return hasattr(model, "peft_config")


def adapter_parameters(model: DiTTokenModel) -> dict[str, nn.Parameter]:
    """The parameters of a model's adapter, by their names in the model."""
    return {name: one for name, one in model.named_parameters() if ".lora_" in name}


def add_adapter(model: DiTTokenModel, rank: int, generator: torch.Generator | None = None) -> None:
    """
    Puts a new adapter into a model, in place. It adds nothing to the model's output before it is trained.

    Args:
        model: without an adapter.
        rank: of the adapter's maps, at least 1.
        generator: of its first factors, which are drawn as PEFT draws them; the second ones are 0.

    Raises:
        ValueError: PEFT is not installed, or the model has an adapter.
    """
    _inject(model, {"r": rank, "lora_alpha": 2 * rank, "target_modules": list(ADAPTED_MODULES)})
    for name, parameter in adapter_parameters(model).items():
        if ".lora_A." in name:
            # Uniform with a variance of 1 / (3 inputs), as of a linear map of torch.
            bound = parameter.shape[1] ** -0.5
            with torch.no_grad():
                parameter.copy_(bound * (2 * torch.rand(parameter.shape, generator=generator) - 1))


def _inject(model: DiTTokenModel, settings: dict) -> None:
    if importlib.util.find_spec("peft") is None:
        raise ValueError('adapters need PEFT: pip install "aidd[adapt]"')
    if has_adapter(model):
        raise ValueError("expected a model without an adapter, got one with it: drop it first")
    from peft import LoraConfig, inject_adapter_in_model

    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # PEFT draws from torch's own generator.
    with torch.random.fork_rng(devices=[]):
        inject_adapter_in_model(LoraConfig(**settings), model, ADAPTER_NAME)
    for parameter in adapter_parameters(model).values():
        parameter.requires_grad_(False)
    for parameter in learned:
        parameter.requires_grad_(True)


def drop_adapter(model: DiTTokenModel) -> None:
    """Takes a model's adapter out, in place; the model is what it was before. Raises `ValueError` if there is none."""
    _check_has_adapter(model)
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, BaseTunerLayer):
                setattr(module, name, child.get_base_layer())
    del model.peft_config


def base_digest(model: DiTTokenModel) -> str:
    """Digest of a model's own weights, rounded to bfloat16, whether or not there is an adapter in it."""
    own = {name: value for name, value in model.state_dict().items() if ".lora_" not in name}
    return rounded_digest({name.replace(".base_layer.", "."): value for name, value in own.items()})


def save_adapter(model: DiTTokenModel, folder: str | Path, record: dict) -> None:
    """
    Saves a model's adapter as PEFT does, with `adaptation.json` beside it.

    Args:
        model: with an adapter.
        folder: to write to; it is made.
        record: what is said of the adaptation, as JSON can hold it.

    Raises:
        ValueError: no adapter.
    """
    _check_has_adapter(model)
    from peft import get_peft_model_state_dict

    config: Any = model.peft_config[ADAPTER_NAME]  # PEFT's, to a type checker a protocol without this method.
    settings = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    weights = {name: one.contiguous() for name, one in get_peft_model_state_dict(model).items()}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in (WEIGHTS_FILE, CONFIG_FILE, RECORD_FILE)]
    with replacing_all(files) as (weights_file, config_file, record_file):
        save_file(weights, weights_file, metadata={"format": "pt"})
        config_file.write_text(json.dumps(settings, indent=1, default=str) + "\n", encoding="utf-8")
        said = record | {"base_model_digest": base_digest(model)}
        record_file.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def load_adapter(model: DiTTokenModel, folder: str | Path) -> dict:
    """
    Puts an adapter that [`save_adapter`] has saved into a model, in place.

    Args:
        model: the one that it was made for, without an adapter.
        folder: that it was saved to.

    Returns:
        The record that it was saved with.

    Raises:
        ValueError: PEFT is not installed, no such files, files that hold no such adapter, an adapter of another
            model, or the model has an adapter. The model is as it was then.
    """
    folder = Path(folder)
    for name in (WEIGHTS_FILE, CONFIG_FILE, RECORD_FILE):
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: expected an adapter's folder, with {name}")
    record, settings = (json_object(text_of(folder / name), folder / name) for name in (RECORD_FILE, CONFIG_FILE))
    if record.get("base_model_digest") != (digest := base_digest(model)):
        raise ValueError(
            f"{folder}: expected an adapter of this model, whose digest is {digest}, got one of "
            f"{record.get('base_model_digest')}"
        )
    try:
        weights = load_file(folder / WEIGHTS_FILE)
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE}: cannot be read as safetensors: {error}") from error
    _inject(model, {key: settings[key] for key in ("r", "lora_alpha", "target_modules") if key in settings})
    try:
        _set(model, weights, folder)
    except ValueError:
        drop_adapter(model)
        raise
    return record


def _set(model: DiTTokenModel, weights: dict[str, Tensor], folder: Path) -> None:
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    expected = {name: tuple(one.shape) for name, one in get_peft_model_state_dict(model).items()}
    got = {name: tuple(one.shape) for name, one in weights.items()}
    if got != expected:
        others = sorted(set(got.items()) ^ set(expected.items()))
        raise ValueError(f"{folder}: expected the weights that its configuration asks for, got others: {others[0]}")
    set_peft_model_state_dict(model, weights)


def _check_has_adapter(model: DiTTokenModel) -> None:
    if not has_adapter(model):
        raise ValueError("expected a model with an adapter, got one without")
