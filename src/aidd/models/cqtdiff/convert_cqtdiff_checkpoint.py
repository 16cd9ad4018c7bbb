"""
Converts a published CQT-Diff checkpoint to a folder for `CQTDiffUNet.from_pretrained`.

  python -m aidd.models.cqtdiff.convert_cqtdiff_checkpoint \\
      --checkpoint_path cqt_weights.pt --config_path conf.yaml --pytorch_dump_folder_path cqtdiff/unet

The configuration is the published code's `conf/conf.yaml`; without it, sizes are the published ones. The moving
averages (EMA) are kept. The file lists them without names, in the order of the network's parameters: a list of another
length or of other shapes is refused. The checkpoint's pickle is not executed.
"""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint_io import config_value, read_checkpoint, read_yaml, run_converter, select_tensors
from .unet_cqtdiff import CQTDiffUNet


_LEVELS = 6
_BAND_EMBEDDINGS = "freq_encoding.embeddings"
# What the embeddings of bands were computed from.
_BAND_FREQUENCIES = "freq_encoding.RFF_freq"
_NOISE_FREQUENCIES = "embedding.RFF_freq"
# The resamplers' filters, which follow from their settings.
_FILTER = ".resample.kernel"
_PUBLISHED_NAMES = (
    (r"^band_embeddings$", _BAND_EMBEDDINGS),
    (r"^embedding\.frequencies$", _NOISE_FREQUENCIES),
    (r"^embedding\.layers\.", "embedding.MLP."),
    (r"^conv_in\.", "init_conv."),
    (r"\.convolutions\.(\d+)\.", r".H.\1.conv."),
    (r"\.scale\.", ".film.output_layer."),
    (r"\.shortcut\.", ".res_conv."),
    (r"\.project_in\.", ".first_conv.1."),
    (r"^down_blocks\.(\d+)\.", r"downs.\1.0."),
    (r"^pyramid_in\.(\d+)\.", r"downs.\1.2.conv1x1."),
    (r"^mid_block\.", "middle.0.0."),
)


def published_name(name: str) -> str:
    """Maps our name of a tensor to the published one, which counts the levels of the way up from the lowest on."""
    for pattern, replacement in _PUBLISHED_NAMES:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"^up_blocks\.(\d+)\.", lambda level: f"ups.{_LEVELS - 1 - int(level[1])}.0.", name)
    return re.sub(r"^pyramid_out\.(\d+)\.", lambda level: f"ups.{_LEVELS - 2 - int(level[1])}.2.conv1x1.", name)


def convert_config(published: dict[str, Any]) -> dict[str, Any]:
    """
    Converts the published configuration to arguments of a [`CQTDiffUNet`].

    Raises:
        ValueError: an entry is missing, or asks for another network.
    """
    for name, value in {"architecture": "unet_CQT", "cqt.use_norm": False}.items():
        if config_value(published, name) != value:
            raise ValueError(f"{name} must be {value!r}, got {config_value(published, name)!r}")
    return {
        "sampling_rate": config_value(published, "sample_rate"),
        "sample_size": config_value(published, "audio_len"),
        "num_octaves": config_value(published, "cqt.numocts"),
        "bins_per_octave": config_value(published, "cqt.binsoct"),
        "sigma_data": config_value(published, "diffusion_parameters.sigma_data"),
    }


def ema_state_dict(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """
    The parameters' moving averages by their published names.

    Raises:
        ValueError: the file holds no moving averages, or not those of its network.
    """
    if not isinstance(checkpoint.get("model"), dict) or not isinstance(checkpoint.get("ema_weights"), list):
        raise ValueError(
            "the checkpoint must hold `model` and `ema_weights` (moving averages), "
            f"got {', '.join(map(str, checkpoint)) or 'nothing'}"
        )
    state_dict, averages = checkpoint["model"], checkpoint["ema_weights"]
    names = [name for name in state_dict if not name.endswith(_FILTER)]
    if len(names) != len(averages):
        raise ValueError(f"the checkpoint holds {len(averages)} moving averages for {len(names)} parameters")
    for name, average in zip(names, averages, strict=True):
        if state_dict[name].shape != average.shape:
            raise ValueError(
                f"{name} has shape {tuple(state_dict[name].shape)}, its moving average {tuple(average.shape)}"
            )
    return dict(zip(names, averages, strict=True))


def check_filters(state_dict: dict[str, Tensor], unet: CQTDiffUNet) -> None:
    """Raises `ValueError` for filters of another resampler than ours."""
    for name, kernel in state_dict.items():
        if name.endswith(_FILTER):
            expected = (unet.halve_frames if name.startswith("downs.") else unet.double_frames).kernel
            if kernel.shape != expected.shape or not torch.allclose(kernel, expected, atol=1e-6):
                raise ValueError(f"{name} is not the filter of torchaudio's resampler")


def convert_tensors(checkpoint: dict[str, Any], unet: CQTDiffUNet) -> dict[str, Tensor]:
    """
    Converts a checkpoint's moving averages to the tensors of a network.

    Args:
        checkpoint: the file's content.
        unet: a network of the same sizes, whose filters are kept.

    Raises:
        ValueError: no moving averages, or not those of the file's network; other filters; the first tensor of another
            shape than the network's, or names unknown or missing.
    """
    averages = ema_state_dict(checkpoint)
    check_filters(checkpoint["model"], unet)
    averages.pop(_BAND_FREQUENCIES, None)
    for name, axes in ((_NOISE_FREQUENCIES, 2), (_BAND_EMBEDDINGS, 3)):
        if name in averages:
            if averages[name].ndim != axes or len(averages[name]) != 1:
                raise ValueError(f"{name} must have {axes} axes and one row, got {tuple(averages[name].shape)}")
            averages[name] = averages[name][0].T.contiguous() if axes == 3 else averages[name][0]
    own = unet.state_dict()
    filters = {name: own.pop(name) for name in ("halve_frames.kernel", "double_frames.kernel")}
    return select_tensors(averages, published_name, own) | filters


def convert_checkpoint(checkpoint_path: Path, config_path: Path | None, folder: Path) -> str:
    """
    Converts files, and returns a line that says what was written.

    Raises:
        ValueError: files that are damaged, unsafe, or do not belong together.
    """
    unet = CQTDiffUNet(**({} if config_path is None else convert_config(read_yaml(config_path))))
    unet.load_state_dict(convert_tensors(read_checkpoint(checkpoint_path), unet))
    unet.save_pretrained(folder)
    return f"{folder}: CQTDiffUNet of {unet.num_parameters():,} parameters (moving averages)"


if __name__ == "__main__":
    run_converter(__doc__, convert_checkpoint, config_required=False)
