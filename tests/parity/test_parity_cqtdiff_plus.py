"""
CQT-Diff+'s network, denoiser and guided sampler against the original code: equal random weights, float32 on the CPU.
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

from aidd.models.cqtdiff import CQTDiffPlusUNet, denoise
from aidd.models.cqtdiff.convert_cqtdiff_plus_checkpoint import convert_checkpoint
from aidd.schedulers import EDMHeunScheduler
from aidd.schedulers.reconstruction_guidance import EPSILON, distance_to_bounds, guide, within_bounds


# The warnings are the original code's.
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")]

# The published network of 22.05 kHz, but for channels and heads, which are fewer.
NETWORK = {
    "Ns": [8, 16, 16, 16, 16, 24, 24],
    "Ss": [2] * 7,
    "num_dils": [2, 3, 4, 5, 6, 7, 7],
    "attention_layers": [0, 0, 0, 0, 1, 1, 1, 1],
    "emb_dim": 256,
    "use_norm": True,
    "use_fencoding": False,
    "bottleneck_type": "res_dil_convs",
    "num_bottleneck_layers": 1,
    "cqt": {"window": "kaiser", "beta": 1, "num_octs": 7, "bins_per_oct": 64},
    "attention_dict": {"num_heads": 2, "use_rel_pos": False, "bias_qkv": False},
}
SIGMA_DATA = 0.063
# Its sampler's settings, but for fewer steps, of stronger noise, and a mask without slopes.
XI, CHURN, SIGMA_MIN, SIGMA_MAX = 0.25, 10, 1e-2, 1.0


def as_object(value):
    return SimpleNamespace(**{key: as_object(one) for key, one in value.items()}) if isinstance(value, dict) else value


@pytest.fixture(scope="module")
def original_network():
    """The class of the original, made to run with today's numpy."""
    folders = [os.environ.get(name) for name in ("CQTDIFF_PLUS_REPO", "CQT_PYTORCH_REPO")]
    if None in folders:
        pytest.skip(
            "needs CQTDIFF_PLUS_REPO, the folder of a checkout of github.com/eloimoliner/audio-inpainting-diffusion, "
            "and CQT_PYTORCH_REPO, one of github.com/eloimoliner/CQT_pytorch at 1f2e9f6, whose bins lie as they did "
            "when the networks were trained"
        )
    with pytest.MonkeyPatch.context() as patch:
        for folder in folders:
            patch.syspath_prepend(folder)
        clipping = {"clip": partial(np.clip, casting="unsafe")}
        patch.setattr(import_module("cqt_nsgt_pytorch.nsgfwin"), "np", SimpleNamespace(**vars(np) | clipping))
        # The parts of its training, which need libraries of their own, are not those of its sampler.
        patch.setitem(sys.modules, "utils", ModuleType("utils"))
        patch.setitem(sys.modules, "utils.training_utils", ModuleType("utils.training_utils"))
        sys.modules["utils"].training_utils = sys.modules["utils.training_utils"]
        module = import_module("networks.unet_cqt_oct_with_projattention_adaLN_2")
        yield module.Unet_CQT_oct_with_attention


def make_pair(original_network: type, folder: Path, sample_size: int) -> SimpleNamespace:
    """The original with random moving averages, and ours, converted from its file."""
    config = {
        "network": NETWORK,
        "exp": {"sample_rate": 22_050, "audio_len": sample_size},
        "diff_params": {"sigma_data": SIGMA_DATA},
    }
    torch.manual_seed(0)
    original = original_network(as_object(config), "cpu").eval()
    with torch.no_grad():
        for name, parameter in original.named_parameters():
            # Gates start at zero, nearly.
            if ".gate" in name and name.endswith("weight"):
                torch.nn.init.normal_(parameter, std=0.1)
            elif name.endswith(("gamma", "bias")):
                parameter.add_(0.2 * torch.randn(parameter.shape))
    averages = original.state_dict()
    network = {name: torch.zeros_like(tensor) for name, tensor in averages.items()}
    torch.save({"it": 3, "network": network, "ema": averages, "args": as_object(config)}, folder / "weights.pt")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    convert_checkpoint(folder / "weights.pt", folder / "config.yaml", folder / "converted")
    return SimpleNamespace(original=original, ours=CQTDiffPlusUNet.from_pretrained(folder / "converted").eval())


def relative_difference(ours: torch.Tensor, expected: torch.Tensor) -> float:
    return float((ours - expected).abs().max() / expected.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("size", [184_184, 131_072])
def test_network_and_denoiser_are_equal(original_network, tmp_path, size):
    pair = make_pair(original_network, tmp_path, size)
    sample = 0.1 * torch.randn(2, size, generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor([0.02, 0.7])
    noise_level = sigma.log() / 4
    of_network = relative_difference(pair.ours(sample, noise_level), pair.original(sample, noise_level[:, None]))
    # The formulas of the original's denoiser, whose module needs its training's libraries.
    variance = (sigma**2 + SIGMA_DATA**2)[:, None]
    output = pair.original(sample * variance**-0.5, noise_level[:, None])
    expected = SIGMA_DATA**2 / variance * sample + sigma[:, None] * SIGMA_DATA * variance**-0.5 * output
    of_denoiser = relative_difference(denoise(pair.ours, sample, sigma, SIGMA_DATA), expected)
    print(
        f"\n{size} samples: outputs of the network differ by {of_network:.1e} of the peak, denoised signals by "
        f"{of_denoiser:.1e}"
    )
    assert max(of_network, of_denoiser) <= 1e-5


def original_sampler(pair: SimpleNamespace, num_steps: int):
    from diff_params.edm import EDM
    from testing.edm_sampler_inpainting import Sampler

    diffusion = {
        "sigma_min": SIGMA_MIN,
        "sigma_max": SIGMA_MAX,
        "ro": 13,
        "ro_train": 13,
        "P_mean": -1.2,
        "P_std": 1.2,
        "sigma_data": SIGMA_DATA,
        "Schurn": CHURN,
        "Snoise": 1.0,
        "Stmin": 0,
        "Stmax": 50,
        "aweighting": {"use_aweighting": False},
        "same_as_training": True,
    }
    tester = {
        "T": num_steps,
        "order": 2,
        "filter_out_cqt_DC_Nyq": True,
        "posterior_sampling": {"xi": XI, "norm": 2},
        "data_consistency": {"use": True, "type": "always", "smooth": False},
        "diff_params": diffusion,
    }
    exp = {"audio_len": pair.ours.config.sample_size}
    config = as_object({"exp": exp, "diff_params": diffusion, "tester": tester})
    return Sampler(pair.original, EDM(config), config, rid=True)


def test_a_guided_step_of_heun_is_equal(original_network, tmp_path):
    """The first of two steps is Heun's, with churn; the second leads to no noise."""
    size = 131_072
    pair = make_pair(original_network, tmp_path, size)
    transform = pair.original.CQTransform
    signal = 0.05 * torch.randn(1, size, generator=torch.Generator().manual_seed(2))
    known = torch.ones(1, size)
    known[:, size // 2 : size // 2 + 4000] = 0
    torch.manual_seed(3)
    expected, *_, after_steps, _ = original_sampler(pair, 2).predict_inpainting(known * signal, known)

    lower, upper = (torch.where(known > 0, signal, bound) for bound in (-torch.inf, torch.inf))
    seen = []

    def denoiser(sample: torch.Tensor, sigma: float) -> torch.Tensor:
        sample = sample.detach().requires_grad_()
        # The original's filter: ours leaves out the bands at DC and Nyquist exactly, that one nearly.
        denoised = transform.apply_hpf_DC(denoise(pair.ours, sample, torch.tensor([sigma]), SIGMA_DATA))
        seen.append(sample.detach())
        distance = distance_to_bounds(denoised, lower, upper)
        norm = float(torch.autograd.grad(distance, sample, retain_graph=True)[0].norm())
        # The original adds 1e-6 to |g| / sqrt(L), where we add it to |g|.
        scale = XI * (norm + EPSILON) / (norm + 1e-6 * size**0.5)
        guided = guide(denoised, sample, sigma, lower, upper, guidance_scale=scale)
        return within_bounds(guided, lower, upper)

    scheduler = EDMHeunScheduler(sigma_min=SIGMA_MIN, sigma_max=SIGMA_MAX, s_churn=CHURN)
    generator = torch.Generator().manual_seed(3)
    result = scheduler.sample(denoiser, signal.shape, num_inference_steps=2, generator=generator)
    # The second step's noise is drawn third.
    growth = min(CHURN / 3, 2**0.5 - 1)
    churn = torch.randn(3, size, generator=torch.Generator().manual_seed(3))[2]
    after_heun = seen[2] - SIGMA_MIN * ((1 + growth) ** 2 - 1) ** 0.5 * churn
    of_step = relative_difference(after_heun, after_steps[:1, 0])
    of_result = relative_difference(result, expected)
    print(
        f"\n{size} samples: a guided step of Heun's method differs by {of_step:.1e} of the peak, that and the last "
        f"step by {of_result:.1e}"
    )
    assert max(of_step, of_result) <= 1e-4
