import json
import re

import pytest
from transformers import WavTokenizerConfig

from aidd.models.dit_token import DiTTokenConfig
from aidd.models.model_types import check_model_type, model_name


CODEC = "a WavTokenizer (model_type wavtokenizer)"
TRANSFORMER = "a DiTTokenModel (model_type aidd_dit_token)"


def test_a_configuration_of_the_model_is_taken_as_file_and_as_folder(tmp_path):
    DiTTokenConfig().save_pretrained(tmp_path)
    check_model_type(tmp_path, DiTTokenConfig)
    check_model_type(str(tmp_path / "config.json"), DiTTokenConfig)


@pytest.mark.parametrize(
    ("found", "config_class", "message"),
    [
        ({"model_type": "aidd_dit_token"}, WavTokenizerConfig, f"is {TRANSFORMER}, expected {CODEC}"),
        ({"model_type": "wavtokenizer"}, DiTTokenConfig, f"is {CODEC}, expected {TRANSFORMER}"),
        ({"_class_name": "UNet2DModel"}, DiTTokenConfig, f"is a UNet2DModel, expected {TRANSFORMER}"),
        ({"hidden_size": 8}, DiTTokenConfig, f"is a model (model_type None), expected {TRANSFORMER}"),
    ],
)
def test_that_of_another_model_is_refused_by_name(found, config_class, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(found))
    with pytest.raises(ValueError) as error:
        check_model_type(tmp_path / "config.json", config_class)
    assert str(error.value) == f"{tmp_path / 'config.json'} {message}"


def test_a_codec_in_the_former_format_is_refused_with_the_command_that_converts_it(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "aidd_wavtokenizer"}))
    with pytest.raises(ValueError, match=rf"convert_former_folder {re.escape(str(tmp_path))} NEW_FOLDER"):
        check_model_type(tmp_path, WavTokenizerConfig)


def test_a_model_is_called_by_its_class():
    assert model_name({"model_type": "aidd_dit_token"}) == TRANSFORMER
    assert model_name({"model_type": "xcodec2"}) == "an XCodec2 (model_type xcodec2)"
