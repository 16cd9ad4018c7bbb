"""`aidd info`: what is installed, and what audio files hold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import __version__
from ..repair.methods import METHODS, MODEL_METHODS, ROWS
from .console import BAD_INPUT, DONE, Console


# Entries of the configurations of a model's parts that `aidd info` prints.
FACTS = (
    "sampling_rate",
    "n_fft",
    "hop_length",
    "upsampling_ratios",
    "codebook_size",
    "parameterization",
    "num_hidden_layers",
    "decoder_num_layers",
    "hidden_size",
    "decoder_hidden_size",
    "max_position_embeddings",
    "sample_size",
    "block_out_channels",
    "prediction_type",
)
PACKAGES = ("torch", "torchaudio", "transformers", "diffusers", "numpy", "scipy", "soundfile")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command's arguments, and help, to the command line."""
    parser = commands.add_parser(
        "info",
        help="print versions, the default models and the methods, or facts about audio files and models",
        description="Without arguments, prints versions, the methods and the default models. With audio files or "
        "folders of pipelines, prints what they hold. A file that cannot be read does not hide the others; the exit "
        "code is 2 then.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=info)
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="an audio file, or a pipeline's folder")


def info(arguments: argparse.Namespace, console: Console) -> int:
    """
    Prints facts about the files in the arguments, or about the installation. Returns the exit code: that of bad input
    if any file cannot be read, after the facts about the others.
    """
    code = DONE
    for path in arguments.files:
        try:
            print("\n".join(_facts(path)))
        except (ValueError, OSError) as error:
            console.error(str(error))
            code = BAD_INPUT
    if not arguments.files:
        print("\n".join(_installation()))
    return code


def _facts(path: Path) -> list[str]:
    if (path / "model_index.json").is_file():
        try:
            return model_facts(path)
        # All exceptions, as a damaged folder fails in whatever way its parts do.
        except Exception as error:
            raise ValueError(f"{path}: cannot be read as a pipeline: {error!r}") from error
    from ..signals.files import read_audio

    audio = read_audio(path)
    channels, num_samples = audio.samples.shape
    return [
        f"{path}: {audio.sampling_rate} Hz, {channels} {'channel' if channels == 1 else 'channels'}, "
        f"{num_samples / audio.sampling_rate:.6f} s ({num_samples} samples), {audio.format} {audio.subtype}"
    ]


def _installation() -> list[str]:
    from importlib.metadata import version

    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    lines = [f"aidd {__version__}", f"python {sys.version.split()[0]}, {packages}", f"methods: {', '.join(METHODS)}"]
    for model in dict.fromkeys(filter(None, MODEL_METHODS.values())):
        methods = [method for method, default in MODEL_METHODS.items() if default == model]
        first, *parts = model_facts(Path(model))
        lines += [f"default model of {', '.join(methods)}: {first}", *parts]
    return lines + [f"{method} needs {row.needs_own_model}" for method, row in ROWS.items() if row.needs_own_model]


def model_facts(folder: Path) -> list[str]:
    """Describes a pipeline in a folder, line by line: its size, and its parts with parameters and configurations."""
    import json
    import math

    from safetensors import safe_open

    if not folder.is_dir():
        return [f"none in this installation (expected in {folder})"]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    lines = [f"{folder.name}, {size / 2**20:.1f} MiB, in {folder}"]
    for config_path in sorted(folder.glob("*/*config.json")):
        if config_path.name == "preprocessor_config.json" and (config_path.parent / "config.json").is_file():
            # The codec's feature extractor has no entry that the codec's own configuration lacks.
            continue
        config = json.loads(config_path.read_text())
        facts = [f"{name} {config[name]}" for name in FACTS if name in config]
        num_parameters = 0
        for weights in config_path.parent.glob("*.safetensors"):
            with safe_open(weights, framework="numpy") as tensors:
                num_parameters += sum(math.prod(tensors.get_slice(key).get_shape()) for key in tensors.keys())  # noqa: SIM118
        if num_parameters:
            facts.insert(0, f"{num_parameters / 1e6:.1f} M parameters")
        # diffusers, transformers' feature extractors and transformers' models name the class in three ways.
        name = config.get("_class_name") or config.get("feature_extractor_type") or config["architectures"][0]
        lines.append(f"  {config_path.parent.name}: {', '.join([name, *facts])}")
    return lines
