import copy
import json

import pytest
import torch

from aidd.training.codec.codec_record import codec_digest, codec_of_tokens


def test_a_codec_is_itself_in_any_precision_that_it_is_saved_in(tiny_codec, tmp_path):
    digest = codec_digest(tiny_codec)
    half = copy.deepcopy(tiny_codec).to(torch.bfloat16)
    assert codec_digest(half) == codec_digest(half.float()) == digest
    half.save_pretrained(tmp_path)
    for dtype in (torch.float32, torch.bfloat16):
        assert codec_digest(type(tiny_codec).from_pretrained(tmp_path, dtype=dtype)) == digest
    # No token depends on the decoder.
    tiny_codec.head.linear.bias.data += 0.1
    assert codec_digest(tiny_codec) == digest
    tiny_codec.encoder_model.quantizer.codebook.embed[0, 0] += 0.1
    assert codec_digest(tiny_codec) != digest


def test_tokens_tell_their_codec_and_those_of_two_are_refused(tmp_path):
    folders = []
    for name, settings in {"a": {"codec_digest": "1" * 64}, "b": {}, "c": {"codec_digest": "2" * 64}}.items():
        (tmp_path / name / "parts").mkdir(parents=True)
        (tmp_path / name / "parts" / "settings.json").write_text(json.dumps(settings))
        folders.append(tmp_path / name)
    assert codec_of_tokens([folders[0], folders[1], tmp_path / "none"]) == "1" * 64
    assert codec_of_tokens([folders[1]]) is None
    with pytest.raises(ValueError, match=r"got those of 2: .*a \(111111111111\), .*c \(222222222222\)"):
        codec_of_tokens(folders)
