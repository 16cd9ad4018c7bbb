"""The codec whose decoder gives levels of bands: what they are, and that it is used like any other."""

import json

import numpy as np
import pytest
import tiny_models
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from processes import python

from aidd.models.band_tokenizer import BandTokenizerConfig, BandTokenizerModel
from aidd.models.band_tokenizer.modeling_band_tokenizer import band_weights
from aidd.models.wavtokenizer import decode, encode, load_wavtokenizer, save_wavtokenizer


RATE = 24_000


@pytest.fixture
def codec() -> BandTokenizerModel:
    return tiny_models.band_codec()


def noise(num_samples: int) -> torch.Tensor:
    return 0.3 * torch.randn(1, 1, num_samples, generator=torch.Generator().manual_seed(1))


def test_levels_run_from_band_to_band():
    weights = band_weights(481, 12, RATE)
    assert weights.shape == (12, 481) and torch.allclose(weights.sum(0), torch.ones(481))
    # A frequency lies between two bands, and the outermost are those of the ends.
    assert (weights > 0).sum(0).max() == 2 and weights[0, 0] == 1 and weights[-1, -1] == 1
    # What is linear in units of equal auditory bandwidth stays so.
    rate = np.log1p(0.00437 * np.linspace(0, RATE / 2, 481))
    assert np.allclose(torch.arange(12.0) @ weights, 11 * rate / rate[-1], atol=1e-5)


@pytest.mark.parametrize("frames_per_token", [1, 2, 4])
def test_equal_levels_are_white_noise_of_that_level(frames_per_token):
    config = BandTokenizerConfig(**tiny_models.SIZES, frames_per_token=frames_per_token)
    head = BandTokenizerModel(config).eval().head
    torch.nn.init.zeros_(head.linear.levels.weight)
    with torch.no_grad():
        soft = head(torch.randn(1, 200, 32))[0, 0]
        head.linear.levels.bias += np.log(2)
        loud = head(torch.randn(1, 200, 32))[0, 0]
    assert soft.shape == (200 * 480,) and torch.allclose(loud, 2 * soft, rtol=1e-4, atol=1e-7)
    powers = torch.fft.rfft(soft).abs()[: 200 * 240].square().reshape(10, -1).mean(-1)
    assert (10 * torch.log10(powers / powers.mean())).abs().max() < 0.5
    # Frames of independent phases add in power, a quarter of a window apart.
    expected = np.exp(-6) / (4 * head.window.square().sum().item())
    assert 10 * np.log10(soft.var().item() / expected) == pytest.approx(0, abs=0.3)


def test_codes_have_one_audio_and_training_draws_phases(codec):
    codes = encode(codec, noise(9600))
    assert torch.equal(decode(codec, codes), decode(codec, codes))
    hidden_states = torch.randn(1, 20, 32)
    codec.head.train()
    with torch.no_grad():
        first, second = codec.head(hidden_states), codec.head(hidden_states)
    assert not torch.equal(first, second) and first.std().item() == pytest.approx(second.std().item(), rel=0.2)


def train(tmp_path, *options: object):
    sizes = {"--max_train_steps": 2, "--segment_seconds": 0.3, "--train_batch_size": 1, "--lr_warmup_steps": 1}
    options += tuple(part for option in sizes.items() for part in option)
    command = ["--use_dummy_data", "--output_dir", tmp_path / "trained", *options]
    return python.run("examples/train_wavtokenizer.py", *map(str, command), ACCELERATE_USE_CPU="true")


def test_the_script_that_trains_codecs_gives_a_trained_codec_this_decoder(codec, tmp_path):
    """Encoder and codebook are those of the codec it starts from: its tokens stay the same."""
    mel_codec = tiny_models.mel_codec()
    save_wavtokenizer(mel_codec, tmp_path / "mel")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(codec.config.to_dict()))
    done = train(tmp_path, "--init_from", tmp_path / "mel", "--config_path", config)
    assert done.returncode == 0, done.stderr[-3000:]
    trained = load_wavtokenizer(tmp_path / "trained")
    assert type(trained) is BandTokenizerModel
    assert torch.equal(encode(trained, noise(9600)), encode(mel_codec, noise(9600)))


def test_the_script_refuses_to_start_from_another_architecture(tmp_path):
    save_wavtokenizer(tiny_models.codec(), tmp_path / "other")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(tiny_models.band_codec().config.to_dict()))
    done = train(tmp_path, "--init_from", tmp_path / "other", "--config_path", config)
    assert done.returncode != 0 and "encoder" in done.stderr and "got None" in done.stderr


@pytest.mark.parametrize(("field", "value"), [("frames_per_token", 7), ("frames_per_token", 0), ("num_bands", 1)])
def test_configurations_that_fit_no_frames_are_refused(field, value):
    with pytest.raises(StrictDataclassClassValidationError, match=field):
        BandTokenizerConfig(**{field: value})
