"""Loading a codec's folder or repository as it has to be for coding: complete, and in float32."""

from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import WavTokenizerConfig, WavTokenizerFeatureExtractor, WavTokenizerModel
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

from ..complete_loading import check_complete
from ..model_types import check_model_type


def load_wavtokenizer(
    pretrained_model_name_or_path: str | PathLike, *, subfolder: str = "", **hub_arguments: Any
) -> WavTokenizerModel:
    """
    Loads a codec in float32, whatever its weights are stored in: in bfloat16 its encoder would choose other codes.

    Args:
        pretrained_model_name_or_path: a folder, or a repository on the Hub, in transformers' own format, such as
            `swiss-ai/wavtokenizer-medium-music-audio-75token-v2`.
        subfolder: where in it the codec lies: `codec` in a pipeline's.
        hub_arguments: `revision`, `token`, `cache_dir`, `force_download` and `local_files_only`, as of
            [`~transformers.PreTrainedModel.from_pretrained`].

    Raises:
        OSError: nothing is there.
        ValueError: another model, a folder in the format of earlier versions of aidd, or weights that do not fill the
            model.
    """
    source = str(pretrained_model_name_or_path)
    check_model_type(source, WavTokenizerConfig, subfolder=subfolder, **hub_arguments)
    # A pair, which transformers' annotation does not tell.
    loaded: Any = WavTokenizerModel.from_pretrained(
        source, subfolder=subfolder, dtype=torch.float32, output_loading_info=True, **hub_arguments
    )
    model, info = loaded
    # transformers passes over what else the file holds of a decoder, as encoders load from whole codecs.
    with safe_open(cached_file(source, SAFE_WEIGHTS_NAME, subfolder=subfolder, **hub_arguments), "pt") as file:
        unexpected = set(file.keys()) - model.state_dict().keys()
    check_complete(source, info | {"unexpected_keys": unexpected})
    return model


def save_wavtokenizer(codec: WavTokenizerModel, folder: str | Path) -> None:
    """Saves a codec with its feature extractor's file, which `AutoFeatureExtractor` and published tools look for."""
    codec.save_pretrained(folder)
    save_feature_extractor(codec.config, folder)


def save_feature_extractor(config: WavTokenizerConfig, folder: str | Path) -> None:
    """Writes `preprocessor_config.json` for a codec."""
    WavTokenizerFeatureExtractor(sampling_rate=config.sampling_rate, hop_length=config.hop_length).save_pretrained(
        folder
    )
