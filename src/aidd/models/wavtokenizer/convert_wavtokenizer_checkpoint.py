"""
Converts a published WavTokenizer checkpoint to a folder for `WavTokenizerModel.from_pretrained`.

  python -m aidd.models.wavtokenizer.convert_wavtokenizer_checkpoint \\
      --checkpoint_path wavtokenizer_medium_music_audio_320_24k_v2.ckpt \\
      --config_path wavtokenizer_mediumdata_music_audio_frame75_3s_nq1_code4096_dim512_kmeans200_attn.yaml \\
      --pytorch_dump_folder_path wavtokenizer-music-75

The checkpoint is the training run's Lightning file: its encoder, codebook and decoder are kept; optimizers,
discriminators and a second decoder that is never used are dropped. Its pickle is not executed. A configuration of
another checkpoint is refused by the name of the first tensor that does not fit.
"""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint_io import config_value, read_checkpoint, read_yaml, run_converter, select_tensors
from .configuration_wavtokenizer import WavTokenizerConfig
from .modeling_wavtokenizer import WavTokenizerModel


# The rest of the file is discriminators and losses; EnCodec's own decoder is built by the original and never called.
_KEPT = ("feature_extractor.", "backbone.", "head.")
_NEVER_USED = "feature_extractor.encodec.decoder."

_PUBLISHED_NAMES = (
    (r"^head\.window$", "head.istft.window"),
    (r"^head\.linear\.", "head.out."),
    (r"^codebook\.", "feature_extractor.encodec.quantizer.vq.layers.0._codebook."),
    (r"^encoder\.layers\.", "feature_extractor.encodec.encoder.model."),
    (r"\.conv\.", ".conv.conv."),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
    (r"^decoder\.prior_net\.", "backbone.pos_net."),
    (r"^decoder\.attention\.norm\.", "backbone.pos_net.2.norm."),
    (r"^decoder\.attention\.o_proj\.", "backbone.pos_net.2.proj_out."),
    (r"^decoder\.attention\.([qkv])_proj\.", r"backbone.pos_net.2.\1."),
    (r"^decoder\.post_net\.0\.", "backbone.pos_net.3."),
    (r"^decoder\.post_net\.1\.", "backbone.pos_net.4."),
    (r"^decoder\.group_norm\.", "backbone.pos_net.5."),
    (r"^decoder\.final_norm\.", "backbone.final_layer_norm."),
    (r"^decoder\.layers\.", "backbone.convnext."),
    (r"^decoder\.", "backbone."),
    (r"\.fc([12])\.", r".pwconv\1."),
    (r"\.norm\.(scale|shift)$", r".norm.\1.weight"),
)


def published_name(name: str) -> str:
    """Our name of a tensor to the published one."""
    for pattern, replacement in _PUBLISHED_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def convert_config(published: dict[str, Any]) -> WavTokenizerConfig:
    """
    The published YAML, read, to our configuration.

    Raises:
        ValueError: an entry is missing, or asks for something the published models do not use.
    """
    settings = {
        part: config_value(published, f"model.init_args.{part}.init_args")
        for part in ("feature_extractor", "backbone", "head")
    }
    config = WavTokenizerConfig(
        sampling_rate=config_value(published, "model.init_args.sample_rate"),
        upsampling_ratios=config_value(settings, "feature_extractor.dowmsamples"),
        codebook_size=config_value(settings, "feature_extractor.vq_bins"),
        codebook_dim=config_value(settings, "backbone.input_channels"),
        hidden_size=config_value(settings, "backbone.dim"),
        intermediate_size=config_value(settings, "backbone.intermediate_dim"),
        num_hidden_layers=config_value(settings, "backbone.num_layers"),
        num_bandwidths=config_value(settings, "backbone.adanorm_num_embeddings"),
    )
    required = {
        "feature_extractor.encodec_model": "encodec_24khz",
        "feature_extractor.num_quantizers": 1,
        "head.dim": config.hidden_size,
        "head.hop_length": config.hop_length,
        "head.n_fft": config.n_fft,
        "head.padding": "same",
    }
    for name, value in required.items():
        if config_value(settings, name) != value:
            raise ValueError(f"{name} must be {value!r}, got {config_value(settings, name)!r}")
    return config


def convert_state_dict(state_dict: dict[str, Tensor], config: WavTokenizerConfig) -> dict[str, Tensor]:
    """
    Tensors of a published checkpoint's `state_dict` to those of a [`WavTokenizerModel`].

    Raises:
        ValueError: the first tensor of another shape than the configuration's, names unknown or missing, a codebook
            that was never started, or another window than Hann's.
    """
    kept = {
        # The attention's projections were written as convolutions of kernel size 1.
        name: tensor[..., 0] if re.search(r"pos_net\.2\.(q|k|v|proj_out)\.weight$", name) else tensor
        for name, tensor in state_dict.items()
        if name.startswith(_KEPT) and not name.startswith(_NEVER_USED)
    }
    with torch.device("meta"):
        model = WavTokenizerModel(config)
    converted = select_tensors(kept, published_name, model.state_dict() | {"head.window": model.head.window})
    if not torch.allclose(converted.pop("head.window"), torch.hann_window(config.n_fft), atol=1e-6):
        raise ValueError("head.istft.window must be the periodic Hann window")
    if converted["codebook.inited"].item() != 1.0:
        raise ValueError(
            f"{published_name('codebook.inited')} must be 1, got {converted['codebook.inited'].item()}: "
            "the codebook of this checkpoint was never started"
        )
    return converted


def convert_checkpoint(checkpoint_path: Path, config_path: Path, folder: Path) -> str:
    """
    Converts files, and returns a line that says what was written.

    Raises:
        ValueError: files that are damaged, unsafe, or do not belong together.
    """
    config = convert_config(read_yaml(config_path))
    state_dict = config_value(read_checkpoint(checkpoint_path), "state_dict")
    model = WavTokenizerModel(config)
    model.load_state_dict(convert_state_dict(state_dict, config))
    model.save_pretrained(folder)
    return f"{folder}: WavTokenizerModel, {config.frame_rate:g} tokens a second, {config.codebook_size} codes"


if __name__ == "__main__":
    run_converter(__doc__, convert_checkpoint)
