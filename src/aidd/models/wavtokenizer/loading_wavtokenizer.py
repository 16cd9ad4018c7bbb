"""Loading a codec from a folder or repository as coding needs it: complete, and in float32."""

from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import WavTokenizerConfig, WavTokenizerFeatureExtractor, WavTokenizerModel
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

from ..band_tokenizer import BandTokenizerConfig, BandTokenizerModel
from ..loading import check_complete
from ..mel_tokenizer import MelTokenizerConfig, MelTokenizerModel
from ..model_types import check_model_type


CLASSES: dict[type, type[WavTokenizerModel]] = {
    WavTokenizerConfig: WavTokenizerModel,
    MelTokenizerConfig: MelTokenizerModel,
    BandTokenizerConfig: BandTokenizerModel,
}


def load_wavtokenizer(
    pretrained_model_name_or_path: str | PathLike,
    *,
    subfolder: str = "",
    variant: str | None = None,
    **hub_arguments: Any,
) -> WavTokenizerModel:
    """
    Loads a WavTokenizer, a [`~aidd.models.mel_tokenizer.MelTokenizerModel`] or a
    [`~aidd.models.band_tokenizer.BandTokenizerModel`] in float32, whatever its weights are stored in: in bfloat16 its
    encoder would choose other codes. Weights are read from safetensors alone.

    Args:
        pretrained_model_name_or_path: a folder, or a repository on the Hub, in transformers' own format, such as
            `swiss-ai/wavtokenizer-medium-music-audio-75token-v2`.
        subfolder: where in it the codec lies: `codec` in a pipeline's.
        variant: variant of the file of weights, such as `fp16` for `model.fp16.safetensors`.
        hub_arguments: `revision`, `token`, `cache_dir`, `force_download` and `local_files_only`, as in
            [`~transformers.PreTrainedModel.from_pretrained`].

    Raises:
        OSError: nothing is there.
        ValueError: another model, a folder in the format of earlier versions of aidd, or weights that do not fill the
            model.
    """
    source = str(pretrained_model_name_or_path)
    config_class = check_model_type(source, *CLASSES, subfolder=subfolder, **hub_arguments)
    # This is a pair, which transformers' annotation does not say.
    loaded: Any = CLASSES[config_class].from_pretrained(
        source,
        subfolder=subfolder,
        variant=variant,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        **hub_arguments,
    )
    model, info = loaded
    # transformers ignores what else the file holds for a decoder, as encoders load from whole codecs.
    name = SAFE_WEIGHTS_NAME if variant is None else SAFE_WEIGHTS_NAME.replace(".", f".{variant}.", 1)
    # A codec in several files has none of this name.
    path = cached_file(source, name, subfolder=subfolder, _raise_exceptions_for_missing_entries=False, **hub_arguments)
    if path is not None:
        with safe_open(path, "pt") as file:
            info["unexpected_keys"] = set(file.keys()) - model.state_dict().keys()
    check_complete(source, info)
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
