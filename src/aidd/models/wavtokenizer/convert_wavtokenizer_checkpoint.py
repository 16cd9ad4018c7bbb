"""
Converts a published WavTokenizer checkpoint to a folder for transformers' `WavTokenizerModel.from_pretrained`.

  python -m aidd.models.wavtokenizer.convert_wavtokenizer_checkpoint \\
      --checkpoint_path wavtokenizer_medium_music_audio_320_24k_v2.ckpt \\
      --config_path wavtokenizer_mediumdata_music_audio_frame75_3s_nq1_code4096_dim512_kmeans200_attn.yaml \\
      --pytorch_dump_folder_path wavtokenizer-music-75

The checkpoint is the training run's Lightning file: its encoder, codebook and decoder are kept; optimizers,
discriminators and a second decoder that is never used are dropped. Its pickle is not executed. Without
`--config_path`, sizes are read off the tensors, and the sampling rate is taken to be the published 24 kHz. A
configuration of another checkpoint is refused by the name of the first tensor that does not fit.
"""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import WavTokenizerConfig, WavTokenizerModel

from ..checkpoint_io import config_value, read_checkpoint, read_yaml, run_converter, select_tensors
from .loading_wavtokenizer import save_wavtokenizer


# The rest of the file is discriminators and losses; EnCodec's own decoder is built by the original and never called.
_KEPT = ("feature_extractor.", "backbone.", "head.")
_NEVER_USED = "feature_extractor.encodec.decoder."

_ENCODER = "feature_extractor.encodec.encoder.model."
_CODEBOOK = "feature_extractor.encodec.quantizer.vq.layers.0._codebook."
_PUBLISHED_NAMES = (
    (r"^head\.window$", "head.istft.window"),
    (r"^head\.linear\.", "head.out."),
    (r"^encoder_model\.quantizer\.codebook\.", _CODEBOOK),
    (r"^encoder_model\.encoder\.layers\.", _ENCODER),
    (r"\.conv\.", ".conv.conv."),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
)


def published_name(name: str) -> str:
    """Maps transformers' name of a tensor to the published one."""
    for pattern, replacement in _PUBLISHED_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def convert_config(published: dict[str, Any]) -> WavTokenizerConfig:
    """
    Converts the published YAML, read, to transformers' configuration.

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
        hidden_size=config_value(settings, "backbone.input_channels"),
        decoder_hidden_size=config_value(settings, "backbone.dim"),
        decoder_intermediate_size=config_value(settings, "backbone.intermediate_dim"),
        decoder_num_layers=config_value(settings, "backbone.num_layers"),
        adanorm_num_embeddings=config_value(settings, "backbone.adanorm_num_embeddings"),
    )
    required = {
        "feature_extractor.encodec_model": "encodec_24khz",
        "feature_extractor.num_quantizers": 1,
        "head.dim": config.decoder_hidden_size,
        "head.hop_length": config.hop_length,
        "head.n_fft": config.n_fft,
        "head.padding": "same",
    }
    for name, value in required.items():
        if config_value(settings, name) != value:
            raise ValueError(f"{name} must be {value!r}, got {config_value(settings, name)!r}")
    return config


def infer_config(state_dict: dict[str, Tensor]) -> WavTokenizerConfig:
    """
    Infers the configuration from the shapes of a published checkpoint's tensors; the rate is 24 kHz.

    Raises:
        ValueError: a tensor whose shape is needed is missing.
    """

    def shape(name: str) -> torch.Size:
        if name not in state_dict:
            raise ValueError(f"the checkpoint has no tensor {name}: expected that of a WavTokenizer")
        return state_dict[name].shape

    def count(pattern: str) -> int:
        return len({match[1] for match in (re.match(pattern, name) for name in state_dict) if match})

    # A convolution that shortens by a ratio has kernels of twice that; each follows a residual block.
    num_ratios = count(re.escape(_ENCODER) + r"(\d+)\.shortcut\.")
    ratios = [shape(f"{_ENCODER}{3 * i + 3}.conv.conv.weight_v")[2] // 2 for i in range(num_ratios)]
    codebook_size, codebook_dim = shape(f"{_CODEBOOK}embed")
    dim = shape("backbone.embed.weight")[0]
    return WavTokenizerConfig(
        upsampling_ratios=ratios[::-1],
        num_filters=shape(f"{_ENCODER}0.conv.conv.weight_v")[0],
        num_lstm_layers=count(re.escape(_ENCODER) + r"\d+\.lstm\.weight_ih_l(\d+)$"),
        codebook_size=codebook_size,
        codebook_dim=codebook_dim,
        hidden_size=codebook_dim,
        decoder_hidden_size=dim,
        decoder_intermediate_size=shape("backbone.convnext.0.pwconv1.weight")[0],
        decoder_num_layers=count(r"backbone\.convnext\.(\d+)\."),
        adanorm_num_embeddings=shape("backbone.norm.scale.weight")[0],
    )


def convert_state_dict(state_dict: dict[str, Tensor], config: WavTokenizerConfig) -> dict[str, Tensor]:
    """
    Converts tensors of a published checkpoint's `state_dict` to those of a [`~transformers.WavTokenizerModel`].

    Raises:
        ValueError: the first tensor of another shape than the configuration's, names unknown or missing, a codebook
            that was never started, or another window than Hann's.
    """
    kept = {
        name: tensor
        for name, tensor in state_dict.items()
        if name.startswith(_KEPT) and not name.startswith(_NEVER_USED)
    }
    with torch.device("meta"):
        model = WavTokenizerModel(config)
    converted = select_tensors(kept, published_name, model.state_dict() | {"head.window": model.head.window})
    if not torch.allclose(converted.pop("head.window"), torch.hann_window(config.n_fft), atol=1e-6):
        raise ValueError("head.istft.window must be the periodic Hann window")
    started = converted["encoder_model.quantizer.codebook.inited"].item()
    if started != 1.0:
        raise ValueError(
            f"{_CODEBOOK}inited must be 1, got {started}: the codebook of this checkpoint was never started"
        )
    return converted


def convert_checkpoint(checkpoint_path: Path, config_path: Path | None, folder: Path) -> str:
    """
    Converts files, and returns a line that says what was written.

    Raises:
        ValueError: files that are damaged, unsafe, or do not belong together.
    """
    state_dict = config_value(read_checkpoint(checkpoint_path), "state_dict")
    config = infer_config(state_dict) if config_path is None else convert_config(read_yaml(config_path))
    model = WavTokenizerModel(config)
    model.load_state_dict(convert_state_dict(state_dict, config))
    save_wavtokenizer(model, folder)
    tokens_a_second = config.sampling_rate / config.hop_length
    return f"{folder}: WavTokenizerModel, {tokens_a_second:g} tokens a second, {config.codebook_size} codes"


if __name__ == "__main__":
    run_converter(__doc__, convert_checkpoint, config_required=False)
