import json
from pathlib import Path

import pytest
import torch

from aidd.models.cqtdiff import CQTDiffPlusUNet, denoise, edm_scalings


CONFIGS = Path(__file__).parents[3] / "examples" / "configs"
TINY = {
    "sampling_rate": 8000,
    "sample_size": 2048,
    "bins_per_octave": 8,
    "block_out_channels": (8, 16, 16),
    "layers_per_block": (1, 1, 2),
    "attention_levels": (False, False, True),
    "mid_block_attention": True,
    "norm_num_groups": 4,
    "embedding_size": 16,
}


def tiny(**options) -> CQTDiffPlusUNet:
    """With gates that are open: at the start of a training, they hide the convolutions."""
    torch.manual_seed(0)
    unet = CQTDiffPlusUNet(**TINY | options).eval()
    for name, parameter in unet.named_parameters():
        if name.endswith("gate.weight"):
            torch.nn.init.normal_(parameter, std=0.3)
    return unet


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_signals_of_a_batch_do_not_mix():
    unet, sample, level = tiny(), noise(3, 2048), torch.tensor([-1.0, 0.0, 0.3])
    with torch.no_grad():
        together = unet(sample, level)
        assert together.shape == sample.shape and together.dtype == torch.float32
        torch.testing.assert_close(together[1:2], unet(sample[1:2], level[1:2]), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(together, unet(sample, level + 0.1), atol=1e-3)


def test_all_parameters_but_the_random_frequencies_are_trained():
    unet = tiny()
    unet(noise(2, 2048), torch.tensor([-1.0, 0.3])).square().sum().backward()
    without = {name for name, parameter in unet.named_parameters() if parameter.grad is None}
    assert without == {"embedding.frequencies"}
    assert all(parameter.grad.abs().max() > 0 for parameter in unet.parameters() if parameter.grad is not None)


def test_louder_signals_at_one_noise_level_give_louder_output():
    """There are no biases, and the norms only divide: a network whose gates are shut is linear."""
    unet = CQTDiffPlusUNet(**TINY)
    for name, parameter in unet.named_parameters():
        if "gate" in name:
            torch.nn.init.zeros_(parameter)
    sample, level = noise(1, 2048), torch.zeros(1)
    torch.testing.assert_close(unet(3 * sample, level), 3 * unet(sample, level))


def test_the_ends_of_the_spectrum_are_left_out():
    unet = tiny(window="hann")
    with torch.no_grad():
        spectrum = torch.fft.rfft(unet(noise(1, 2048), torch.zeros(1)))[0].abs()
    assert spectrum[[0, -1]].max() < 1e-4 * spectrum.max()


def test_halving_and_doubling_keep_slow_signals():
    unet = tiny()
    slow = torch.sin(torch.arange(64) / 16).expand(1, 2, 3, -1)
    halved = unet.halve_frames(slow)
    assert halved.shape == (1, 2, 3, 32)
    torch.testing.assert_close(
        halved[..., 2:-2], ((slow[..., ::2] + slow[..., 1::2]) / 2)[..., 2:-2], atol=0.01, rtol=0
    )
    doubled = 2 * unet.double_frames(halved)
    assert doubled.shape == slow.shape
    torch.testing.assert_close(doubled[..., 6:-6], slow[..., 6:-6], atol=0.02, rtol=0)


def test_bfloat16_and_autocast_are_near(tmp_path):
    unet, sample, level = tiny(), noise(2, 2048), torch.tensor([-1.0, 0.3])
    with torch.no_grad():
        expected = unet(sample, level)
        with torch.autocast("cpu", torch.bfloat16):
            cast = unet(sample, level)
        unet.save_pretrained(tmp_path)
        loaded = CQTDiffPlusUNet.from_pretrained(tmp_path, torch_dtype=torch.bfloat16)
        half = loaded(sample, level)
    for other in (cast, half):
        assert other.dtype == torch.float32
        assert (other - expected).square().mean() < 1e-3 * expected.square().mean()
    assert loaded.config.sample_size == 2048
    assert torch.equal(loaded.embedding.frequencies.float(), unet.embedding.frequencies)


def test_scalings_keep_unit_variance():
    """What goes in, and what has to come out, at all noise levels; and a prediction of zero is the Wiener filter."""
    generator = torch.Generator().manual_seed(0)
    clean, sigma_data = 0.06 * torch.randn(7, 100_000, generator=generator), 0.06
    sigma = torch.tensor([1e-3, 1e-2, 0.03, 0.06, 0.1, 1.0, 10.0])
    noisy = clean + sigma[:, None] * torch.randn(clean.shape, generator=generator)
    c_skip, c_out, c_in, c_noise = edm_scalings(sigma, sigma_data)
    for values in (c_in[:, None] * noisy, (clean - c_skip[:, None] * noisy) / c_out[:, None]):
        torch.testing.assert_close(values.std(1), torch.ones(7), atol=0.02, rtol=0)
    torch.testing.assert_close(c_noise, sigma.log() / 4)
    denoised = denoise(lambda sample, level: torch.zeros_like(sample), noisy, sigma, sigma_data)
    torch.testing.assert_close(denoised, noisy * c_skip[:, None])
    assert ((denoised - clean).square().mean(1) < (noisy - clean).square().mean(1)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers_per_block": (1, 1)}, "one number for each octave, got 3, 2 and 3 numbers"),
        ({"bins_per_octave": 300}, "twice the frames of the one below it, got"),
        ({"window": "boxcar"}, "window must be"),
    ],
)
def test_other_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CQTDiffPlusUNet(**TINY | options)


def configured(path: str) -> CQTDiffPlusUNet:
    with torch.device("meta"):
        return CQTDiffPlusUNet.from_config(json.loads((CONFIGS / path).read_text()))


def test_the_published_sizes():
    """242 and 186 million, as the papers and the checkpoints have them, without the fixed frequencies."""
    for name, millions in (("musicnet_44k", 242.2), ("maestro_22k", 186.3)):
        unet = configured(f"paper_cqtdiff_plus/{name}.json")
        assert round(unet.num_parameters() / 1e6, 1) == millions


def test_the_small_models_are_small():
    assert 2 * configured("piano_gpu/cqtdiff_plus_unet.json").num_parameters() < 12_000_000
    of_a_core = configured("piano_cpu/cqtdiff_plus_unet.json")
    assert of_a_core.num_parameters() < 600_000
    # A gap of 750 ms, and as much around it.
    assert of_a_core.config.sample_size > 1.5 * of_a_core.config.sampling_rate
