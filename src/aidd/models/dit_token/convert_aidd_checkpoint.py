"""
Converts a published AIDD checkpoint to a folder for `DiTTokenModel.from_pretrained`.

  python -m aidd.models.dit_token.convert_aidd_checkpoint \\
      --checkpoint_path checkpoint.pth --config_path config.yaml --pytorch_dump_folder_path aidd-small

The configuration is the run's `.hydra/config.yaml`, or `configs/config.yaml` with its folder `model` beside it. The
checkpoint's moving averages (EMA) are kept, as inference with the original uses them; a file without them is refused.
Its pickle is not executed. A configuration of another checkpoint is refused by the name of the first tensor that does
not fit.

The published models have no id of their own for missing tokens: the last code's id stands for both. The converted
model is therefore told which tokens are missing, and never generates that code.
"""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint_io import config_value, read_checkpoint, read_yaml, run_converter, select_tensors
from .configuration_dit_token import DiTTokenConfig
from .modeling_dit_token import DiTTokenModel


_ROTARY = "rotary_emb.inv_freq"
_PUBLISHED_NAMES = (
    (r"^embed_tokens\.weight$", "vocab_embed.embedding"),
    (r"^sigma_mlp\.", "sigma_map.mlp."),
    (r"^layers\.", "blocks."),
    (r"^modulation\.", "output_layer.adaLN_modulation."),
    (r"^norm\.", "output_layer.norm_final."),
    (r"^head\.", "output_layer.linear."),
    (r"(^blocks\.\d+)\.modulation\.", r"\1.adaLN_modulation."),
    (r"\.attention_norm\.", ".norm1."),
    (r"\.attention\.qkv_proj\.", ".attn_qkv."),
    (r"\.attention\.o_proj\.", ".attn_out."),
    (r"\.mlp_norm\.", ".norm2."),
    (r"\.fc1\.", ".mlp.0."),
    (r"\.fc2\.", ".mlp.2."),
)


def published_name(name: str) -> str:
    """Maps our name of a tensor to the published one."""
    for pattern, replacement in _PUBLISHED_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def read_config(path: Path) -> dict[str, Any]:
    """
    Reads a composed configuration, or a main one, composing it with the model group that its `defaults` name.

    Raises:
        ValueError: not a mapping of plain values.
        OSError: the file, or the group's file, cannot be read.
    """
    config = read_yaml(path)
    groups = [entry["model"] for entry in config.get("defaults", []) if isinstance(entry, dict) and "model" in entry]
    for group in groups:
        config["model"] = {**config.get("model", {}), **read_yaml(path.parent / "model" / f"{group}.yaml")}
    return config


def convert_config(published: dict[str, Any]) -> DiTTokenConfig:
    """
    Converts the published configuration, composed, to ours.

    Raises:
        ValueError: an entry is missing, or asks for something the published models do not use.
    """
    for name, value in {"graph.type": "absorb", "model.scale_by_sigma": True}.items():
        if config_value(published, name) != value:
            raise ValueError(f"{name} must be {value!r}, got {config_value(published, name)!r}")
    hidden_size = config_value(published, "model.hidden_size")
    dropout = config_value(published, "model.dropout")
    return DiTTokenConfig(
        # The original adds the mask to `tokens` codes; its tokenizer has one more, whose id the mask shares.
        codebook_size=config_value(published, "tokens") + 1,
        hidden_size=hidden_size,
        num_hidden_layers=config_value(published, "model.n_blocks"),
        num_attention_heads=config_value(published, "model.n_heads"),
        intermediate_size=4 * hidden_size,
        max_position_embeddings=published["model"].get("length", 300),
        parameterization="score",
        time_conditioning=True,
        conditioning_size=config_value(published, "model.cond_dim"),
        hidden_dropout=dropout,
        attention_dropout=dropout,
    )


def ema_state_dict(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """
    The model's tensors by their published names, parameters replaced by their moving averages, which the file lists
    without names in the order of the model's parameters.

    Raises:
        ValueError: the file holds no moving averages, or not those of its model.
    """
    if not isinstance(checkpoint.get("model"), dict) or not isinstance(checkpoint.get("ema"), dict):
        raise ValueError(
            "the checkpoint must hold `model` and `ema` (moving averages, which inference uses), "
            f"got {', '.join(map(str, checkpoint)) or 'nothing'}"
        )
    state_dict = checkpoint["model"]
    averages = config_value(checkpoint, "ema.shadow_params")
    names = [name for name in state_dict if name != _ROTARY]
    if len(names) != len(averages):
        raise ValueError(f"the checkpoint holds {len(averages)} moving averages for {len(names)} parameters")
    for name, average in zip(names, averages, strict=True):
        if state_dict[name].shape != average.shape:
            raise ValueError(
                f"{name} has shape {tuple(state_dict[name].shape)}, its moving average {tuple(average.shape)}"
            )
    return state_dict | dict(zip(names, averages, strict=True))


def convert_state_dict(state_dict: dict[str, Tensor], config: DiTTokenConfig) -> dict[str, Tensor]:
    """
    Converts tensors by their published names to those of a [`DiTTokenModel`].

    Raises:
        ValueError: another vocabulary than the configuration's, the first tensor of another shape, names unknown or
            missing, or other rotary frequencies.
    """
    embedding = state_dict.get("vocab_embed.embedding")
    if embedding is not None and len(embedding) != config.vocab_size:
        raise ValueError(
            "configuration and checkpoint do not belong together: vocab_embed.embedding has shape "
            f"{tuple(embedding.shape)}, but tokens + 1 is {config.vocab_size}"
        )
    with torch.device("meta"):
        expected = DiTTokenModel(config).state_dict()
    head_dim = config.hidden_size // config.num_attention_heads
    frequencies = config.rope_theta ** -(torch.arange(0, head_dim, 2) / head_dim)
    converted = select_tensors(state_dict, published_name, expected | {_ROTARY: frequencies})
    if not torch.allclose(converted.pop(_ROTARY), frequencies):
        raise ValueError(f"{_ROTARY} must hold powers of {config.rope_theta:g}, as the published models do")
    return converted


def convert_checkpoint(checkpoint_path: Path, config_path: Path, folder: Path) -> str:
    """
    Converts files, and returns a line that says what was written.

    Raises:
        ValueError: files that are damaged, unsafe, or do not belong together.
    """
    published = read_config(config_path)
    config = convert_config(published)
    noise = config_value(published, "noise.type")
    model = DiTTokenModel(config)
    model.load_state_dict(convert_state_dict(ema_state_dict(read_checkpoint(checkpoint_path)), config))
    model.save_pretrained(folder)
    return (
        f"{folder}: DiTTokenModel of {model.num_parameters():,} parameters (moving averages), "
        f"to be used with the {noise} schedule"
    )


if __name__ == "__main__":
    run_converter(__doc__, convert_checkpoint)
