"""Example scripts run as a user runs them, tiny."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from processes import python, starts
from safetensors.torch import load_file
from tiny_models import SIZES

import aidd
from aidd.evaluation.methods.names import PROTOCOLS


EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = (EXAMPLES, *(EXAMPLES / name for name in ("cards", "community", "images", "studies")))
# By name: what has a command line. The other modules are what scripts share, which import them from their own folder.
SCRIPTS = {
    path.stem: path
    for folder in FOLDERS
    for path in sorted(folder.glob("*.py"))
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
}
sys.path += map(str, FOLDERS)
CPU = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}

# Dropout on: a resumed run must draw the same.
CODEC_CONFIG = {
    "model_type": "wavtokenizer",
    "upsampling_ratios": [8, 5, 4, 2],
    **SIZES,
}
TRANSFORMER_CONFIG = {
    "model_type": "aidd_dit_token",
    "codebook_size": 32,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
}


def load(script: str):
    spec = importlib.util.spec_from_file_location(f"example_{script}", SCRIPTS[script])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: str, *arguments) -> None:
    """In this process: scripts that keep no state in it."""
    module = load(script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        module.main()


def run_process(*command, **environment: str) -> None:
    """A process of its own: scripts that leave something in theirs."""
    result = python.run(*command, **CPU, **environment)
    assert result.returncode == 0, result.stderr[-4000:]


def run_two_processes(*command) -> None:
    result = python.run_two(*command, **CPU)
    assert result.returncode == 0, result.stderr[-4000:]


def launcher(script: str, num_processes: int = 1) -> tuple:
    """`accelerate launch` of a script, which starts Python anew: once a script, as imports take longest."""
    # The launcher makes one of several processes on the CPU, unless told that they are on GPUs.
    mode = ("--cpu",) if num_processes == 1 else ("--multi_gpu", "--main_process_port", 0)
    settings = ("--num_machines", 1, "--mixed_precision", "no", "--dynamo_backend", "no")
    starts.extend([f"accelerate launch {script}"] * num_processes)
    launch = ("-m", "accelerate.commands.launch", *mode, "--num_processes", num_processes, *settings)
    return (*launch, SCRIPTS[script])


def launch(script: str, *arguments) -> None:
    run_process(*launcher(script), *arguments)


def write_tones(path: Path, seconds: float, sampling_rate: int = 24_000) -> None:
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    tones = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 6)) * np.exp(-2 * (time % 0.5))
    path.parent.mkdir(exist_ok=True)
    sf.write(path, 0.2 * tones, sampling_rate)


def write_protocol(path: Path) -> Path:
    """Gaps of 50 and 100 ms, as `one_gap` makes them, in one segment a recording."""
    protocol = json.loads((PROTOCOLS / "one_gap.json").read_text())
    protocol |= {"name": "one", "segments_per_recording": 1}
    protocol["conditions"] = [{"geometry": "centred_gap", "gap_seconds": [0.05, 0.1]}]
    path.write_text(json.dumps(protocol))
    return path


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_equal_weights(folder: Path, other: Path) -> None:
    ours, others = weights(folder), weights(other)
    assert ours.keys() == others.keys()
    assert not [name for name in ours if not torch.equal(ours[name], others[name])]


def interrupted_copy(run_folder: Path, folder: Path, step: int) -> Path:
    """A run's folder as it stood when it had written the checkpoint of a step."""
    shutil.copytree(run_folder, folder)
    for name in ("model.safetensors", "config.json", "training_arguments.json", "metrics.jsonl"):
        (folder / name).unlink()
    for checkpoint in folder.glob("checkpoint-*"):
        if int(checkpoint.name.split("-")[1]) > step:
            shutil.rmtree(checkpoint)
    assert (folder / f"checkpoint-{step}").is_dir()
    return folder


def tiny_cqtdiff_plus(sampling_rate: int, num_samples: int) -> aidd.CQTDiffPlusUNet:
    return aidd.CQTDiffPlusUNet(
        sampling_rate,
        num_samples,
        8,
        block_out_channels=(2, 2),
        layers_per_block=(1, 1),
        attention_levels=(False, False),
        norm_num_groups=2,
        embedding_size=4,
    )
