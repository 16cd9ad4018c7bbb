import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from processes import python
from transformers import AutoFeatureExtractor, WavTokenizerConfig, WavTokenizerModel

from aidd.models.checkpoint_io import read_checkpoint, read_yaml, run_converter
from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel, convert_aidd_checkpoint
from aidd.models.wavtokenizer import convert_wavtokenizer_checkpoint


# --- Published files, small, with random tensors ---------------------------------------------------------------------


def published_wavtokenizer_shapes(ratios, dim=64, inner=96, layers=2, codes=32, rows=4):
    """Names and shapes of the original's tensors, discriminators aside, in its order."""
    shapes = {}
    encodec = "feature_extractor.encodec"

    def conv(name, first, second, kernel):
        shapes[f"{name}.bias"] = (second if "convtr" in name else first,)
        shapes[f"{name}.weight_g"] = (first, 1, 1)
        shapes[f"{name}.weight_v"] = (first, second, kernel)

    def residual(name, width):
        conv(f"{name}.block.1.conv.conv", width // 2, width, 3)
        conv(f"{name}.block.3.conv.conv", width, width // 2, 1)
        conv(f"{name}.shortcut.conv.conv", width, width, 1)

    def lstm(name, width):
        for layer in range(2):
            shapes[f"{name}.lstm.weight_ih_l{layer}"] = (4 * width, width)
            shapes[f"{name}.lstm.weight_hh_l{layer}"] = (4 * width, width)
            shapes[f"{name}.lstm.bias_ih_l{layer}"] = (4 * width,)
            shapes[f"{name}.lstm.bias_hh_l{layer}"] = (4 * width,)

    def vector(name, *kinds):
        shapes.update({f"{name}.{kind}": (dim,) for kind in kinds})

    conv(f"{encodec}.encoder.model.0.conv.conv", 32, 1, 7)
    for i, ratio in enumerate(reversed(ratios)):
        residual(f"{encodec}.encoder.model.{3 * i + 1}", 32 * 2**i)
        conv(f"{encodec}.encoder.model.{3 * i + 3}.conv.conv", 64 * 2**i, 32 * 2**i, 2 * ratio)
    last = 3 * len(ratios) + 1
    lstm(f"{encodec}.encoder.model.{last}", 32 * 2 ** len(ratios))
    conv(f"{encodec}.encoder.model.{last + 2}.conv.conv", 512, 32 * 2 ** len(ratios), 7)

    codebook = f"{encodec}.quantizer.vq.layers.0._codebook"
    shapes |= {f"{codebook}.inited": (1,), f"{codebook}.cluster_size": (codes,)}
    shapes |= {f"{codebook}.embed": (codes, 512), f"{codebook}.embed_avg": (codes, 512)}

    # Never used, and with these ratios whatever the encoder's are.
    conv(f"{encodec}.decoder.model.0.conv.conv", 512, 512, 7)
    lstm(f"{encodec}.decoder.model.1", 512)
    for i, ratio in enumerate([8, 5, 4, 2]):
        conv(f"{encodec}.decoder.model.{3 * i + 3}.convtr.convtr", 512 // 2**i, 256 // 2**i, 2 * ratio)
        residual(f"{encodec}.decoder.model.{3 * i + 4}", 256 // 2**i)
    conv(f"{encodec}.decoder.model.15.conv.conv", 1, 32, 7)

    shapes |= {"backbone.embed.weight": (dim, 512, 7), "backbone.embed.bias": (dim,)}
    shapes |= {"backbone.norm.scale.weight": (rows, dim), "backbone.norm.shift.weight": (rows, dim)}
    for i in range(layers):
        block = f"backbone.convnext.{i}"
        shapes |= {f"{block}.gamma": (dim,), f"{block}.dwconv.weight": (dim, 1, 7), f"{block}.dwconv.bias": (dim,)}
        shapes |= {f"{block}.norm.scale.weight": (rows, dim), f"{block}.norm.shift.weight": (rows, dim)}
        shapes |= {f"{block}.pwconv1.weight": (inner, dim), f"{block}.pwconv1.bias": (inner,)}
        shapes |= {f"{block}.pwconv2.weight": (dim, inner), f"{block}.pwconv2.bias": (dim,)}
    vector("backbone.final_layer_norm", "weight", "bias")
    for i in (0, 1, 3, 4):
        for j in (1, 2):
            vector(f"backbone.pos_net.{i}.norm{j}", "weight", "bias")
            shapes[f"backbone.pos_net.{i}.conv{j}.weight"] = (dim, dim, 3)
            vector(f"backbone.pos_net.{i}.conv{j}", "bias")
    vector("backbone.pos_net.2.norm", "weight", "bias")
    for projection in ("q", "k", "v", "proj_out"):
        shapes[f"backbone.pos_net.2.{projection}.weight"] = (dim, dim, 1)
        vector(f"backbone.pos_net.2.{projection}", "bias")
    vector("backbone.pos_net.5", "weight", "bias")

    n_fft = 4 * int(np.prod(ratios))
    shapes |= {"head.out.weight": (n_fft + 2, dim), "head.out.bias": (n_fft + 2,), "head.istft.window": (n_fft,)}
    return shapes


def published_aidd_shapes(hidden=16, heads=2, blocks=2, cond=8, vocabulary=16):
    """Names and shapes of the original's tensors, in its order."""
    shapes = {"vocab_embed.embedding": (vocabulary, hidden)}
    for layer, width in ((0, 256), (2, cond)):
        shapes |= {f"sigma_map.mlp.{layer}.weight": (cond, width), f"sigma_map.mlp.{layer}.bias": (cond,)}
    shapes["rotary_emb.inv_freq"] = (hidden // heads // 2,)
    for i in range(blocks):
        shapes[f"blocks.{i}.norm1.weight"] = (hidden,)
        shapes[f"blocks.{i}.attn_qkv.weight"] = (3 * hidden, hidden)
        shapes[f"blocks.{i}.attn_out.weight"] = (hidden, hidden)
        shapes[f"blocks.{i}.norm2.weight"] = (hidden,)
        shapes |= {f"blocks.{i}.mlp.0.weight": (4 * hidden, hidden), f"blocks.{i}.mlp.0.bias": (4 * hidden,)}
        shapes |= {f"blocks.{i}.mlp.2.weight": (hidden, 4 * hidden), f"blocks.{i}.mlp.2.bias": (hidden,)}
        shapes[f"blocks.{i}.adaLN_modulation.weight"] = (6 * hidden, cond)
        shapes[f"blocks.{i}.adaLN_modulation.bias"] = (6 * hidden,)
    shapes["output_layer.norm_final.weight"] = (hidden,)
    shapes |= {"output_layer.linear.weight": (vocabulary, hidden), "output_layer.linear.bias": (vocabulary,)}
    shapes["output_layer.adaLN_modulation.weight"] = (2 * hidden, cond)
    shapes["output_layer.adaLN_modulation.bias"] = (2 * hidden,)
    return shapes


def random_tensors(shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def wavtokenizer_config(ratios=(2, 2), dim=64, inner=96, layers=2, codes=32):
    hop = int(np.prod(ratios))
    extractor = {"encodec_model": "encodec_24khz", "num_quantizers": 1, "dowmsamples": list(ratios), "vq_bins": codes}
    backbone = {"input_channels": 512, "dim": dim, "intermediate_dim": inner, "num_layers": layers}
    head = {"dim": dim, "n_fft": 4 * hop, "hop_length": hop, "padding": "same"}
    return {
        "seed_everything": 3407,
        "model": {
            "class_path": "decoder.experiment.WavTokenizer",
            "init_args": {
                "sample_rate": 24000,
                "feature_extractor": {"init_args": extractor},
                "backbone": {"init_args": backbone | {"adanorm_num_embeddings": 4}},
                "head": {"init_args": head},
            },
        },
    }


def wavtokenizer_checkpoint(ratios=(2, 2), **sizes):
    state_dict = random_tensors(published_wavtokenizer_shapes(ratios, **sizes))
    state_dict["feature_extractor.encodec.quantizer.vq.layers.0._codebook.inited"] = torch.ones(1)
    state_dict["head.istft.window"] = torch.hann_window(4 * int(np.prod(ratios)))
    state_dict["multiperioddisc.discriminators.0.emb.weight"] = torch.zeros(4, 8)
    state_dict["melspec_loss.mel_spec.spectrogram.window"] = torch.ones(8)
    lightning = {"epoch": 3, "hyper_parameters": {"mel_loss_coeff": 45}, "lr_schedulers": [{"lr_lambdas": [None]}]}
    return lightning | {"state_dict": state_dict, "optimizer_states": [{"param_groups": [{"lr": np.float64(2e-4)}]}]}


def aidd_config(hidden=16, heads=2, blocks=2, cond=8, tokens=15):
    model = {"hidden_size": hidden, "cond_dim": cond, "length": 300, "n_blocks": blocks, "n_heads": heads}
    return {
        "tokens": tokens,
        "graph": {"type": "absorb"},
        "noise": {"type": "loglinear", "sigma_min": 1e-4},
        "model": model | {"scale_by_sigma": True, "dropout": 0.1},
    }


def aidd_checkpoint(**sizes):
    state_dict = random_tensors(published_aidd_shapes(**sizes))
    half = len(state_dict["rotary_emb.inv_freq"])
    state_dict["rotary_emb.inv_freq"] = 10_000.0 ** -(torch.arange(half) / half)
    averages = [2 * tensor for name, tensor in state_dict.items() if name != "rotary_emb.inv_freq"]
    optimizer = {"state": {}, "param_groups": [{"lr": 1e-6 * np.minimum(3 / 2500, 1.0), "betas": (0.9, 0.999)}]}
    ema = {"decay": 0.9999, "num_updates": 3, "shadow_params": averages}
    return {"model": state_dict, "ema": ema, "optimizer": optimizer, "step": 3}


CONVERTERS = {
    "wavtokenizer": (convert_wavtokenizer_checkpoint, wavtokenizer_checkpoint, wavtokenizer_config),
    "aidd": (convert_aidd_checkpoint, aidd_checkpoint, aidd_config),
}


@pytest.fixture(params=CONVERTERS)
def converter(request):
    return CONVERTERS[request.param]


def write(folder: Path, checkpoint, config) -> list[str]:
    """Writes both files, and returns the converter's command-line arguments."""
    torch.save(checkpoint, folder / "published.ckpt")
    (folder / "published.yaml").write_text(yaml.safe_dump(config))
    paths = {"checkpoint_path": "published.ckpt", "config_path": "published.yaml", "pytorch_dump_folder_path": "out"}
    return [word for name, file in paths.items() for word in (f"--{name}", str(folder / file))]


def refusal(module, arguments, capsys) -> str:
    """What the command line says when it refuses, with exit code 2."""
    with pytest.raises(SystemExit) as exit_:
        run_converter(module.__doc__, module.convert_checkpoint, arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


# --- What is converted -----------------------------------------------------------------------------------------------


def test_wavtokenizer_tensors_arrive(tmp_path):
    checkpoint = wavtokenizer_checkpoint()
    arguments = write(tmp_path, checkpoint, wavtokenizer_config())
    run_converter("", convert_wavtokenizer_checkpoint.convert_checkpoint, arguments)
    model = WavTokenizerModel.from_pretrained(tmp_path / "out")
    assert model.config.hop_length == 4
    assert model.config.codebook_size == 32

    found, published = model.state_dict(), checkpoint["state_dict"]
    encodec = "feature_extractor.encodec"
    pairs = {
        "encoder_model.encoder.layers.0.conv.bias": f"{encodec}.encoder.model.0.conv.conv.bias",
        "encoder_model.encoder.layers.4.block.3.conv.parametrizations.weight.original0": (
            f"{encodec}.encoder.model.4.block.3.conv.conv.weight_g"
        ),
        "encoder_model.encoder.layers.7.lstm.weight_hh_l1": f"{encodec}.encoder.model.7.lstm.weight_hh_l1",
        "encoder_model.quantizer.codebook.embed": f"{encodec}.quantizer.vq.layers.0._codebook.embed",
        "head.linear.weight": "head.out.weight",
    }
    pairs |= {name: name for name in published if name.startswith("backbone.")}
    for ours, theirs in pairs.items():
        torch.testing.assert_close(found[ours], published[theirs], rtol=0, atol=0)

    direction = published[f"{encodec}.encoder.model.3.conv.conv.weight_v"]
    norm = published[f"{encodec}.encoder.model.3.conv.conv.weight_g"]
    folded = norm * direction / direction.flatten(1).norm(dim=1)[:, None, None]
    torch.testing.assert_close(model.encoder_model.encoder.layers[3].conv.weight, folded)


def test_aidd_tensors_arrive_as_moving_averages(tmp_path):
    checkpoint = aidd_checkpoint()
    arguments = write(tmp_path, checkpoint, aidd_config())
    run_converter("", convert_aidd_checkpoint.convert_checkpoint, arguments)
    model = DiTTokenModel.from_pretrained(tmp_path / "out")
    assert (model.config.parameterization, model.config.time_conditioning) == ("score", True)
    assert (model.config.codebook_size, model.config.mask_token_id) == (16, 15)
    assert model.config.max_position_embeddings == 300

    found, published = model.state_dict(), checkpoint["model"]
    pairs = {
        "embed_tokens.weight": "vocab_embed.embedding",
        "sigma_mlp.2.bias": "sigma_map.mlp.2.bias",
        "layers.1.attention_norm.weight": "blocks.1.norm1.weight",
        "layers.1.attention.qkv_proj.weight": "blocks.1.attn_qkv.weight",
        "layers.0.attention.o_proj.weight": "blocks.0.attn_out.weight",
        "layers.0.mlp_norm.weight": "blocks.0.norm2.weight",
        "layers.0.fc1.bias": "blocks.0.mlp.0.bias",
        "layers.1.fc2.weight": "blocks.1.mlp.2.weight",
        "layers.1.modulation.weight": "blocks.1.adaLN_modulation.weight",
        "modulation.bias": "output_layer.adaLN_modulation.bias",
        "norm.weight": "output_layer.norm_final.weight",
        "head.weight": "output_layer.linear.weight",
    }
    for ours, theirs in pairs.items():
        torch.testing.assert_close(found[ours], 2 * published[theirs], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["wavtokenizer", "aidd"])
def test_every_tensor_has_its_own_place(name):
    """Distinct values in, the same distinct values out: no tensor is used twice, left out, or left at its start."""
    module, make_checkpoint, make_config = CONVERTERS[name]
    checkpoint, config = make_checkpoint(), module.convert_config(make_config())
    published = checkpoint["state_dict"] if name == "wavtokenizer" else module.ema_state_dict(checkpoint)
    before = {key: tensor.clone() for key, tensor in published.items()}
    converted = module.convert_state_dict(published, config)
    dropped = ("feature_extractor.encodec.decoder.", "multi", "melspec", "head.istft.window", "rotary_emb.")
    expected = sorted(tensor.double().sum().item() for key, tensor in published.items() if not key.startswith(dropped))
    assert sorted(tensor.double().sum().item() for tensor in converted.values()) == pytest.approx(expected)
    assert all(torch.equal(published[key], tensor) for key, tensor in before.items())


@pytest.mark.parametrize(
    ("ratios", "num_parameters"), [((8, 5, 4, 2), 80_552_420), ((6, 5, 5, 4), 80_913_988)], ids=["75/s", "40/s"]
)
def test_published_wavtokenizers_fit(ratios, num_parameters):
    """The numbers of tensors and parameters are those of the original classes at the published sizes."""
    published = published_wavtokenizer_shapes(ratios, dim=768, inner=2304, layers=12, codes=4096)
    assert len(published) == 289
    unused = {key: shape for key, shape in published.items() if key.startswith("feature_extractor.encodec.decoder.")}
    assert len(unused) == 62

    with torch.device("meta"):
        model = WavTokenizerModel(WavTokenizerConfig(upsampling_ratios=list(ratios)))
    assert model.num_parameters() + sum(np.prod(shape) for shape in unused.values()) == num_parameters
    ours = {convert_wavtokenizer_checkpoint.published_name(key): t for key, t in model.state_dict().items()}
    assert ours.keys() == published.keys() - unused.keys() - {"head.istft.window"}
    assert all(tensor.shape == published[key] for key, tensor in ours.items())


def test_sizes_are_read_off_the_tensors_where_no_configuration_is_given(tmp_path, capsys):
    for ratios, changes in (((8, 5, 4, 2), {}), ((6, 5, 5, 4), {}), ((4, 2), {"dim": 96, "inner": 100, "codes": 16})):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        arguments = write(folder, wavtokenizer_checkpoint(ratios, **changes), wavtokenizer_config(ratios, **changes))
        run_converter("", convert_wavtokenizer_checkpoint.convert_checkpoint, arguments)
        with_config = (folder / "out" / "config.json").read_text()
        shutil.rmtree(folder / "out")
        without = arguments[:2] + arguments[4:]
        run_converter("", convert_wavtokenizer_checkpoint.convert_checkpoint, without, config_required=False)
        assert (folder / "out" / "config.json").read_text() == with_config
        assert AutoFeatureExtractor.from_pretrained(folder / "out").hop_length == np.prod(ratios)


def test_a_checkpoint_of_something_else_is_refused_without_a_configuration(tmp_path, capsys):
    torch.save({"state_dict": {"weight": torch.ones(2)}}, tmp_path / "published.ckpt")
    arguments = [
        "--checkpoint_path",
        str(tmp_path / "published.ckpt"),
        "--pytorch_dump_folder_path",
        str(tmp_path / "out"),
    ]
    with pytest.raises(SystemExit, match="2"):
        run_converter("", convert_wavtokenizer_checkpoint.convert_checkpoint, arguments, config_required=False)
    assert "expected that of a WavTokenizer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hidden", "blocks", "heads", "num_parameters"), [(768, 12, 12, 98_676_224), (1024, 24, 16, 329_891_072)]
)
def test_published_aidd_models_fit(hidden, blocks, heads, num_parameters):
    published = published_aidd_shapes(hidden, heads, blocks, cond=128, vocabulary=4096)
    config = aidd_config(hidden, heads, blocks, cond=128, tokens=4095)
    with torch.device("meta"):
        model = DiTTokenModel(convert_aidd_checkpoint.convert_config(config))
    assert len(published) == 10 * blocks + 11
    assert model.num_parameters() == num_parameters
    ours = {convert_aidd_checkpoint.published_name(key): tuple(t.shape) for key, t in model.state_dict().items()}
    assert ours | {"rotary_emb.inv_freq": (32,)} == published


def test_aidd_main_configuration_is_composed_with_its_model_group(tmp_path):
    config = aidd_config()
    group = config.pop("model")
    config |= {"defaults": ["_self_", {"model": "tiny"}], "model": {"tokenizer": "wavtokenizer", "n_blocks": 99}}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tiny.yaml").write_text("# @package _group_\n" + yaml.safe_dump(group))
    run_converter("", convert_aidd_checkpoint.convert_checkpoint, write(tmp_path, aidd_checkpoint(), config))
    assert DiTTokenConfig.from_pretrained(tmp_path / "out").num_hidden_layers == 2


def test_command_line_converts_in_a_process_of_its_own(tmp_path):
    arguments = write(tmp_path, aidd_checkpoint(), aidd_config())
    module = "aidd.models.dit_token.convert_aidd_checkpoint"
    done = python.run("-m", module, *arguments)
    assert done.returncode == 0 and "moving averages" in done.stdout, done.stderr
    assert sorted(os.listdir(tmp_path / "out")) == ["config.json", "model.safetensors"]


def test_help_shows_a_command_to_copy(converter, capsys):
    module = converter[0]
    with pytest.raises(SystemExit) as exit_:
        run_converter(module.__doc__, module.convert_checkpoint, ["--help"])
    assert exit_.value.code == 0
    assert f"python -m {module.__name__} " in capsys.readouterr().out


# --- What is refused -------------------------------------------------------------------------------------------------


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickle_is_not_executed(converter, tmp_path, capsys):
    module, make_checkpoint, make_config = converter
    arguments = write(tmp_path, make_checkpoint() | {"surprise": Malicious(tmp_path / "executed")}, make_config())
    assert f"was not read: it asks for {os.name}.mkdir." in refusal(module, arguments, capsys)
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path / "out").exists()
    torch.load(tmp_path / "published.ckpt", weights_only=False)
    assert (tmp_path / "executed").exists(), "the file was harmless, and this test proves nothing"


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut short", b"\x80\x02}q\x00."])
def test_damaged_checkpoints_are_refused(tmp_path, content):
    (tmp_path / "damaged.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged\.ckpt"):
        read_checkpoint(tmp_path / "damaged.ckpt")


@pytest.mark.parametrize("content", ["a: !!python/object/apply:os.getcwd []", "a: [1", "- 1"])
def test_other_configurations_are_refused(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match=r"config\.yaml"):
        read_yaml(tmp_path / "config.yaml")


def test_yaml_numbers_are_numbers(tmp_path):
    text = "[2e-4, 1E6, 1.5e+3, -3e2, 0.1, 7, 1e, e3, 12e3km]"
    (tmp_path / "config.yaml").write_text(f"values: {text}")
    values = read_yaml(tmp_path / "config.yaml")["values"]
    assert values == [2e-4, 1e6, 1.5e3, -3e2, 0.1, 7, "1e", "e3", "12e3km"]


def test_missing_files_are_refused(converter, tmp_path, capsys):
    module, make_checkpoint, make_config = converter
    arguments = write(tmp_path, make_checkpoint(), make_config())
    (tmp_path / "published.ckpt").unlink()
    assert "published.ckpt" in refusal(module, arguments, capsys)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ratios": (4, 2)}, r"encoder\.model\.6\.conv\.conv\.weight_v has shape \(128, 64, 4\).*\(128, 64, 8\)"),
        ({"ratios": (2, 4)}, r"encoder\.model\.3\.conv\.conv\.weight_v has shape \(64, 32, 4\).*\(64, 32, 8\)"),
        ({"dim": 96}, r"backbone\.embed\.weight has shape \(64, 512, 7\).*\(96, 512, 7\)"),
        ({"inner": 100}, r"convnext\.0\.pwconv1\.weight has shape \(96, 64\).*\(100, 64\)"),
        ({"codes": 16}, r"_codebook\.cluster_size has shape \(32,\).*\(16,\)"),
        ({"layers": 3}, r"lacks 9 \(backbone\.convnext\.2\.\S+,.*has no tensor too many"),
        ({"layers": 1}, r"lacks no tensor, and has 9 \(backbone\.convnext\.1\.gamma,"),
    ],
)
def test_wrong_wavtokenizer_pairs_are_refused(tmp_path, capsys, config, message):
    arguments = write(tmp_path, wavtokenizer_checkpoint(), wavtokenizer_config(**config))
    assert re.search(message, refusal(convert_wavtokenizer_checkpoint, arguments, capsys))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden": 32}, r"vocab_embed\.embedding has shape \(16, 16\).*\(16, 32\)"),
        ({"heads": 4}, r"rotary_emb\.inv_freq has shape \(4,\).*\(2,\)"),
        ({"cond": 4}, r"sigma_map\.mlp\.0\.weight has shape \(8, 256\).*\(4, 256\)"),
        ({"tokens": 16}, r"vocab_embed\.embedding has shape \(16, 16\), but tokens \+ 1 is 17"),
        ({"blocks": 3}, r"lacks 10 \(blocks\.2\.adaLN_modulation\.bias,.*has no tensor too many"),
        ({"blocks": 1}, r"lacks no tensor, and has 10 \(blocks\.1\.norm1\.weight,"),
    ],
)
def test_wrong_aidd_pairs_are_refused(tmp_path, capsys, config, message):
    arguments = write(tmp_path, aidd_checkpoint(), aidd_config(**config))
    assert re.search(message, refusal(convert_aidd_checkpoint, arguments, capsys))
    assert not (tmp_path / "out").exists()


def test_aidd_configurations_of_another_kind_are_refused():
    for section, name, value in (("graph", "type", "uniform"), ("model", "scale_by_sigma", False)):
        config = aidd_config()
        config[section][name] = value
        with pytest.raises(ValueError, match=f"{section}.{name} must be .*, got {value!r}"):
            convert_aidd_checkpoint.convert_config(config)
    config = aidd_config()
    del config["model"]["n_heads"]
    with pytest.raises(ValueError, match=r"no entry model\.n_heads"):
        convert_aidd_checkpoint.convert_config(config)


def test_wavtokenizer_configurations_of_another_kind_are_refused():
    changes = [("feature_extractor", "num_quantizers", 2), ("head", "padding", "center"), ("head", "n_fft", 8)]
    for part, name, value in changes:
        config = wavtokenizer_config()
        config["model"]["init_args"][part]["init_args"][name] = value
        with pytest.raises(ValueError, match=f"{part}.{name} must be .*, got {value!r}"):
            convert_wavtokenizer_checkpoint.convert_config(config)


def test_aidd_checkpoint_without_its_moving_averages_is_refused():
    checkpoint = aidd_checkpoint()
    with pytest.raises(ValueError, match=r"`ema`.*got model, step"):
        convert_aidd_checkpoint.ema_state_dict({"model": checkpoint["model"], "step": 3})
    checkpoint["ema"]["shadow_params"].pop()
    with pytest.raises(ValueError, match="29 moving averages for 30 parameters"):
        convert_aidd_checkpoint.ema_state_dict(checkpoint)
    checkpoint = aidd_checkpoint()
    checkpoint["ema"]["shadow_params"].reverse()
    with pytest.raises(ValueError, match=r"vocab_embed\.embedding has shape \(16, 16\), its moving average \(32,\)"):
        convert_aidd_checkpoint.ema_state_dict(checkpoint)


def test_codebook_never_started_is_refused():
    config = convert_wavtokenizer_checkpoint.convert_config(wavtokenizer_config())
    state_dict = wavtokenizer_checkpoint()["state_dict"]
    state_dict["feature_extractor.encodec.quantizer.vq.layers.0._codebook.inited"].zero_()
    with pytest.raises(ValueError, match=r"inited must be 1, got 0\.0"):
        convert_wavtokenizer_checkpoint.convert_state_dict(state_dict, config)


def test_values_recomputed_by_our_models_must_agree():
    config = convert_wavtokenizer_checkpoint.convert_config(wavtokenizer_config())
    state_dict = wavtokenizer_checkpoint()["state_dict"] | {"head.istft.window": torch.ones(16)}
    with pytest.raises(ValueError, match="Hann"):
        convert_wavtokenizer_checkpoint.convert_state_dict(state_dict, config)
    state_dict = aidd_checkpoint()["model"] | {"rotary_emb.inv_freq": 500_000.0 ** -(torch.arange(4) / 4)}
    with pytest.raises(ValueError, match="rotary_emb"):
        convert_aidd_checkpoint.convert_state_dict(state_dict, convert_aidd_checkpoint.convert_config(aidd_config()))
