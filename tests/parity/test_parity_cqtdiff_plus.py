"""CQT-Diff+'s network and denoiser against the original code: the same random weights, float32 on the CPU."""

import os
from functools import partial
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from aidd.models.cqtdiff import CQTDiffPlusUNet, denoise
from aidd.models.cqtdiff.convert_cqtdiff_plus_checkpoint import convert_checkpoint


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
        module = import_module("networks.unet_cqt_oct_with_projattention_adaLN_2")
        yield module.Unet_CQT_oct_with_attention


@pytest.fixture(scope="module", params=[184_184, 131_072])
def pair(request, original_network, tmp_path_factory):
    """The original with random moving averages, and ours, converted from its file."""
    config = {
        "network": NETWORK,
        "exp": {"sample_rate": 22_050, "audio_len": request.param},
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
    folder = tmp_path_factory.mktemp("plus")
    averages = original.state_dict()
    network = {name: torch.zeros_like(tensor) for name, tensor in averages.items()}
    torch.save({"it": 3, "network": network, "ema": averages, "args": as_object(config)}, folder / "weights.pt")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    convert_checkpoint(folder / "weights.pt", folder / "config.yaml", folder / "converted")
    return SimpleNamespace(original=original, ours=CQTDiffPlusUNet.from_pretrained(folder / "converted").eval())


def relative_difference(ours: torch.Tensor, expected: torch.Tensor) -> float:
    return float((ours - expected).abs().max() / expected.abs().max())


@torch.no_grad()
def test_network_and_denoiser_are_equal(pair):
    size = pair.ours.config.sample_size
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
