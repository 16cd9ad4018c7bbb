"""Loading a codec of any kind that a folder or repository may hold."""

from os import PathLike
from typing import Any

import torch
from transformers.models.neucodec.configuration_neucodec import NeuCodecConfig
from transformers.models.xcodec2.configuration_xcodec2 import Xcodec2Config

from .codecs import Codec
from .model_types import check_model_type
from .wavtokenizer import CLASSES, load_wavtokenizer


def load_codec(
    pretrained_model_name_or_path: str | PathLike,
    *,
    subfolder: str = "",
    variant: str | None = None,
    **hub_arguments: Any,
) -> Codec:
    """
    Loads a codec in float32, from safetensors: one that [`~aidd.models.wavtokenizer.load_wavtokenizer`] loads, or
    XCodec2 or NeuCodec ([`aidd.models.speech_codecs`]).

    Args:
        pretrained_model_name_or_path: a folder, or a repository on the Hub, in transformers' own format.
        subfolder, variant, hub_arguments: as of `load_wavtokenizer`.

    Raises:
        OSError: nothing is there.
        ValueError: as `load_wavtokenizer`.
    """
    source = str(pretrained_model_name_or_path)
    config_class = check_model_type(
        source, *CLASSES, Xcodec2Config, NeuCodecConfig, subfolder=subfolder, **hub_arguments
    )
    options = {"subfolder": subfolder, "variant": variant, **hub_arguments}
    if config_class in CLASSES:
        return load_wavtokenizer(source, **options)
    # Only where they are needed, as transformers' modules of them take 0.1 s to import.
    from .speech_codecs import NeuCodecTokenizerModel, XCodec2TokenizerModel

    model_class = XCodec2TokenizerModel if config_class is Xcodec2Config else NeuCodecTokenizerModel
    return model_class.from_pretrained(source, dtype=torch.float32, **options)
