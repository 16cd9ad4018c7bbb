"""What the package asks of transformers' WavTokenizer, and adds to it."""

import pytest
import torch
from transformers import WavTokenizerConfig, WavTokenizerModel

from aidd.models.wavtokenizer import decode, encode


HOP = 320


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@torch.no_grad()
@pytest.mark.parametrize("num_samples", [1, 2, HOP - 1, HOP, HOP + 1, 5 * HOP, 5 * HOP + 3])
def test_one_token_for_every_hop_begun(tiny_codec, generator, num_samples):
    codes = encode(tiny_codec, torch.randn(2, 1, num_samples, generator=generator))
    num_tokens = -(-num_samples // HOP)
    assert codes.shape == (2, 1, num_tokens) and codes.dtype == torch.int64
    assert decode(tiny_codec, codes).shape == (2, 1, num_tokens * HOP)


@torch.no_grad()
def test_a_batch_equals_its_items_alone(tiny_codec, generator):
    audio = torch.randn(3, 1, 12 * HOP, generator=generator)
    codes = encode(tiny_codec, audio)
    assert torch.equal(codes, torch.cat([encode(tiny_codec, row[None]) for row in audio]))
    alone = torch.cat([decode(tiny_codec, row[None]) for row in codes])
    torch.testing.assert_close(decode(tiny_codec, codes), alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_head_inverts_the_fourier_transform(generator):
    """With log-magnitudes and phases of an analysis as its input, the head returns what was analysed."""
    hop, n_fft, num_bins = 8, 32, 17
    head = WavTokenizerModel(WavTokenizerConfig(upsampling_ratios=[4, 2], decoder_hidden_size=64)).head
    head.linear.weight.zero_()
    head.linear.weight[: 2 * num_bins, : 2 * num_bins] = torch.eye(2 * num_bins)
    head.linear.bias.zero_()

    audio = torch.randn(20 * hop, generator=generator)
    padded = torch.nn.functional.pad(audio, ((n_fft - hop) // 2,) * 2)
    spectrum = torch.fft.rfft(padded.unfold(0, n_fft, hop) * torch.hann_window(n_fft))
    features = torch.cat([spectrum.abs().log(), spectrum.angle()], -1)
    features = torch.nn.functional.pad(features, (0, 64 - 2 * num_bins))
    torch.testing.assert_close(head(features[None])[0].flatten(), audio, rtol=1e-4, atol=1e-4)


def test_empty_codebook_is_refused(tiny_codec):
    empty = WavTokenizerModel(tiny_codec.config)
    for call in (lambda: encode(empty, torch.ones(1, 1, 50)), lambda: decode(empty, torch.zeros(1, 1, 3).long())):
        with pytest.raises(ValueError, match="the codebook is empty"):
            call()


@pytest.mark.parametrize("shape", [(50,), (1, 50), (1, 2, 50), (1, 1, 0), (0, 1, 50)])
def test_audio_of_another_shape_is_refused(tiny_codec, shape):
    with pytest.raises(ValueError, match="input_values must have shape"):
        encode(tiny_codec, torch.zeros(shape))


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
def test_wrong_codes_are_refused(tiny_codec, codes, message):
    with pytest.raises(ValueError, match=message):
        decode(tiny_codec, codes)
