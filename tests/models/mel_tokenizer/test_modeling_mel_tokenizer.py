"""The codec whose encoder hears magnitudes: what its tokens do not depend on, and that it is used like any other."""

import json

import numpy as np
import pytest
import tiny_models
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from processes import python

from aidd.models.mel_tokenizer import MelTokenizerConfig, MelTokenizerModel
from aidd.models.mel_tokenizer.modeling_mel_tokenizer import log_mels
from aidd.models.wavtokenizer import decode, encode, load_wavtokenizer


@pytest.fixture
def codec() -> MelTokenizerModel:
    return tiny_models.mel_codec()


def noise(num_samples: int, batch: int = 1) -> torch.Tensor:
    return 0.3 * torch.randn(batch, 1, num_samples, generator=torch.Generator().manual_seed(1))


def test_what_is_a_hop_later_has_its_tokens_a_hop_later(codec):
    """Away from the ends, which see what is padded."""
    audio, hop = noise(24_000), codec.config.hop_length
    codes, later = encode(codec, audio), encode(codec, audio[..., hop:])
    assert torch.equal(codes[..., 21:-20], later[..., 20:-20])


@pytest.mark.parametrize("num_samples", [1, 479, 480, 481, 5000])
def test_tokens_are_whole_hops_and_so_is_what_they_decode_to(codec, num_samples):
    codes = encode(codec, noise(num_samples))
    assert codes.shape == (1, 1, -(-num_samples // 480))
    # A single token gives this decoder's group norms one value a group, which they refuse.
    if num_samples > 480:
        assert decode(codec, codes).shape == (1, 1, codes.shape[-1] * 480)


def test_frames_are_centred_on_their_steps_and_bands_on_their_frequencies():
    rate, step, frame_length = 24_000, 240, 1200
    time = torch.arange(20 * step) / rate
    tone = torch.sin(2 * torch.pi * 1000 * time)[None]
    options = {"sampling_rate": rate, "frame_length": frame_length, "frame_step": step, "num_bins": 40}
    levels = log_mels(tone, **options)
    assert levels.shape == (1, 20, 40)
    white = noise(20 * step)[0]
    assert (log_mels(10 * white, **options) - log_mels(white, **options)).mean() == pytest.approx(1, abs=1e-4)
    click = torch.zeros(1, 20 * step)
    click[0, 10 * step + step // 2] = 1
    assert log_mels(click, **options).mean(-1).argmax() == 10
    # Slaney's scale is linear up to 1 kHz, in steps of 200 / 3 Hz.
    top = 15 + np.log(12_000 / 1000) / (np.log(6.4) / 27)
    assert levels[0, 10].argmax() == round(15 / (top / 41) - 1)


def test_the_script_that_trains_codecs_trains_it(codec, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(codec.config.to_dict()))
    options = {
        "--config_path": config,
        "--output_dir": tmp_path / "trained",
        "--max_train_steps": 3,
        "--codebook_start_step": 1,
        "--codebook_start_segments": 4,
        "--segment_seconds": 0.3,
        "--train_batch_size": 1,
        "--level_loss_weight": 0.3,
        "--logging_steps": 1,
        "--lr_warmup_steps": 1,
    }
    command = [str(part) for option in options.items() for part in option]
    done = python.run("examples/train_wavtokenizer.py", "--use_dummy_data", *command, ACCELERATE_USE_CPU="true")
    assert done.returncode == 0, done.stderr[-3000:]
    assert type(load_wavtokenizer(tmp_path / "trained")) is MelTokenizerModel
    rows = [json.loads(line) for line in (tmp_path / "trained" / "metrics.jsonl").read_text().splitlines()]
    assert all(row["train/level"] > 0 for row in rows if "train/level" in row) and "train/level" in rows[0]


def test_hops_that_short_frames_do_not_fit_are_refused():
    with pytest.raises(StrictDataclassClassValidationError, match="multiple of 4"):
        MelTokenizerConfig(upsampling_ratios=[5, 3, 3])
