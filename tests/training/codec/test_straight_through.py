import pytest
import torch
from transformers import WavTokenizerModel

from aidd.models.wavtokenizer import decode, encode
from aidd.training.codec.straight_through import StraightThroughWavTokenizer, initialise_decoder


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def model(tiny_codec, generator):
    """No weight at its initial 0 or 1."""
    with torch.no_grad():
        for parameter in tiny_codec.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return StraightThroughWavTokenizer(tiny_codec).eval()


@torch.no_grad()
def test_round_trip_keeps_the_length_and_is_encode_then_decode(model, generator):
    audio = torch.randn(2, 1, 1000, generator=generator)
    output = model(audio)
    codes = encode(model.codec, audio)
    assert output.audio_values.shape == audio.shape
    assert torch.equal(output.audio_codes, codes)
    torch.testing.assert_close(output.audio_values, decode(model.codec, codes)[..., :1000], rtol=1e-4, atol=1e-5)


def test_a_trained_codebook_is_kept_and_the_codec_is_saved_as_transformers_own(tiny_codec, generator, tmp_path):
    before = {name: tensor.clone() for name, tensor in tiny_codec.state_dict().items()}
    trained = StraightThroughWavTokenizer(tiny_codec)
    trained.codec.save_pretrained(tmp_path)
    loaded = WavTokenizerModel.from_pretrained(tmp_path)
    assert type(loaded.encoder_model.quantizer.codebook) is not type(trained.codebook)
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in before.items())


def test_gradients_pass_straight_through_the_codebook(model, generator):
    """The encoder gets the gradient that the codes' vectors get, as though the codebook were the identity."""
    output = model(torch.randn(1, 1, 7 * 320, generator=generator))
    output.latents.retain_grad()
    output.audio_values.square().sum().backward()
    vectors = model.codebook.decode(output.audio_codes[:, 0]).transpose(1, 2).requires_grad_()
    model.decode_features(vectors).square().sum().backward()
    largest = vectors.grad.abs().max().item()
    torch.testing.assert_close(output.latents.grad, vectors.grad, rtol=1e-3, atol=1e-4 * largest)
    assert largest > 0
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


def test_commitment_loss_pulls_latents_to_their_vectors(model, generator):
    output = model(torch.randn(1, 1, 7 * 320, generator=generator))
    output.commitment_loss.backward()
    assert output.commitment_loss > 0
    assert model.encoder.layers[0].conv.bias.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in model.codec.backbone.parameters())


def test_round_trip_past_the_codebook_needs_none(tiny_codec, generator):
    model = StraightThroughWavTokenizer(WavTokenizerModel(tiny_codec.config))
    audio = torch.randn(1, 1, 1000, generator=generator)
    output = model(audio, quantize=False)
    assert output.audio_values.shape == (1, 1, 1000) and output.audio_codes is None
    assert model.codebook.inited == 0
    with pytest.raises(ValueError, match="the codebook is empty"):
        model(audio)


def test_the_head_computes_in_float32_under_autocast(model, generator):
    audio = torch.randn(1, 1, 1000, generator=generator)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        output = model(audio)
    assert output.audio_values.dtype == torch.float32 and output.latents.dtype == torch.bfloat16


def test_the_decoder_starts_as_in_the_published_training_with_the_dropout_asked_for(tiny_codec):
    torch.manual_seed(0)
    codec = WavTokenizerModel(tiny_codec.config)
    initialise_decoder(codec)
    backbone = codec.backbone
    for convolution in (backbone.embed, backbone.pos_net[0].conv1, backbone.convnext[0].dwconv):
        assert 0.015 < convolution.weight.std() < 0.025 and (convolution.bias == 0).all()
    assert (backbone.norm.scale.weight == 1).all() and (backbone.convnext[0].gamma == 0.5).all()
    model = StraightThroughWavTokenizer(codec, dropout=0.0).train()
    audio = torch.randn(1, 1, 1000, generator=torch.Generator().manual_seed(0))
    first, again = (model(audio, quantize=False).audio_values for _ in range(2))
    assert torch.equal(first, again)
