"""
Converts a published CQT-Diff+ checkpoint to a folder for `CQTDiffPlusUNet.from_pretrained`.

  python -m aidd.models.cqtdiff.convert_cqtdiff_plus_checkpoint \\
      --checkpoint_path musicnet_44k_4s-560000.pt --config_path config.yaml --pytorch_dump_folder_path cqtdiff/unet

The configuration is the run's composed one (`.hydra/config.yaml`). Without it, sizes are read off the tensors, and
rate, length and transform are the published ones: a network of 8 octaves is that of 44.1 kHz, one of 7 that of
22.05 kHz. The moving averages (EMA) are kept. The arguments that the file holds as a pickled object are neither
executed nor read.
"""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint_io import config_value, read_yaml, run_converter, select_tensors
from ..inert_pickles import read_state_dict
from .unet_cqtdiff_plus import CUBIC, CQTDiffPlusUNet


# The filters of both resamplers.
_FILTERS = ("downsamplerT.kernel", "upsamplerT.kernel")
_RATES = {8: 44_100, 7: 22_050}
_PUBLISHED_NAMES = (
    (r"^embedding\.frequencies$", "embedding.RFF_freq"),
    (r"^embedding\.layers\.", "embedding.MLP."),
    (r"\.attention_modulation\.weight$", ".norm2.gamma"),
    (r"\.attention_modulation\.scale\.", ".affine2."),
    (r"\.attention_modulation\.gate\.", ".gate2."),
    (r"\.attention\.to_heads\.", ".attn_block.proj_in."),
    (r"\.attention\.to_queries_and_keys\.", ".attn_block.qk."),
    (r"\.attention\.to_channels\.", ".attn_block.proj_out."),
    (r"\.modulations\.(\d+)\.weight$", r".norm.\1.gamma"),
    (r"\.modulations\.(\d+)\.scale\.", r".affine.\1."),
    (r"\.modulations\.(\d+)\.gate\.", r".gate.\1."),
    (r"\.convolutions\.", ".H."),
    (r"\.shortcut\.", ".res_conv."),
    (r"\.project_in\.", ".proj_in."),
    (r"\.project_out\.", ".proj_out."),
    (r"^octaves_in\.(\d+)\.", r"downs.\1.0."),
    (r"^pyramid_in\.(\d+)\.", r"downs.\1.1."),
    (r"^down_blocks\.(\d+)\.", r"downs.\1.2."),
    (r"^mid_out\.", "middle.0.0."),
    (r"^mid_block\.", "middle.0.1."),
)


def published_name(name: str, num_octaves: int) -> str:
    """Maps our name of a tensor to the published one, which counts the levels of the way up from the lowest on."""
    for pattern, replacement in _PUBLISHED_NAMES:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"^pyramid_out\.(\d+)\.", lambda level: f"ups.{num_octaves - 1 - int(level[1])}.0.", name)
    return re.sub(r"^up_blocks\.(\d+)\.", lambda level: f"ups.{num_octaves - 1 - int(level[1])}.1.", name)


def infer_sizes(state_dict: dict[str, Tensor]) -> dict[str, Any]:
    """
    Infers arguments of a [`CQTDiffPlusUNet`] from the shapes of published tensors.

    Raises:
        ValueError: a tensor whose shape is needed is missing.
    """

    def shape(name: str) -> torch.Size:
        if name not in state_dict:
            raise ValueError(f"the checkpoint has no tensor {name}: expected that of a CQT-Diff+")
        return state_dict[name].shape

    def count(pattern: str) -> int:
        return len({match[1] for match in (re.match(pattern, name) for name in state_dict) if match})

    levels = range(count(r"downs\.(\d+)\."))
    sizes = {
        "block_out_channels": [shape(f"downs.{level}.2.H.0.weight")[0] for level in levels],
        "layers_per_block": [count(rf"downs\.{level}\.2\.H\.(\d+)\.") for level in levels],
        "attention_levels": [f"downs.{level}.2.norm2.gamma" in state_dict for level in levels],
        "mid_block_attention": "middle.0.1.norm2.gamma" in state_dict,
        "embedding_size": shape("embedding.MLP.2.weight")[0],
    }
    if sizes["mid_block_attention"]:
        sizes["num_attention_heads"] = shape("middle.0.1.attn_block.proj_in.weight")[0]
    return sizes


def convert_config(published: dict[str, Any]) -> dict[str, Any]:
    """
    Converts the published configuration, composed, to arguments of a [`CQTDiffPlusUNet`] that no tensor shows.

    Raises:
        ValueError: an entry is missing, or asks for another network.
    """
    required = {
        "network.use_norm": True,
        "network.use_fencoding": False,
        "network.bottleneck_type": "res_dil_convs",
        "network.num_bottleneck_layers": 1,
        "network.attention_dict.use_rel_pos": False,
    }
    for name, value in required.items():
        if config_value(published, name) != value:
            raise ValueError(f"{name} must be {value!r}, got {config_value(published, name)!r}")
    return {
        "sampling_rate": config_value(published, "exp.sample_rate"),
        "sample_size": config_value(published, "exp.audio_len"),
        "bins_per_octave": config_value(published, "network.cqt.bins_per_oct"),
        "window": config_value(published, "network.cqt.window"),
        "window_beta": config_value(published, "network.cqt.beta"),
        "sigma_data": config_value(published, "diff_params.sigma_data"),
    }


def published_settings(num_octaves: int) -> dict[str, Any]:
    """
    The published settings of networks of so many octaves.

    Raises:
        ValueError: no published network has so many.
    """
    if num_octaves not in _RATES:
        raise ValueError(
            f"expected 7 or 8 octaves, as the published networks have, or a configuration, got {num_octaves}"
        )
    return {"sampling_rate": _RATES[num_octaves], "sample_size": 184_184, "bins_per_octave": 64, "sigma_data": 0.063}


def convert_state_dict(state_dict: dict[str, Tensor], unet: CQTDiffPlusUNet) -> dict[str, Tensor]:
    """
    Converts tensors by their published names to those of a network.

    Raises:
        ValueError: the first tensor of another shape, names unknown or missing, or other filters.
    """
    for name in _FILTERS:
        if name not in state_dict or not torch.equal(state_dict[name], torch.tensor(CUBIC)):
            raise ValueError(f"{name} must be the cubic filter of the published networks")
    flattened = {
        name: tensor.flatten() if name.endswith((".gamma", ".RFF_freq")) else tensor
        for name, tensor in state_dict.items()
        if name not in _FILTERS
    }
    num_octaves = len(unet.down_blocks)
    return select_tensors(flattened, lambda name: published_name(name, num_octaves), unet.state_dict())


def convert_checkpoint(checkpoint_path: Path, config_path: Path | None, folder: Path) -> str:
    """
    Converts files, and returns a line that says what was written.

    Raises:
        ValueError: files that are damaged, or do not belong together.
    """
    state_dict = read_state_dict(checkpoint_path, "ema")
    sizes = infer_sizes(state_dict)
    if config_path is None:
        settings = published_settings(len(sizes["block_out_channels"]))
    else:
        settings = convert_config(read_yaml(config_path))
    unet = CQTDiffPlusUNet(**sizes, **settings, placement="cqtdiff_plus")
    unet.load_state_dict(convert_state_dict(state_dict, unet))
    unet.save_pretrained(folder)
    return f"{folder}: CQTDiffPlusUNet of {unet.num_parameters():,} parameters (moving averages)"


if __name__ == "__main__":
    run_converter(__doc__, convert_checkpoint, config_required=False)
