"""Codecs in transformers' format load complete and in float32; those in the former format are converted."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, WavTokenizerModel

import aidd
from aidd.models.wavtokenizer import encode, load_wavtokenizer, save_wavtokenizer
from aidd.models.wavtokenizer.convert_former_folder import FIELDS, main


def test_a_saved_codec_is_the_same_through_every_class(tiny_codec, tmp_path):
    save_wavtokenizer(tiny_codec, tmp_path)
    audio = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(0))
    codes = encode(tiny_codec, audio)
    for loaded in (load_wavtokenizer(tmp_path), AutoModel.from_pretrained(tmp_path)):
        assert type(loaded) is WavTokenizerModel
        assert torch.equal(encode(loaded.eval(), audio), codes)
    assert AutoConfig.from_pretrained(tmp_path).hop_length == 320
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert (extractor.sampling_rate, extractor.hop_length) == (24_000, 320)


def test_a_codec_is_loaded_in_float32_whatever_it_was_stored_in(tiny_codec, tmp_path):
    tiny_codec.to(torch.bfloat16).save_pretrained(tmp_path)
    assert {value.dtype for value in load_file(tmp_path / "model.safetensors").values()} == {torch.bfloat16}
    loaded = load_wavtokenizer(tmp_path)
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize(("name", "message"), [("head.linear.bias", "lack 1 tensors"), (None, "hold 1 others")])
def test_weights_that_do_not_fill_the_model_are_refused(tiny_codec, tmp_path, name, message):
    tiny_codec.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    if name is None:
        tensors["head.other"] = torch.zeros(1)
    else:
        del tensors[name]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=message):
        load_wavtokenizer(tmp_path)


def test_another_model_is_refused(tiny_transformer, tmp_path):
    tiny_transformer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"is a DiTTokenModel .*, expected a WavTokenizer"):
        load_wavtokenizer(tmp_path)


# --- The former format -----------------------------------------------------------------------------------------------

FORMER_NAMES = (
    (r"^encoder_model\.encoder\.", "encoder."),
    (r"^encoder_model\.quantizer\.codebook\.", "codebook."),
    (r"^backbone\.pos_net\.([01])\.", r"decoder.prior_net.\1."),
    (r"^backbone\.pos_net\.2\.norm\.", "decoder.attention.norm."),
    (r"^backbone\.pos_net\.2\.([qkv])\.", r"decoder.attention.\1_proj."),
    (r"^backbone\.pos_net\.2\.proj_out\.", "decoder.attention.o_proj."),
    (r"^backbone\.pos_net\.3\.", "decoder.post_net.0."),
    (r"^backbone\.pos_net\.4\.", "decoder.post_net.1."),
    (r"^backbone\.pos_net\.5\.", "decoder.group_norm."),
    (r"^backbone\.(convnext\.\d+\.)?norm\.(scale|shift)\.weight$", r"backbone.\1norm.\2"),
    (r"^backbone\.final_layer_norm\.", "decoder.final_norm."),
    (r"^backbone\.convnext\.(\d+)\.pwconv([12])\.", r"decoder.layers.\1.fc\2."),
    (r"^backbone\.convnext\.", "decoder.layers."),
    (r"^backbone\.", "decoder."),
)


def write_former(codec, folder) -> None:
    """A codec as earlier versions of aidd saved it."""
    config = {old: getattr(codec.config, name) for old, name in FIELDS.items()}
    config |= {"model_type": "aidd_wavtokenizer", "activation_dropout": 0.1, "dtype": "float32"}
    tensors = {}
    for name, tensor in codec.state_dict().items():
        tensor = tensor[..., 0] if re.search(r"pos_net\.2\.(q|k|v|proj_out)\.weight$", name) else tensor
        for pattern, replacement in FORMER_NAMES:
            name = re.sub(pattern, replacement, name)
        tensors[name] = tensor.contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture
def former(tiny_pipeline, tmp_path):
    """A pipeline's folder in the former format."""
    folder = tmp_path / "former"
    tiny_pipeline.save_pretrained(folder)
    (folder / "codec" / "preprocessor_config.json").unlink()
    write_former(tiny_pipeline.codec, folder / "codec")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"codec": ["aidd", "WavTokenizerModel"]}))
    return folder


def test_a_former_folder_is_refused_with_the_command_that_converts_it(former, tmp_path, capsys):
    for load in (aidd.AIDDPipeline.from_pretrained, lambda folder: load_wavtokenizer(folder / "codec")):
        with pytest.raises(ValueError, match=r"python -m aidd.models.wavtokenizer.convert_former_folder \S+ NEW_FOL"):
            load(former)
    main([str(former), str(tmp_path / "new")])
    assert "AIDDPipeline" in capsys.readouterr().out


def test_a_converted_pipeline_repairs_as_before(former, tiny_pipeline, tones, tmp_path):
    main([str(former), str(tmp_path / "new")])
    converted = aidd.AIDDPipeline.from_pretrained(tmp_path / "new")
    converted.set_progress_bar_config(disable=True)
    weights = converted.codec.state_dict()
    for name, tensor in tiny_pipeline.codec.state_dict().items():
        assert torch.equal(weights[name], tensor), name
    audio, mask = tones(24_000, 24_000)[0], np.arange(24_000) // 2400 == 4
    restored = [
        pipe(audio, mask, generator=torch.Generator().manual_seed(0)).audios for pipe in (tiny_pipeline, converted)
    ]
    assert np.array_equal(*restored)
    assert json.loads((tmp_path / "new" / "model_index.json").read_text())["codec"] == [
        "transformers",
        "WavTokenizerModel",
    ]
    assert AutoFeatureExtractor.from_pretrained(tmp_path / "new" / "codec").hop_length == 320


def test_a_converted_codec_is_the_same(tiny_codec, tmp_path):
    write_former(tiny_codec, tmp_path / "former")
    main([str(tmp_path / "former"), str(tmp_path / "new")])
    weights = load_wavtokenizer(tmp_path / "new").state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in tiny_codec.state_dict().items())


def test_what_cannot_be_converted_is_told_in_a_line(tiny_codec, tiny_pipeline, tmp_path, capsys):
    save_wavtokenizer(tiny_codec, tmp_path / "native")
    tiny_pipeline.save_pretrained(tmp_path / "pipeline")
    (tmp_path / "empty").mkdir()
    for source, message in (
        ("native", "expected a configuration of model_type aidd_wavtokenizer, got wavtokenizer"),
        ("pipeline", "is in transformers' format already"),
        ("empty", "No such file"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main([str(tmp_path / source), str(tmp_path / "new")])
        assert message in capsys.readouterr().err
        assert not (tmp_path / "new").exists()
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "native"), str(tmp_path / "empty")])
    assert "choose a new folder" in capsys.readouterr().err
