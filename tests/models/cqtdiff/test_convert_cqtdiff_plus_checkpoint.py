"""Published files of CQT-Diff+, with random tensors and pickled arguments, become our networks, or are refused."""

import json
import os
from pathlib import Path

import pytest
import torch
import yaml

from aidd.models.checkpoint_io import run_converter
from aidd.models.cqtdiff import CQTDiffPlusUNet, convert_cqtdiff_plus_checkpoint
from aidd.models.cqtdiff.unet_cqtdiff_plus import CUBIC


CONFIGS = Path(__file__).parents[3] / "examples" / "configs" / "paper_cqtdiff_plus"
CONFIG = {
    "exp": {"sample_rate": 8000, "audio_len": 2048},
    "network": {
        "use_norm": True,
        "use_fencoding": False,
        "bottleneck_type": "res_dil_convs",
        "num_bottleneck_layers": 1,
        "cqt": {"window": "kaiser", "beta": 1, "num_octs": 3, "bins_per_oct": 8},
        "attention_dict": {"num_heads": 2, "use_rel_pos": False},
    },
    "diff_params": {"sigma_data": 0.05},
}


def published_shapes(channels, layers, attention, heads, bins, embedding) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the original's tensors; `attention` is that of the levels, and of the bottleneck."""
    shapes = {"embedding.RFF_freq": (1, 32)}
    for layer, (before, after) in enumerate([(64, 128), (128, 256), (256, embedding)]):
        shapes |= {f"embedding.MLP.{layer}.weight": (after, before), f"embedding.MLP.{layer}.bias": (after,)}

    def linear(name, width):
        shapes.update({f"{name}.weight": (width, embedding), f"{name}.bias": (width,)})

    def block(name, before, after, num_layers, kernel=(5, 3), has_attention=False, level=0, inner=None):
        inner = after if inner is None else inner
        if inner != after:
            shapes[f"{name}.proj_out.weight"] = (after, inner, 1, 1)
        if before != after:
            shapes[f"{name}.res_conv.weight"] = (after, before, 1, 1)
        if before != inner:
            shapes[f"{name}.proj_in.weight"] = (inner, before, 1, 1)
        for layer in range(num_layers):
            shapes[f"{name}.H.{layer}.weight"] = (inner, inner, *kernel)
            linear(f"{name}.affine.{layer}", inner)
            linear(f"{name}.gate.{layer}", inner)
            shapes[f"{name}.norm.{layer}.gamma"] = (1, inner, 1, 1)
        if has_attention:
            size = heads * (level + 1) * bins
            shapes[f"{name}.norm2.gamma"] = (1, inner, 1, 1)
            linear(f"{name}.affine2", inner)
            linear(f"{name}.gate2", inner)
            shapes[f"{name}.attn_block.qk.weight"] = (2 * size, size, 1)
            shapes[f"{name}.attn_block.proj_in.weight"] = (heads, inner, 1, 1)
            shapes[f"{name}.attn_block.proj_out.weight"] = (inner, heads, 1, 1)

    shapes |= {f"{way}samplerT.kernel": (8,) for way in ("down", "up")}
    before = [channels[0], *channels[:-1]]
    last = len(channels) - 1
    for level, width in enumerate(channels):
        block(f"downs.{level}.0", 2, before[level], 1, (1, 1))
        shapes[f"downs.{level}.1.weight"] = (width, 2, 5, 3)
        block(f"downs.{level}.2", before[level], width, layers[level], has_attention=attention[level], level=level)
    block("middle.0.0", channels[-1], 2, 1, (1, 1), inner=channels[-1])
    block("middle.0.1", channels[-1], channels[-1], layers[-1], has_attention=attention[-1], level=last)
    for place, level in enumerate(range(last, -1, -1)):
        width = before[level]
        block(f"ups.{place}.0", width, 2, 1, (1, 1), inner=width)
        block(f"ups.{place}.1", 2 * channels[level], width, layers[level], (5, 3), attention[level], level)
    return shapes


class Arguments:
    """As the published files' arguments: an object that has something called when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def checkpoint(tmp_path) -> dict:
    shapes = published_shapes((8, 16, 16), (1, 1, 2), (False, False, True, True), heads=2, bins=8, embedding=16)
    generator = torch.Generator().manual_seed(0)
    network = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    network |= {f"{way}samplerT.kernel": torch.tensor(CUBIC) for way in ("down", "up")}
    averages = {name: tensor if name.endswith("kernel") else 2 * tensor for name, tensor in network.items()}
    return {"it": 3, "network": network, "ema": averages, "args": Arguments(tmp_path / "executed")}


def convert(folder, content, config=CONFIG):
    torch.save(content, folder / "weights.pt")
    arguments = ["--checkpoint_path", str(folder / "weights.pt"), "--pytorch_dump_folder_path", str(folder / "out")]
    if config is not None:
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        arguments += ["--config_path", str(folder / "config.yaml")]
    run_converter("", convert_cqtdiff_plus_checkpoint.convert_checkpoint, arguments, config_required=False)


def test_moving_averages_arrive_and_arguments_are_not_executed(checkpoint, tmp_path, capsys):
    convert(tmp_path, checkpoint)
    assert "parameters (moving averages)" in capsys.readouterr().out
    assert not (tmp_path / "executed").exists()
    unet = CQTDiffPlusUNet.from_pretrained(tmp_path / "out")
    assert unet.config.attention_levels == [False, False, True] and unet.config.layers_per_block == [1, 1, 2]
    assert (unet.config.num_attention_heads, unet.config.sigma_data) == (2, 0.05)
    assert (unet.config.placement, unet.config.sampling_rate) == ("cqtdiff_plus", 8000)
    found, published = unet.state_dict(), checkpoint["network"]
    pairs = {
        "embedding.layers.2.bias": "embedding.MLP.2.bias",
        "octaves_in.1.convolutions.0.weight": "downs.1.0.H.0.weight",
        "pyramid_in.2.weight": "downs.2.1.weight",
        "down_blocks.1.modulations.0.gate.bias": "downs.1.2.gate.0.bias",
        "down_blocks.1.modulations.0.scale.bias": "downs.1.2.affine.0.bias",
        "down_blocks.2.attention.to_queries_and_keys.weight": "downs.2.2.attn_block.qk.weight",
        "down_blocks.2.attention_modulation.gate.weight": "downs.2.2.gate2.weight",
        "mid_out.project_out.weight": "middle.0.0.proj_out.weight",
        "mid_block.convolutions.1.weight": "middle.0.1.H.1.weight",
        "up_blocks.2.shortcut.weight": "ups.0.1.res_conv.weight",
        "up_blocks.0.project_in.weight": "ups.2.1.proj_in.weight",
        "pyramid_out.0.shortcut.weight": "ups.2.0.res_conv.weight",
    }
    for ours, theirs in pairs.items():
        assert torch.equal(found[ours], 2 * published[theirs]), ours
    gamma = published["ups.0.1.norm2.gamma"]
    assert torch.equal(found["up_blocks.2.attention_modulation.weight"], 2 * gamma.flatten())
    sums = sorted(tensor.double().sum().item() for tensor in found.values())
    kept = [tensor for name, tensor in checkpoint["ema"].items() if not name.endswith("kernel")]
    assert sums == pytest.approx(sorted(tensor.double().sum().item() for tensor in kept))


@pytest.mark.parametrize("name", ["maestro_22k", "musicnet_44k"])
def test_published_networks_fit(name):
    """Sizes that are read off their tensors, and settings without a configuration, are those of our configurations."""
    config = json.loads((CONFIGS / f"{name}.json").read_text())
    config.pop("_class_name")
    levels = (*config["attention_levels"], config["mid_block_attention"])
    shapes = published_shapes(config["block_out_channels"], config["layers_per_block"], levels, 8, 64, 256)
    state_dict = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    state_dict |= {f"{way}samplerT.kernel": torch.tensor(CUBIC) for way in ("down", "up")}
    sizes = convert_cqtdiff_plus_checkpoint.infer_sizes(state_dict)
    settings = convert_cqtdiff_plus_checkpoint.published_settings(len(sizes["block_out_channels"]))
    with torch.device("meta"):
        unet = CQTDiffPlusUNet(**sizes, **settings, placement="cqtdiff_plus")
    assert {name: unet.config[name] for name in config} == config
    converted = convert_cqtdiff_plus_checkpoint.convert_state_dict(state_dict, unet)
    assert converted.keys() == unet.state_dict().keys()


def without_averages(checkpoint):
    return {"network": checkpoint["network"], "args": checkpoint["args"]}


def with_another_filter(checkpoint):
    return checkpoint | {"ema": checkpoint["ema"] | {"upsamplerT.kernel": torch.ones(8)}}


def without_a_tensor(checkpoint):
    return checkpoint | {"ema": {name: one for name, one in checkpoint["ema"].items() if name != "ups.1.0.H.0.weight"}}


def of_another_network(checkpoint):
    return checkpoint | {"ema": {"weight": torch.ones(2)}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_averages, "expected a dictionary with a state dict ema, got network, args"),
        (with_another_filter, "upsamplerT.kernel must be the cubic filter of the published networks"),
        (without_a_tensor, "the checkpoint lacks 1 (ups.1.0.H.0.weight), and has no tensor too many"),
        (of_another_network, "the checkpoint has no tensor embedding.MLP.2.weight: expected that of a CQT-Diff+"),
    ],
)
def test_other_checkpoints_are_refused(checkpoint, change, message, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        convert(tmp_path, change(checkpoint))
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not (tmp_path / "executed").exists()


def test_configurations_of_another_network_are_refused(checkpoint, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        convert(tmp_path, checkpoint, CONFIG | {"network": CONFIG["network"] | {"use_fencoding": True}})
    assert "network.use_fencoding must be False, got True" in capsys.readouterr().err
    other_bins = CONFIG["network"] | {"cqt": CONFIG["network"]["cqt"] | {"bins_per_oct": 16}}
    with pytest.raises(SystemExit, match="2"):
        convert(tmp_path, checkpoint, CONFIG | {"network": other_bins})
    assert "downs.2.2.attn_block.qk.weight has shape (96, 48, 1) in the checkpoint" in capsys.readouterr().err


def test_other_numbers_of_octaves_need_a_configuration(checkpoint, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        convert(tmp_path, checkpoint, config=None)
    assert "expected 7 or 8 octaves, as the published networks have, or a configuration, got 3" in (
        capsys.readouterr().err
    )
