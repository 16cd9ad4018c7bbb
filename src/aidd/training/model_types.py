"""Which model a configuration is of: `from_pretrained` would only warn, and make a hybrid."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from ..models.dit_token import DiTTokenConfig
from ..models.wavtokenizer import WavTokenizerConfig


NAMES = {WavTokenizerConfig.model_type: "WavTokenizer", DiTTokenConfig.model_type: "DiTTokenModel"}


def model_name(config: Mapping[str, Any]) -> str:
    """What to call the model of a configuration, such as "a DiTTokenModel (model_type aidd_dit_token)"."""
    if "_class_name" in config:
        return f"a {config['_class_name']}"
    model_type = str(config.get("model_type"))
    return f"a {NAMES.get(model_type, 'model')} (model_type {model_type})"


def check_model_type(source: str | Path, config_class: type[PreTrainedConfig]) -> None:
    """
    Refuses a file, folder or Hub id that holds the configuration of another model.

    Raises:
        OSError: there is no configuration.
        ValueError: it is of another `model_type`, or tells none.
    """
    config, _ = config_class.get_config_dict(source)
    if config.get("model_type") != config_class.model_type:
        expected = model_name({"model_type": config_class.model_type})
        raise ValueError(f"{source} is {model_name(config)}, expected {expected}")
