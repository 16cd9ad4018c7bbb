"""
CQT-Diff's network, denoiser and guided sampler against the original code: the same random weights, float32 on the CPU.
"""

import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from aidd.models.cqtdiff import CQTDiffUNet, denoise
from aidd.models.cqtdiff.convert_cqtdiff_checkpoint import convert_checkpoint
from aidd.schedulers import EDMHeunScheduler
from aidd.schedulers.reconstruction_guidance import EPSILON, distance_to_bounds, guide, within_bounds


# The warnings are the original code's.
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")]

# The published length, and one whose numbers of frames are odd on some levels; with numbers of signals.
SIZES = ((65_536, 1), (9000, 2))


@pytest.fixture(scope="module")
def original_repo():
    """The original, made to run: it needs neither its plots nor the libraries that draw them, but an older numpy."""
    folder = os.environ.get("CQTDIFF_REPO")
    if folder is None:
        pytest.skip("needs CQTDIFF_REPO, the folder of a checkout of github.com/eloimoliner/CQTdiff")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setitem(sys.modules, "src.utils", import_module("src.utils"))
        patch.setitem(sys.modules, "src.utils.logging", ModuleType("src.utils.logging"))
        clipping = {"clip": partial(np.clip, casting="unsafe")}
        patch.setattr(import_module("src.nsgt.nsgfwin_sl"), "np", SimpleNamespace(**vars(np) | clipping))
        # Today's torch refuses gradients through views of a buffer that were taken before it had any.
        buffered = {"empty": lambda *sizes, **options: 1 * torch.empty(*sizes, **options).requires_grad_()}
        patch.setattr(import_module("src.nsgt.nsigtf"), "torch", SimpleNamespace(**vars(torch) | buffered))
        yield Path(folder)


def make_pair(original_repo, folder: Path, sample_size: int) -> SimpleNamespace:
    """The original with random moving averages, and ours, converted from its file."""
    from src.models.unet_cqt import Unet_CQT
    from src.sde import VE_Sde_Elucidating

    content = yaml.safe_load((original_repo / "conf" / "conf.yaml").read_text())
    content |= {"audio_len": sample_size}
    (folder / "conf.yaml").write_text(yaml.safe_dump(content))

    def as_object(value):
        return (
            SimpleNamespace(**{key: as_object(one) for key, one in value.items()})
            if isinstance(value, dict)
            else value
        )

    torch.manual_seed(0)
    config = as_object(content)
    original = Unet_CQT(config, "cpu").eval()
    # None as it starts, which is zero for the projections of the way up; frequencies stay what they are.
    averages = [
        (one + one.requires_grad * 0.3 / one[0].numel() ** 0.5 * torch.randn(one.shape)).detach()
        for one in original.parameters()
    ]
    torch.save({"step": 3, "model": original.state_dict(), "ema_weights": averages}, folder / "weights.pt")
    convert_checkpoint(folder / "weights.pt", folder / "conf.yaml", folder / "converted")
    with torch.no_grad():
        for parameter, average in zip(original.parameters(), averages, strict=True):
            parameter.copy_(average)
    diffusion = SimpleNamespace(**content["diffusion_parameters"] | {"sigma_max": 1.0, "sigma_min": 1e-2})
    return SimpleNamespace(
        config=config,
        original=original,
        process=VE_Sde_Elucidating(diffusion, diffusion.sigma_data),
        ours=CQTDiffUNet.from_pretrained(folder / "converted").eval(),
    )


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relative_difference(ours: torch.Tensor, expected: torch.Tensor, unet: CQTDiffUNet) -> tuple[float, float]:
    """Differences over the peak: of the signals, and of what they are without the frequencies hardly seen."""
    return tuple(
        float((one - other).abs().max() / other.abs().max())
        for one, other in ((ours, expected), (unet.without_ends(ours), unet.without_ends(expected)))
    )


@torch.no_grad()
@pytest.mark.parametrize(("sample_size", "batch_size"), SIZES)
def test_network_and_denoiser_are_equal(original_repo, tmp_path, sample_size, batch_size):
    pair = make_pair(original_repo, tmp_path, sample_size)
    ours, process = pair.ours, pair.process
    sample, sigma = 0.1 * noise(batch_size, sample_size), torch.tensor([0.02, 0.7])[:batch_size]
    noise_level = sigma.log() / 4
    expected = pair.original(sample, noise_level[:, None])
    of_network = relative_difference(ours(sample, noise_level), expected, ours)
    expected = process.denoiser(sample, pair.original, sigma)
    of_denoiser = relative_difference(denoise(ours, sample, sigma, ours.config.sigma_data), expected, ours)
    print(
        f"\n{sample_size} samples: outputs of the network differ by {of_network[0]:.1e} of the peak, without the "
        f"Nyquist frequency by {of_network[1]:.1e}; denoised signals by {of_denoiser[0]:.1e} and {of_denoiser[1]:.1e}"
    )
    assert max(of_network + of_denoiser) <= 1e-5


def test_a_guided_step_of_heun_is_equal(original_repo, tmp_path):
    """The first of two steps is Heun's, with churn; the second leads to no noise."""
    from src.sampler import SamplerInpainting

    sample_size = 8192
    pair = make_pair(original_repo, tmp_path, sample_size)
    pair.config.inference.T = 2
    sampler = SamplerInpainting(pair.original, pair.process, pair.config, xi=0.2, data_consistency=True, rid=True)
    signal, known = 0.05 * noise(1, sample_size, seed=2), torch.ones(1, sample_size)
    known[:, 4000:4500] = 0
    sampler.mask = known
    torch.manual_seed(3)
    expected, steps, _ = sampler.predict_conditional(known * signal, sampler.apply_mask)

    lower, upper = (torch.where(known > 0, signal, bound) for bound in (-torch.inf, torch.inf))
    seen = []

    def denoiser(sample, sigma):
        sample = sample.detach().requires_grad_()
        denoised = denoise(pair.ours, sample, torch.tensor([sigma]), pair.ours.config.sigma_data)
        seen.append(sample.detach())
        distance = distance_to_bounds(denoised, lower, upper)
        norm = float(torch.autograd.grad(distance, sample, retain_graph=True)[0].norm())
        # The original adds 1e-6 to sigma |g| / sqrt(L), where we add it to |g|: its guidance fades with the noise.
        scale = 0.2 * sigma * (norm + EPSILON) / (sigma * norm + 1e-6 * sample_size**0.5)
        guided = guide(denoised, sample, sigma, lower, upper, guidance_scale=scale)
        return within_bounds(guided, lower, upper)

    scheduler = EDMHeunScheduler(sigma_min=pair.process.sigma_min, sigma_max=pair.process.sigma_max)
    generator = torch.Generator().manual_seed(3)
    result = scheduler.sample(denoiser, signal.shape, num_inference_steps=2, generator=generator)
    (raised, sigma), growth = (seen[2], pair.process.sigma_min), min(5 / 3, 2**0.5 - 1)
    churn = noise(3, sample_size, seed=3)
    after_heun = raised - sigma * ((1 + growth) ** 2 - 1) ** 0.5 * churn[2]
    of_step = relative_difference(after_heun, steps[:1, 0], pair.ours)
    of_result = relative_difference(result, expected, pair.ours)
    print(
        f"\na guided step of Heun's method differs by {of_step[0]:.1e} of the peak, without the Nyquist frequency by "
        f"{of_step[1]:.1e}; that and the last step by {of_result[0]:.1e} and {of_result[1]:.1e}"
    )
    assert max(of_step + of_result) <= 1e-4
