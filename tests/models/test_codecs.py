"""Codecs that are no WavTokenizer: a small one of our own, and those of transformers that are none for us."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import (
    DacConfig,
    DacModel,
    PreTrainedConfig,
    PreTrainedModel,
    Wav2Vec2BertConfig,
    Xcodec2Config,
    Xcodec2Model,
)

from aidd.models.codecs import check_codec
from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.models.wavtokenizer import decode, encode
from aidd.pipelines import AIDDPipeline
from aidd.schedulers import MaskedDiscreteScheduler


class MuLawConfig(PreTrainedConfig):
    model_type = "mu_law"
    codebook_size = 256
    hop_length = 80
    sampling_rate = 16_000


class MuLawCodec(PreTrainedModel):
    """Tokens are the means of hops by the mu-law of 8 bits."""

    config_class = MuLawConfig

    def __init__(self, config: MuLawConfig):
        super().__init__(config)
        self.gain = nn.Parameter(torch.ones(()))
        self.post_init()

    def encode(self, input_values: Tensor) -> SimpleNamespace:
        means = nn.functional.avg_pool1d(input_values, self.config.hop_length, ceil_mode=True) * self.gain
        compressed = means.sign() * torch.log1p(255 * means.abs().clamp(max=1)) / np.log(256)
        return SimpleNamespace(audio_codes=((compressed + 1) * 127.5).round().long())

    def decode(self, audio_codes: Tensor) -> SimpleNamespace:
        compressed = audio_codes / 127.5 - 1
        means = compressed.sign() * torch.expm1(compressed.abs() * np.log(256)) / 255
        return SimpleNamespace(audio_values=means.repeat_interleave(self.config.hop_length, -1))


def transformer(codebook_size: int = 256) -> DiTTokenModel:
    torch.manual_seed(0)
    config = DiTTokenConfig(
        codebook_size=codebook_size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    return DiTTokenModel(config).eval()


def test_a_codec_of_ones_own_fills_gaps(tones):
    codec = MuLawCodec(MuLawConfig()).eval()
    pipe = AIDDPipeline(codec, transformer(), MaskedDiscreteScheduler())
    assert (pipe.sampling_rate, pipe.hop_length) == (16_000, 80)
    audio, mask = tones(48_000, 44_100, 2), np.zeros(48_000, bool)
    mask[20_000:24_000] = True
    restored = pipe(
        np.where(mask, np.nan, audio), mask, sampling_rate=44_100, generator=torch.Generator().manual_seed(0)
    ).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])
    assert np.isfinite(restored).all() and (restored[:, mask] != 0).mean() > 0.99


def test_a_pipeline_with_it_is_saved_and_loaded(tmp_path, caplog):
    codec = MuLawCodec(MuLawConfig()).eval()
    AIDDPipeline(codec, transformer(), MaskedDiscreteScheduler()).save_pretrained(tmp_path)
    pipe = AIDDPipeline.from_pretrained(tmp_path, codec=MuLawCodec.from_pretrained(tmp_path / "codec"))
    assert isinstance(pipe.codec, MuLawCodec) and "Expected types" not in caplog.text


def test_the_codec_gives_steps_back():
    codec = MuLawCodec(MuLawConfig())
    steps = torch.linspace(-1, 1, 256)[None, None]
    with torch.no_grad():
        codes = encode(codec, steps.repeat_interleave(80, -1))
    assert codes.shape == (1, 1, 256)
    np.testing.assert_allclose(codec.decode(codes).audio_values[..., ::80], steps, atol=0.025)


def dac(n_codebooks: int) -> DacModel:
    return DacModel(
        DacConfig(
            encoder_hidden_size=4,
            downsampling_ratios=[2, 4],
            decoder_hidden_size=16,
            n_codebooks=n_codebooks,
            codebook_size=32,
            codebook_dim=2,
        )
    ).eval()


def xcodec2() -> Xcodec2Model:
    semantic = Wav2Vec2BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, output_hidden_size=16
    )
    config = Xcodec2Config(
        hidden_size=32,
        head_dim=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        encoder_hidden_size=4,
        quantization_dim=16,
        semantic_model_config=semantic,
    )
    return Xcodec2Model(config).eval()


@pytest.mark.parametrize(
    ("build", "lacks"),
    [
        (xcodec2, r"config.codebook_size, encode\(input_values\), as its own needs input_features"),
        (lambda: nn.Linear(2, 2), "config.codebook_size, config.hop_length, config.sampling_rate, encode"),
        (lambda: MuLawCodec(MuLawConfig(hop_length=0)), "config.hop_length$"),
    ],
    ids=["features besides", "no codec", "no hops"],
)
def test_what_is_no_codec_is_refused_by_what_it_lacks(build, lacks):
    with pytest.raises(ValueError, match=f"lacks {lacks}"):
        AIDDPipeline(build(), transformer(), MaskedDiscreteScheduler())


def test_codes_of_several_codebooks_are_refused():
    codec = dac(2)
    check_codec(codec, 32)
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=r"one codebook, \(1, 1, 200\), of DacModel, got \(1, 2, 200"),
    ):
        encode(codec, torch.zeros(1, 1, 1_600))


class LongCodec(MuLawCodec):
    """Gives a code more than the audio has hops."""

    def encode(self, input_values: Tensor) -> SimpleNamespace:
        return super().encode(nn.functional.pad(input_values, (0, self.config.hop_length)))


class ShortCodes(MuLawCodec):
    """Gives codes of another type than it takes."""

    def encode(self, input_values: Tensor) -> SimpleNamespace:
        return SimpleNamespace(audio_codes=super().encode(input_values).audio_codes.int())


class CodesLast(MuLawCodec):
    """Its `decode` takes something else first, as that of transformers' DAC does."""

    def decode(self, latents: Tensor | None = None, audio_codes: Tensor | None = None) -> SimpleNamespace:
        assert latents is None
        return super().decode(audio_codes)


def test_what_a_codec_takes_is_given_by_its_name():
    codec = CodesLast(MuLawConfig())
    check_codec(codec, 256)
    codes = torch.arange(256)[None, None]
    assert torch.equal(decode(codec, codes), MuLawCodec(MuLawConfig()).decode(codes).audio_values)


def test_audio_and_codes_of_another_shape_are_refused():
    codec = dac(1)
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=r"expected audio \(1, 1, 1600\) of DacModel, got \(1, 1600\)"),
    ):
        decode(codec, encode(codec, torch.zeros(1, 1, 1_600)))
    with torch.no_grad(), pytest.raises(ValueError, match=r"\(1, 1, 2\), of LongCodec, got \(1, 1, 3\)"):
        encode(LongCodec(MuLawConfig()), torch.zeros(1, 1, 160))


def test_codes_of_another_type_or_outside_the_codebook_are_refused():
    with torch.no_grad(), pytest.raises(ValueError, match=r"audio_codes must be int64, got torch\.int32"):
        encode(ShortCodes(MuLawConfig()), torch.zeros(1, 1, 160))
    with torch.no_grad(), pytest.raises(ValueError, match=r"must lie in \[0, 200\), got values from 0 to 255"):
        encode(MuLawCodec(MuLawConfig(codebook_size=200)), torch.linspace(-1, 1, 16_000)[None, None])


def test_another_number_of_codes_is_refused():
    with pytest.raises(ValueError, match="one codebook size, got 256 and 255"):
        AIDDPipeline(MuLawCodec(MuLawConfig()), transformer(255), MaskedDiscreteScheduler())
