"""Which model a configuration belongs to: `from_pretrained` of another would only warn, and mix the two."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig


NAMES = {
    "wavtokenizer": "WavTokenizer",
    "aidd_mel_tokenizer": "MelTokenizerModel",
    "aidd_band_tokenizer": "BandTokenizerModel",
    "xcodec2": "XCodec2",
    "neucodec": "NeuCodec",
    "aidd_dit_token": "DiTTokenModel",
}
# Model type of codecs that aidd saved before transformers had a WavTokenizer of its own.
FORMER_CODEC = "aidd_wavtokenizer"


def model_name(config: Mapping[str, Any]) -> str:
    """Names the model of a configuration, such as "a DiTTokenModel (model_type aidd_dit_token)"."""
    if "_class_name" in config:
        return f"a {config['_class_name']}"
    model_type = str(config.get("model_type"))
    name = NAMES.get(model_type, "model")
    return f"{'an' if name.startswith('X') else 'a'} {name} (model_type {model_type})"


def check_model_type(
    source: str | Path, *config_classes: type[PreTrainedConfig], subfolder: str = "", **hub_arguments: Any
) -> type[PreTrainedConfig]:
    """
    Refuses a file, folder or Hub id that holds the configuration of another model.

    Args:
        source: the file, folder or Hub id.
        config_classes: configuration classes of the expected models.
        subfolder: where in it the configuration lies.
        hub_arguments: `revision`, `token`, ..., as in [`~transformers.PreTrainedConfig.from_pretrained`].

    Returns:
        The class that the configuration belongs to.

    Raises:
        OSError: there is no configuration.
        ValueError: it has another `model_type`, or none, or is a codec's in the former format.
    """
    config, _ = config_classes[0].get_config_dict(source, subfolder=subfolder, **hub_arguments)
    # For a subfolder without a configuration, transformers returns an empty one.
    if not config:
        raise OSError(f"{source} holds no configuration{f' in {subfolder}' if subfolder else ''}")
    if config.get("model_type") == FORMER_CODEC:
        raise ValueError(
            f"{source} holds a codec in aidd's former format (model_type {FORMER_CODEC}). Convert its folder by: "
            f"python -m aidd.models.wavtokenizer.convert_former_folder {source} NEW_FOLDER"
        )
    found = next((one for one in config_classes if one.model_type == config.get("model_type")), None)
    if found is None:
        *others, last = (model_name({"model_type": one.model_type}) for one in config_classes)
        expected = f"{', '.join(others)} or {last}" if others else last
        place = f"{source}, {subfolder}," if subfolder else source
        raise ValueError(f"{place} is {model_name(config)}, expected {expected}")
    return found
