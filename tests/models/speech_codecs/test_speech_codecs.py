"""XCodec2 and NeuCodec as pipelines ask them: their codes are those of transformers' models, and keep their place."""

import json

import numpy as np
import pytest
import tiny_models
import torch
from transformers import (
    AutoFeatureExtractor,
    NeuCodecConfig,
    NeuCodecModel,
    Wav2Vec2BertConfig,
    WavTokenizerConfig,
    WavTokenizerModel,
    Xcodec2Config,
    Xcodec2Model,
)

import aidd
from aidd.models.codecs import check_codec
from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.models.loading_codecs import load_codec
from aidd.models.speech_codecs import NeuCodecTokenizerModel, XCodec2TokenizerModel
from aidd.models.wavtokenizer import decode, encode
from aidd.signals.resampling import resample
from aidd.training.codec.codec_record import codec_digest


@pytest.fixture(params=["xcodec2", "neucodec"])
def codec(request):
    return getattr(tiny_models, request.param)()


def noise(num_samples: int, batch: int = 1) -> torch.Tensor:
    return 0.3 * torch.randn(batch, 1, num_samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("build", "rate", "hop"), [(tiny_models.xcodec2, 16_000, 320), (tiny_models.neucodec, 24_000, 480)]
)
def test_rate_and_hop_are_those_that_it_decodes_to(build, rate, hop):
    config = build().config
    assert (config.sampling_rate, config.hop_length, config.codebook_size) == (rate, hop, 4**4)
    check_codec(build(), 256)


@torch.no_grad()
@pytest.mark.parametrize("num_hops", [4.0, 4.3, 5.0])
def test_codes_are_those_of_transformers_model(codec, num_hops, tmp_path):
    """Both load one folder. NeuCodec's own drops a last hop that is not whole, so it is given the rest of it."""
    codec.save_pretrained(tmp_path)
    own_class = Xcodec2Model if isinstance(codec, XCodec2TokenizerModel) else NeuCodecModel
    own, extractor = own_class.from_pretrained(tmp_path).eval(), AutoFeatureExtractor.from_pretrained(tmp_path)
    audio = noise(round(num_hops * codec.config.hop_length), batch=2)
    whole = audio
    if own_class is NeuCodecModel:
        whole = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % codec.config.hop_length))
    resampled = resample(whole, codec.config.sampling_rate, 16_000)
    inputs = extractor(list(resampled[:, 0]), sampling_rate=16_000, return_tensors="pt")
    codes, expected = encode(codec, audio), own.encode(**inputs).audio_codes
    assert codes.shape[-1] == np.ceil(num_hops) <= expected.shape[-1]
    assert torch.equal(codes, expected[..., : codes.shape[-1]].long())
    assert torch.equal(decode(codec, codes), own.decode(audio_codes=codes).audio_values)


@torch.no_grad()
@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("hops", [1, 6])
def test_tokens_are_whole_hops_and_so_is_what_they_decode_to(codec, hops, extra):
    hop = codec.config.hop_length
    codes = encode(codec, noise(hops * hop + extra, batch=2))
    assert codes.shape == (2, 1, hops + (extra == 1)) and codes.dtype == torch.int64
    # A single token gives the decoder's group norms one value a group, which they refuse.
    if codes.shape[-1] > 1:
        assert decode(codec, codes).shape == (2, 1, codes.shape[-1] * hop)
        assert codec(noise(hops * hop + extra)).audio_values.shape == (1, 1, hops * hop + extra)


@torch.no_grad()
def test_what_is_a_hop_later_has_its_tokens_a_hop_later(codec):
    """So it is away from the ends, and where the semantic encoder, which attends to all of the input, has no say."""
    codec.fc_encoder.weight[:, : codec.config.semantic_model_config.hidden_size] = 0
    hop = codec.config.hop_length
    audio = noise(60 * hop)
    codes, later = encode(codec, audio), encode(codec, audio[..., hop:])
    assert len(codes.unique()) > 5
    assert torch.equal(codes[..., 11:-10], later[..., 10:-10])
    assert not torch.equal(codes[..., 10:-11], later[..., 10:-10])


@torch.no_grad()
def test_a_token_sounds_at_its_hop(codec):
    """So it does where attention and group norms, which see the whole input, have no say."""
    decoder = codec.acoustic_decoder
    for silenced in (*(layer.self_attn.o_proj for layer in decoder.layers), *(net.conv2 for net in decoder.prior_net)):
        silenced.weight.zero_()
    for net in decoder.post_net:
        net.conv2.weight.zero_()
    hop = codec.config.hop_length
    codes = torch.full((1, 1, 30), 100)
    other = codes.clone()
    other[..., 12] = 155
    change = (decode(codec, other) - decode(codec, codes)).square().unflatten(-1, (30, hop)).sum(-1)
    assert change[0, 0].nonzero().flatten().tolist() == list(range(12 - 3 - 2, 12 + 3 + 2 + 1))
    assert change[0, 0, 10:15].sum() > 0.5 * change.sum()


@torch.no_grad()
def test_a_batch_equals_its_items_alone(codec):
    audio = noise(10 * codec.config.hop_length, batch=3)
    codes = encode(codec, audio)
    assert torch.equal(codes, torch.cat([encode(codec, row[None]) for row in audio]))


def test_a_pipeline_with_it_fills_gaps_and_loads(codec, tones, tmp_path):
    torch.manual_seed(0)
    config = DiTTokenConfig(
        codebook_size=256,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=60,
    )
    pipe = tiny_models.pipeline(codec, DiTTokenModel(config).eval())
    audio, mask = tones(60_000, 44_100, 2), np.zeros(60_000, bool)
    mask[20_000:24_000] = True
    damaged = np.where(mask, np.nan, audio)
    call = {"sampling_rate": 44_100, "generator": torch.Generator().manual_seed(0)}
    restored = pipe(damaged, mask, **call).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask]) and np.isfinite(restored).all()
    assert (restored[:, mask] != 0).mean() > 0.99

    pipe.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["codec"] == ["aidd", type(codec).__name__]
    loaded = aidd.AIDDPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert type(loaded.codec) is type(codec) and loaded.codec.dtype == torch.float32
    segment = noise(20 * codec.config.hop_length)
    with torch.no_grad():
        assert torch.equal(encode(loaded.codec, segment), encode(codec, segment))
    call["generator"].manual_seed(0)
    assert np.array_equal(loaded(damaged, mask, **call).audios, restored)


def test_its_weights_are_known_by_a_digest(codec, tmp_path):
    codec.save_pretrained(tmp_path)
    digest = codec_digest(codec)
    assert codec_digest(load_codec(tmp_path)) == digest
    with torch.no_grad():
        codec.fc_encoder.weight[0, 0] += 1
    assert codec_digest(codec) != digest


def test_weights_that_do_not_fill_it_are_refused(codec, tmp_path):
    codec.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"num_hidden_layers": 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="do not belong together"):
        load_codec(tmp_path)


def test_codecs_of_all_kinds_load_and_models_of_others_do_not(tmp_path):
    for build in (tiny_models.codec, tiny_models.mel_codec, tiny_models.band_codec, tiny_models.xcodec2):
        built = build()
        built.save_pretrained(tmp_path / type(built).__name__)
        assert type(load_codec(tmp_path / type(built).__name__)) is type(built)
    DiTTokenConfig().save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match=r"is a DiTTokenModel .*expected a WavTokenizer .* or a NeuCodec"):
        load_codec(tmp_path / "other")


def test_hops_that_features_do_not_fit_are_refused():
    small = {"semantic_model_config": Wav2Vec2BertConfig(num_hidden_layers=0), **tiny_models.SPEECH_SIZES}
    message = "downsampling_ratios whose product is 320, .* got 160"
    with pytest.raises(ValueError, match=message):
        XCodec2TokenizerModel(Xcodec2Config(downsampling_ratios=(2, 4, 4, 5), **small))
    with pytest.raises(ValueError, match=message):
        NeuCodecTokenizerModel(NeuCodecConfig(downsampling_ratios=(2, 4, 4, 5), **small))
    with pytest.raises(ValueError, match="is one of whole samples, got 16000 and 22051 Hz"):
        NeuCodecTokenizerModel(NeuCodecConfig(output_sampling_rate=22_051, **small))


@pytest.mark.parametrize(("ratios", "tokens_a_second"), [([8, 5, 5, 3], 40), ([8, 5, 4, 2], 75)])
def test_wavtokenizers_of_both_published_rates_fill_gaps(ratios, tokens_a_second, tones):
    config = WavTokenizerConfig(upsampling_ratios=ratios, **tiny_models.SIZES)
    codec = tiny_models.with_codebook(WavTokenizerModel, config)
    assert codec.config.sampling_rate / codec.config.hop_length == tokens_a_second
    pipe = tiny_models.pipeline(codec, tiny_models.transformer())
    audio, mask = tones(96_000, 48_000, 2), np.zeros(96_000, bool)
    mask[40_000:50_000] = True
    restored = pipe(np.where(mask, np.nan, audio), mask, sampling_rate=48_000).audios
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask]) and np.isfinite(restored).all()
    assert pipe.max_gap_seconds == pytest.approx((30 - 5) / tokens_a_second)
