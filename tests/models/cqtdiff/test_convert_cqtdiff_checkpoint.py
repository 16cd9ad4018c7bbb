"""Published files of CQT-Diff, with random tensors, become our networks, or are refused."""

import os

import pytest
import torch
import yaml
from torchaudio.transforms import Resample

from aidd.models.checkpoint_io import run_converter
from aidd.models.cqtdiff import CQTDiffUNet, convert_cqtdiff_checkpoint


CHANNELS = (32, 64, 64, 128, 128, 128)
CONFIG = {
    "architecture": "unet_CQT",
    "sample_rate": 22050,
    "audio_len": 8192,
    "cqt": {"binsoct": 64, "numocts": 7, "use_norm": False},
    "diffusion_parameters": {"sigma_data": 0.05, "sigma_max": 10},
}


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the original's parameters and filters, in its order."""
    shapes = {"embedding.RFF_freq": (1, 32)}
    for layer, (before, after) in enumerate([(64, 128), (128, 256), (256, 512)]):
        shapes |= {f"embedding.MLP.{layer}.weight": (after, before), f"embedding.MLP.{layer}.bias": (after,)}
    shapes |= {"freq_encoding.RFF_freq": (1, 32), "freq_encoding.embeddings": (1, 64, 450)}
    shapes["init_conv.weight"] = (32, 66, 5, 3)

    def block(name, before, after):
        shapes.update({f"{name}.film.output_layer.weight": (before, 512), f"{name}.film.output_layer.bias": (before,)})
        if before != after:
            shapes[f"{name}.res_conv.weight"] = (after, before, 1, 1)
        shapes.update({f"{name}.H.{layer}.conv.weight": (after, after, 5, 3) for layer in range(8)})
        shapes[f"{name}.first_conv.1.weight"] = (after, before, 1, 1)

    for level, width in enumerate(CHANNELS):
        block(f"downs.{level}.0", CHANNELS[max(level - 1, 0)], width)
        if level < 5:
            shapes[f"downs.{level}.1.resample.kernel"] = tuple(Resample(2, 1).kernel.shape)
            shapes[f"downs.{level}.2.conv1x1.weight"] = (width, 2, 1, 1)
    block("middle.0.0", 128, 128)
    for place, level in enumerate(range(5, -1, -1)):
        after = CHANNELS[max(level - 1, 0)]
        block(f"ups.{place}.0", 2 * CHANNELS[level], after)
        if level > 0:
            shapes[f"ups.{place}.1.resample.kernel"] = tuple(Resample(1, 2).kernel.shape)
            shapes[f"ups.{place}.2.conv1x1.weight"] = (2, after, 1, 1)
    return shapes


def published_checkpoint() -> dict:
    generator = torch.Generator().manual_seed(0)
    model = {name: torch.randn(shape, generator=generator) for name, shape in published_shapes().items()}
    filters = {"downs": Resample(2, 1).kernel, "ups": Resample(1, 2).kernel}
    model |= {name: filters[name.split(".")[0]] for name in model if name.endswith("kernel")}
    averages = [2 * tensor for name, tensor in model.items() if not name.endswith("kernel")]
    return {"step": 3, "model": model, "ema_weights": averages}


@pytest.fixture(scope="module")
def checkpoint() -> dict:
    return published_checkpoint()


def convert(folder, content, config=CONFIG):
    torch.save(content, folder / "weights.pt")
    (folder / "conf.yaml").write_text(yaml.safe_dump(config))
    paths = ("--checkpoint_path", folder / "weights.pt", "--config_path", folder / "conf.yaml")
    arguments = [str(one) for one in (*paths, "--pytorch_dump_folder_path", folder / "out")]
    run_converter("", convert_cqtdiff_checkpoint.convert_checkpoint, arguments, config_required=False)


def test_moving_averages_arrive(checkpoint, tmp_path, capsys):
    convert(tmp_path, checkpoint)
    assert "CQTDiffUNet of 15,458,400 parameters (moving averages)" in capsys.readouterr().out
    unet = CQTDiffUNet.from_pretrained(tmp_path / "out")
    assert (unet.config.sample_size, unet.config.sigma_data) == (8192, 0.05)
    found, published = unet.state_dict(), checkpoint["model"]
    pairs = {
        "embedding.layers.2.bias": "embedding.MLP.2.bias",
        "conv_in.weight": "init_conv.weight",
        "down_blocks.1.scale.bias": "downs.1.0.film.output_layer.bias",
        "down_blocks.1.shortcut.weight": "downs.1.0.res_conv.weight",
        "pyramid_in.4.weight": "downs.4.2.conv1x1.weight",
        "mid_block.convolutions.7.weight": "middle.0.0.H.7.conv.weight",
        "up_blocks.5.project_in.weight": "ups.0.0.first_conv.1.weight",
        "up_blocks.0.convolutions.3.weight": "ups.5.0.H.3.conv.weight",
        "pyramid_out.4.weight": "ups.0.2.conv1x1.weight",
        "pyramid_out.0.weight": "ups.4.2.conv1x1.weight",
    }
    for ours, theirs in pairs.items():
        assert torch.equal(found[ours], 2 * published[theirs]), ours
    assert torch.equal(found["embedding.frequencies"], 2 * published["embedding.RFF_freq"][0])
    assert torch.equal(found["band_embeddings"], 2 * published["freq_encoding.embeddings"][0].T)


def test_every_tensor_has_its_own_place(checkpoint):
    """Distinct values in, the same distinct values out: no tensor is used twice, left out, or left at its start."""
    unet = CQTDiffUNet(sample_size=8192)
    converted = convert_cqtdiff_checkpoint.convert_tensors(checkpoint, unet)
    averages = convert_cqtdiff_checkpoint.ema_state_dict(checkpoint)
    assert converted.keys() == unet.state_dict().keys()
    sums = sorted(tensor.double().sum().item() for name, tensor in converted.items() if not name.endswith("kernel"))
    expected = sorted(one.double().sum().item() for name, one in averages.items() if name != "freq_encoding.RFF_freq")
    assert sums == pytest.approx(expected)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_are_not_executed(checkpoint, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        convert(tmp_path, checkpoint | {"surprise": Malicious(tmp_path / "executed")})
    assert f"was not read: it asks for {os.name}.mkdir." in capsys.readouterr().err
    assert not (tmp_path / "executed").exists() and not (tmp_path / "out").exists()


def without_last(checkpoint):
    return checkpoint | {"ema_weights": checkpoint["ema_weights"][:-1]}


def reversed_order(checkpoint):
    return checkpoint | {"ema_weights": checkpoint["ema_weights"][::-1]}


def without_averages(checkpoint):
    return {"model": checkpoint["model"], "step": 3}


def renamed(checkpoint):
    model = {name.replace("middle.", "bottleneck."): one for name, one in checkpoint["model"].items()}
    return checkpoint | {"model": model}


def with_other_filter(checkpoint):
    name = "ups.3.1.resample.kernel"
    return checkpoint | {"model": checkpoint["model"] | {name: 2 * checkpoint["model"][name]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_last, "holds 170 moving averages for 171 parameters"),
        (reversed_order, r"embedding\.RFF_freq has shape \(1, 32\), its moving average \(32, 64, 1, 1\)"),
        (without_averages, r"must hold `model` and `ema_weights` \(moving averages\), got model, step"),
        (renamed, r"lacks 11 \(middle\.0\.0\..* and has 11 \(bottleneck\.0\.0\..* too many"),
        (with_other_filter, r"ups\.3\.1\.resample\.kernel is not the filter of torchaudio's resampler"),
    ],
)
def test_other_checkpoints_are_refused(checkpoint, change, message):
    with pytest.raises(ValueError, match=message):
        convert_cqtdiff_checkpoint.convert_tensors(change(checkpoint), CQTDiffUNet(sample_size=8192))


def test_configurations_of_another_network_are_refused(checkpoint):
    with pytest.raises(ValueError, match="architecture must be 'unet_CQT', got 'unet_STFT'"):
        convert_cqtdiff_checkpoint.convert_config(CONFIG | {"architecture": "unet_STFT"})
    unet = CQTDiffUNet(sample_size=8192, num_octaves=6)
    with pytest.raises(ValueError, match=r"embeddings has shape \(450, 64\).*\(386, 64\)"):
        convert_cqtdiff_checkpoint.convert_tensors(checkpoint, unet)
