import subprocess
import sys

import pytest
import torch
from transformers import AutoConfig, AutoModel

from aidd.models.wavtokenizer import WavTokenizerConfig, WavTokenizerModel


HOP = 8


def tiny_config(**changes):
    sizes = {"num_filters": 4, "codebook_dim": 16, "codebook_size": 32, "hidden_size": 32, "intermediate_size": 48}
    return WavTokenizerConfig(**{"upsampling_ratios": [4, 2], "num_hidden_layers": 2, **sizes, **changes})


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def model(generator):
    """A tiny model, no weight at its initial 0 or 1, its codebook on the latents of noise."""
    model = WavTokenizerModel(tiny_config()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        latents = model.encoder(torch.randn(1, 1, 4_000, generator=generator))[0].T
    model.start_codebook(latents, generator, num_iterations=5)
    return model


# --- Shapes and lengths ----------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("num_samples", [1, 2, HOP - 1, HOP, HOP + 1, 5 * HOP, 5 * HOP + 3])
def test_one_token_for_every_hop_begun(model, generator, num_samples):
    encoded = model.encode(torch.randn(2, 1, num_samples, generator=generator))
    num_tokens = -(-num_samples // HOP)
    assert encoded.audio_codes.shape == (2, 1, num_tokens)
    assert encoded.audio_codes_mask.all()
    assert model.decode(encoded.audio_codes).audio_values.shape == (2, 1, num_tokens * HOP)


@torch.no_grad()
def test_round_trip_keeps_the_length_and_is_encode_then_decode(model, generator):
    audio = torch.randn(2, 1, 100, generator=generator)
    output = model(audio)
    codes = model.encode(audio).audio_codes
    assert output.audio_values.shape == audio.shape
    assert torch.equal(output.audio_codes, codes)
    torch.testing.assert_close(output.audio_values, model.decode(codes).audio_values[..., :100])


@torch.no_grad()
def test_batch_with_lengths_equals_its_items_alone(model, generator):
    audio = torch.randn(4, 1, 90, generator=generator)
    lengths = [90, 1, 33, 90]
    padding_mask = torch.arange(90) < torch.tensor(lengths)[:, None]
    # What stands in the padding must not matter.
    encoded = model.encode(audio.masked_fill(~padding_mask[:, None], torch.nan), padding_mask)
    for row, length in enumerate(lengths):
        alone = model.encode(audio[row : row + 1, :, :length]).audio_codes[0]
        assert torch.equal(encoded.audio_codes[row][encoded.audio_codes_mask[row]], alone.flatten())
        assert encoded.audio_codes_mask[row].sum() == alone.shape[-1]


@torch.no_grad()
def test_decoding_a_batch_equals_its_items_alone(model, generator):
    codes = torch.randint(32, (3, 1, 12), generator=generator)
    together = model.decode(codes).audio_values
    alone = torch.cat([model.decode(row[None]).audio_values for row in codes])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_hop_and_frame_rate_of_the_published_models():
    for ratios, hop, rate in (((8, 5, 4, 2), 320, 75), ((6, 5, 5, 4), 600, 40)):
        config = WavTokenizerConfig(upsampling_ratios=list(ratios))
        assert (config.hop_length, config.n_fft, config.frame_rate) == (hop, 4 * hop, rate)


# --- The head --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_head_inverts_the_fourier_transform(generator):
    """With log-magnitudes and phases of an analysis as its input, the head returns what was analysed."""
    hop, n_fft = HOP, 4 * HOP
    num_bins = n_fft // 2 + 1
    head = WavTokenizerModel(tiny_config(hidden_size=64)).head
    head.linear.weight.zero_()
    head.linear.weight[: 2 * num_bins, : 2 * num_bins] = torch.eye(2 * num_bins)
    head.linear.bias.zero_()

    audio = torch.randn(20 * hop, generator=generator)
    padded = torch.nn.functional.pad(audio, ((n_fft - hop) // 2,) * 2)
    frames = padded.unfold(0, n_fft, hop) * torch.hann_window(n_fft)
    spectrum = torch.fft.rfft(frames)
    features = torch.cat([spectrum.abs().log(), spectrum.angle()], -1)
    features = torch.nn.functional.pad(features, (0, 64 - 2 * num_bins))
    torch.testing.assert_close(head(features[None])[0].flatten(), audio, rtol=1e-4, atol=1e-4)


# --- Saving and loading ----------------------------------------------------------------------------------------------


@torch.no_grad()
def test_saved_model_is_the_same_through_auto_classes_and_when_saved_again(model, generator, tmp_path):
    audio = torch.randn(1, 1, 100, generator=generator)
    expected = model(audio)
    model.save_pretrained(tmp_path / "once")
    assert AutoConfig.from_pretrained(tmp_path / "once").hop_length == HOP
    loaded = AutoModel.from_pretrained(tmp_path / "once").eval()
    assert isinstance(loaded, WavTokenizerModel)
    output = loaded(audio)
    assert torch.equal(output.audio_codes, expected.audio_codes)
    assert torch.equal(output.audio_values, expected.audio_values)
    loaded.save_pretrained(tmp_path / "twice")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


@torch.no_grad()
def test_saved_model_is_the_same_in_a_fresh_process(model, generator, tmp_path):
    audio = torch.randn(1, 1, 100, generator=generator)
    model.save_pretrained(tmp_path)
    torch.save(audio, tmp_path / "audio.pt")
    script = (
        "import sys, torch\n"
        "from aidd.models.wavtokenizer import WavTokenizerModel\n"
        "model = WavTokenizerModel.from_pretrained(sys.argv[1]).eval()\n"
        "with torch.no_grad():\n"
        "    torch.save(model(torch.load(sys.argv[1] + '/audio.pt')).audio_values, sys.argv[1] + '/output.pt')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True)
    torch.testing.assert_close(torch.load(tmp_path / "output.pt"), model(audio).audio_values, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_bfloat16_keeps_the_head_and_the_codebook_in_float32(model, generator, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = WavTokenizerModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    assert loaded.decoder.embed.weight.dtype == torch.bfloat16
    for name in ("head.linear.weight", "codebook.embed"):
        assert torch.equal(loaded.state_dict()[name], model.state_dict()[name])
    assert torch.equal(loaded.head.window, torch.hann_window(4 * HOP, dtype=torch.float32))

    audio = torch.randn(1, 1, 100, generator=generator)
    audio_values = loaded(audio.bfloat16()).audio_values
    assert audio_values.dtype == torch.float32
    codes = torch.randint(32, (1, 1, 40), generator=generator)
    exact, rounded = model.decode(codes).audio_values, loaded.decode(codes).audio_values
    assert (rounded - exact).norm() < 0.1 * exact.norm()


def test_new_models_start_alike_on_every_path(tmp_path):
    """Loading builds models without their own constructors' values: initial weights must not depend on that."""
    model = WavTokenizerModel(tiny_config())
    assert (model.decoder.norm.scale == 1).all()
    assert (model.decoder.norm.shift == 0).all()
    assert (model.decoder.layers[0].gamma == 0.5).all()
    assert model.codebook.inited == 0
    for convolution in (model.decoder.embed, model.decoder.prior_net[0].conv1, model.decoder.layers[0].dwconv):
        assert 0.015 < convolution.weight.std() < 0.025
        assert (convolution.bias == 0).all()
    model.save_pretrained(tmp_path)
    loaded = WavTokenizerModel.from_pretrained(tmp_path)
    buffers = dict(model.named_buffers())
    for name, buffer in loaded.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


# --- Training --------------------------------------------------------------------------------------------------------


def test_gradients_pass_straight_through_the_codebook(model, generator):
    """The encoder gets the gradient that the codes' vectors get, as though the codebook were the identity."""
    audio = torch.randn(1, 1, 64, generator=generator)
    latents = {}
    model.encoder.register_forward_hook(lambda *arguments: latents.update(of_encoder=arguments[-1]))
    output = model(audio)
    latents["of_encoder"].retain_grad()
    output.audio_values.square().sum().backward()

    vectors = model.codebook.decode(output.audio_codes[:, 0]).transpose(1, 2).requires_grad_()
    model.decode_features(vectors).square().sum().backward()
    torch.testing.assert_close(latents["of_encoder"].grad, vectors.grad, rtol=1e-3, atol=1e-5)
    assert vectors.grad.abs().max() > 0
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


def test_commitment_loss_pulls_latents_to_their_vectors(model, generator):
    output = model(torch.randn(1, 1, 64, generator=generator))
    output.commitment_loss.backward()
    assert output.commitment_loss > 0
    assert model.encoder.layers[0].conv.bias.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in model.decoder.parameters())


def test_round_trip_past_the_codebook_needs_none(generator):
    model = WavTokenizerModel(tiny_config())
    output = model(torch.randn(1, 1, 50, generator=generator), quantize=False)
    assert output.audio_values.shape == (1, 1, 50)
    assert output.audio_codes is None


# --- What is refused -------------------------------------------------------------------------------------------------


def test_empty_codebook_is_refused(generator):
    model = WavTokenizerModel(tiny_config())
    audio = torch.randn(1, 1, 50, generator=generator)
    for call in (lambda: model.encode(audio), lambda: model(audio), lambda: model.decode(torch.zeros(1, 1, 3).long())):
        with pytest.raises(ValueError, match="the codebook is empty"):
            call()


@pytest.mark.parametrize("shape", [(50,), (1, 50), (1, 2, 50), (1, 1, 0), (0, 1, 50)])
def test_audio_of_another_shape_is_refused(model, shape):
    with pytest.raises(ValueError, match="input_values must have shape"):
        model.encode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("padding_mask", "message"),
    [
        (torch.ones(1, 5), "padding_mask must be bool"),
        (torch.ones(1, 4, dtype=torch.bool), r"of shape \(1, 5\)"),
        (torch.tensor([[False, True, True, True, True]]), "only behind its end"),
        (torch.tensor([[True, False, True, True, True]]), "only behind its end"),
        (torch.zeros(1, 5, dtype=torch.bool), "only behind its end"),
    ],
)
def test_wrong_padding_masks_are_refused(model, padding_mask, message):
    with pytest.raises(ValueError, match=message):
        model.encode(torch.zeros(1, 1, 5), padding_mask)


def test_padding_is_refused_by_the_round_trip(model):
    with pytest.raises(ValueError, match="items of one length"):
        model(torch.zeros(1, 1, 5), torch.tensor([[True, True, True, False, False]]))


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(1, 3).long(), "audio_codes must have shape"),
        (torch.zeros(1, 2, 3).long(), "audio_codes must have shape"),
        (torch.zeros(1, 1, 0).long(), "audio_codes must have shape"),
        (torch.zeros(1, 1, 3), "audio_codes must be int64"),
        (torch.tensor([[[0, 32]]]), r"in \[0, 32\), got values from 0 to 32"),
        (torch.tensor([[[-1, 5]]]), r"in \[0, 32\), got values from -1 to 5"),
    ],
)
def test_wrong_codes_are_refused(model, codes, message):
    with pytest.raises(ValueError, match=message):
        model.decode(codes)
