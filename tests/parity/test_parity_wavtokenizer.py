"""WavTokenizer against the original code: the same random weights, published sizes, float32 on the CPU."""

import os
from pathlib import Path

import pytest
import torch

from aidd.models.wavtokenizer import encode, load_wavtokenizer
from aidd.models.wavtokenizer.convert_wavtokenizer_checkpoint import convert_checkpoint


# The warnings are the original code's.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

CONFIGS = {
    75: "wavtokenizer_smalldata_frame75_3s_nq1_code4096_dim512_kmeans200_attn.yaml",
    40: "wavtokenizer_smalldata_frame40_3s_nq1_code4096_dim512_kmeans200_attn.yaml",
}


@pytest.fixture(scope="module")
def original_repo():
    folder = os.environ.get("WAVTOKENIZER_OFFICIAL_REPO")
    if folder is None:
        pytest.skip(
            "needs WAVTOKENIZER_OFFICIAL_REPO, the folder of a checkout of github.com/jishengpeng/WavTokenizer"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Path(folder)


def music_like(num_samples: int, generator: torch.Generator) -> torch.Tensor:
    """Notes of random pitch and level over a little noise, `(num_samples,)` at 24 kHz."""
    time = torch.arange(num_samples) / 24_000
    audio = 0.01 * torch.randn(num_samples, generator=generator)
    for start in torch.arange(0, num_samples / 24_000, 0.1).tolist():
        frequency = 60 * 2 ** (6 * torch.rand((), generator=generator))
        level = 0.3 * torch.rand((), generator=generator)
        envelope = torch.where(time >= start, torch.exp(-(time - start).clamp(min=0) / 0.2), 0.0)
        audio += level * envelope * torch.sin(2 * torch.pi * frequency * time)
    return audio


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda rate: f"{rate}_tokens_a_second")
def pair(request, original_repo, tmp_path_factory):
    """The original with random weights, none of them at its initial 0 or 1, and ours, converted from its file."""
    from decoder.pretrained import WavTokenizer

    generator = torch.Generator().manual_seed(request.param)
    torch.manual_seed(request.param)
    config_path = original_repo / "configs" / CONFIGS[request.param]
    original = WavTokenizer.from_hparams0802(str(config_path)).eval()
    codebook = original.feature_extractor.encodec.quantizer.vq.layers[0]._codebook
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
        latents = original.feature_extractor.encodec.encoder(music_like(20 * 24_000, generator)[None, None])[0].T
        vectors = latents[torch.randint(len(latents), codebook.embed.shape[:1], generator=generator)]
        spread = 0.1 * latents.std(0)
        codebook.embed.copy_(vectors + spread * torch.randn(vectors.shape, generator=generator))
        codebook.inited.fill_(1.0)

    folder = tmp_path_factory.mktemp("wavtokenizer")
    discriminator = {"multiperioddisc.discriminators.0.emb.weight": torch.zeros(4, 1024)}
    torch.save({"state_dict": original.state_dict() | discriminator, "epoch": 3}, folder / "original.ckpt")
    convert_checkpoint(folder / "original.ckpt", config_path, folder / "converted")
    return original, load_wavtokenizer(folder / "converted").eval()


@torch.no_grad()
def test_codes_are_equal(pair):
    original, ours = pair
    audio = music_like(12 * 24_000 + 77, torch.Generator().manual_seed(1))
    latents = ours.encoder_model.encoder(audio[None, None])[0].T
    original_latents = original.feature_extractor.encodec.encoder(audio[None, None])[0].T
    _, original_codes = original.encode_infer(audio[None], bandwidth_id=torch.tensor([0]))
    codes = encode(ours, audio[None, None])

    vectors = ours.encoder_model.quantizer.codebook.embed.double()
    distances = torch.cdist(original_latents.double(), vectors).square()
    chosen, other = (distances.gather(1, c.flatten()[:, None])[:, 0] for c in (original_codes, codes))
    near_ties = (chosen - other).abs() <= 1e-5 * original_latents.double().square().sum(1)
    differing = (codes.flatten() != original_codes.flatten()).sum().item()
    print(
        f"\n{ours.config.frame_rate:g}/s: {differing} of {codes.numel()} codes differ ({codes.unique().numel()} "
        f"different ones in use), latents differ by at most {(latents - original_latents).abs().max():.1e}"
    )
    assert codes.shape == (1, *original_codes[0].shape)
    assert codes.unique().numel() > codes.numel() / 4
    assert near_ties.all()
    assert differing <= 0.01 * codes.numel()


@torch.no_grad()
@pytest.mark.parametrize("num_samples", [1, 319, 321, 1_000, 24_001])
def test_codes_are_equal_at_awkward_lengths(pair, num_samples):
    original, ours = pair
    audio = music_like(num_samples, torch.Generator().manual_seed(2))
    _, original_codes = original.encode_infer(audio[None], bandwidth_id=torch.tensor([0]))
    codes = encode(ours, audio[None, None])
    assert codes.shape[-1] == original_codes.shape[-1]
    assert (codes.flatten() != original_codes.flatten()).sum() <= 0.01 * codes.numel()


@torch.no_grad()
@pytest.mark.parametrize("bandwidth_id", [0, 2])
def test_waveform_is_equal(pair, bandwidth_id):
    original, ours = pair
    codes = torch.randint(4096, (1, 1, 300), generator=torch.Generator().manual_seed(3))
    features = original.codes_to_features(codes[:, 0])
    expected = original.decode(features, bandwidth_id=torch.tensor([bandwidth_id]))
    audio = ours.decode(codes, bandwidth_id).audio_values[:, 0]
    difference = (audio - expected).abs().max() / expected.abs().max()
    print(
        f"\n{ours.config.frame_rate:g}/s, bandwidth {bandwidth_id}: waveforms differ by {difference:.1e} of the peak "
        f"{expected.abs().max():.3g}"
    )
    assert audio.shape == expected.shape
    assert difference <= 1e-5
