"""What holds for every codec whose encoder hears magnitudes: it is used like any other."""

import numpy as np
import pytest
import tiny_models
import torch
from transformers import AutoModel

import aidd
from aidd.models.mel_tokenizer import MelTokenizerModel
from aidd.models.wavtokenizer import decode, encode, load_wavtokenizer, save_wavtokenizer


@pytest.fixture(params=[tiny_models.mel_codec, tiny_models.band_codec], ids=["mel", "band"])
def codec(request) -> MelTokenizerModel:
    return request.param()


def noise(num_samples: int, batch: int = 1) -> torch.Tensor:
    return 0.3 * torch.randn(batch, 1, num_samples, generator=torch.Generator().manual_seed(1))


def test_polarity_does_not_change_a_token(codec):
    audio = noise(9600, batch=2)
    codes = encode(codec, audio)
    assert torch.equal(encode(codec, -audio), codes) and len(codes.unique()) > 3


def test_a_saved_codec_is_the_same_through_every_class(codec, tmp_path):
    save_wavtokenizer(codec, tmp_path)
    audio = noise(4800)
    codes = encode(codec, audio)
    for loaded in (load_wavtokenizer(tmp_path), AutoModel.from_pretrained(tmp_path)):
        assert type(loaded) is type(codec)
        assert torch.equal(encode(loaded.eval(), audio), codes)
        assert torch.equal(decode(loaded, codes), decode(codec, codes))


def test_a_pipeline_has_it_for_a_codec(codec, tiny_transformer, tmp_path):
    pipe = tiny_models.pipeline(codec, tiny_transformer)
    audio, mask = noise(48_000)[0, 0].numpy(), np.zeros(48_000, bool)
    mask[20_000:24_000] = True
    restored = pipe(audio, mask, generator=torch.Generator().manual_seed(0)).audios
    assert np.array_equal(restored[~mask], audio[~mask]) and np.abs(restored[mask]).max() > 0
    pipe.save_pretrained(tmp_path)
    loaded = aidd.AIDDPipeline.from_pretrained(tmp_path)
    assert type(loaded.codec) is type(codec)
    loaded.set_progress_bar_config(disable=True)
    assert np.array_equal(loaded(audio, mask, generator=torch.Generator().manual_seed(0)).audios, restored)
