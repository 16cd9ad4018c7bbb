"""Training of the token model, tiny and for real: killed, shared out among processes, continued and published."""

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from hub_server import online, running_hub
from processes import python
from safetensors.torch import load, load_file
from scripts import CPU, launcher

from aidd import DiTTokenModel
from aidd.models.dit_token import DiTTokenConfig


EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPT = EXAMPLES / "train.py"
RECIPES = sorted((EXAMPLES / "configs").glob("paper_m*/*.json"))
RECIPES = [path for path in RECIPES if path.name != "dit_token.json"]
ABLATION = sorted((EXAMPLES / "configs" / "ablation").glob("*.json"))
ABLATION = [path for path in ABLATION if path.name not in ("score.json", "time_free.json")]
CONFIG = {
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

# Runs the script, and kills it while it writes its second checkpoint.
KILLED = """
import os, runpy, signal, sys
from pathlib import Path
from accelerate import Accelerator

save_state = Accelerator.save_state

def save_half(self, folder):
    save_state(self, folder)
    if (Path(folder).parent / "checkpoint-2").exists():
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

Accelerator.save_state = save_half
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(folder: Path, *arguments, start=python.run, program=(SCRIPT,), **environment) -> subprocess.CompletedProcess:
    options = {"--use_dummy_data": None, "--output_dir": folder, "--max_gap": 30, "--lr_warmup_steps": 1}
    options |= {"--logging_steps": 1, "--checkpointing_steps": 2, "--learning_rate": 1e-2, "--ema_decay": 0.5}
    options = [part for option in options.items() for part in option if part is not None]
    return start(*program, *options, *arguments, **CPU | environment)


def train(folder: Path, *arguments, **settings) -> None:
    result = run(folder, *arguments, **settings)
    assert result.returncode == 0, result.stderr[-4000:]


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses(folder: Path) -> list[float]:
    return [row["train/loss"] for row in metrics(folder)]


def load_script():
    spec = importlib.util.spec_from_file_location("example_train", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def configs(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("configs")
    changes = {
        "dropout": {},
        "plain": {"hidden_dropout": 0.0, "attention_dropout": 0.0},
        "score": {"parameterization": "score", "time_conditioning": True},
    }
    for name, change in changes.items():
        (folder / f"{name}.json").write_text(json.dumps(CONFIG | change))
    return {name: folder / f"{name}.json" for name in changes}


def test_a_killed_run_goes_on_to_the_bit(configs, tmp_path):
    """Killed at step 4 while writing: resumed from step 2, with its optimizer, moving average, dropout and data."""
    arguments = ["--config_path", configs["dropout"], "--max_train_steps", 5, "--train_batch_size", 2]
    arguments += ["--gradient_accumulation_steps", 2, "--derivative_loss_weight", 0.5, "--report_to", "tensorboard"]
    train(tmp_path / "whole", *arguments)
    killed = run(tmp_path / "killed", *arguments, program=("-c", KILLED, SCRIPT))
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-4000:]
    assert [path.name for path in (tmp_path / "killed").glob("*checkpoint*")].count("unfinished-checkpoint") == 1
    train(tmp_path / "killed", *arguments, "--resume_from_checkpoint", "latest")
    for name in ("model.safetensors", "checkpoint-4/model.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    # Steps 3 and 4 were measured twice, and stand there once.
    assert [row["step"] for row in metrics(tmp_path / "whole")] == [1, 2, 3, 4, 5]
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    assert list((tmp_path / "whole" / "logs").rglob("events.out.tfevents*"))


def test_processes_and_accumulation_share_out_the_same_batch(configs, tmp_path):
    """Four windows a step: at once, in two processes, and one after the other in two halves."""
    arguments = ["--config_path", configs["plain"], "--max_train_steps", 6]
    train(tmp_path / "one", *arguments, "--train_batch_size", 4)
    train(tmp_path / "two", *arguments, "--train_batch_size", 2, program=launcher("train", num_processes=2))
    train(tmp_path / "halves", *arguments, "--train_batch_size", 2, "--gradient_accumulation_steps", 2)
    assert len(losses(tmp_path / "one")) == 6
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    assert losses(tmp_path / "halves") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    rates = [[row["train/learning_rate"] for row in metrics(tmp_path / name)] for name in ("one", "two", "halves")]
    assert rates[0] == rates[1] == rates[2]
    # That is no constant: every step has windows and masks of its own.
    assert max(losses(tmp_path / "one")) - min(losses(tmp_path / "one")) > 0.1


def test_a_trained_model_goes_on_and_is_published(configs, tmp_path):
    """Its weights, here in bfloat16, are the start: at a learning rate of 0, the result as well."""
    torch.manual_seed(3)
    model = DiTTokenModel(DiTTokenConfig.from_pretrained(configs["score"]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    model.to(torch.bfloat16).save_pretrained(tmp_path / "trained")
    with running_hub() as server:
        train(
            tmp_path / "run",
            *("--init_from", tmp_path / "trained", "--max_train_steps", 2, "--train_batch_size", 2),
            *("--learning_rate", 0, "--report_to", "none", "--push_to_hub", "--hub_model_id", "someone/trained"),
            start=online.run,
            HF_TOKEN="hf_nobody",
        )
        repository = server.repositories["models", "someone/trained"]
        files = repository.commits[repository.sha("main")]
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("trained", "run"))
    assert {value.dtype for value in after.values()} == {torch.float32}
    assert all(torch.equal(after[name], value.float()) for name, value in before.items())
    assert DiTTokenModel.from_pretrained(tmp_path / "run").config.parameterization == "score"
    assert not (tmp_path / "run" / "logs").exists()

    # Checkpoints, logs and data stay at home.
    assert files.keys() == {
        *("README.md", "config.json", "metrics.jsonl", "model.safetensors", "training_arguments.json")
    }
    assert load(files["model.safetensors"]).keys() == after.keys()
    assert 'aidd.DiTTokenModel.from_pretrained("someone/trained")' in files["README.md"].decode()


def test_the_papers_recipe_runs(configs, tmp_path):
    """But for its size: the command line wins over the file, and its order over that of the files."""
    recipe = EXAMPLES / "configs" / "paper_maestro" / "span_derivative.json"
    sizes = ("--config_path", configs["score"], "--max_train_steps", 2, "--train_batch_size", 2)
    train(tmp_path / "run", "--arguments_path", recipe, *sizes, "--derivative_loss_order", 2)
    arguments = json.loads((tmp_path / "run" / "training_arguments.json").read_text())
    assert arguments["max_train_steps"] == 2 and arguments["derivative_loss_weight"] == 500
    assert arguments["mixed_precision"] == "bf16" and all(loss > 0 for loss in losses(tmp_path / "run"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_recipe_of_the_paper_is_understood(recipe, monkeypatch):
    arguments = ["--arguments_path", recipe, "--train_data_dir", "tokens", "--output_dir", "outputs"]
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, arguments)])
    args = load_script().parse_args()
    config = DiTTokenConfig.from_pretrained(args.config_path)
    assert (config.parameterization, config.hidden_size, config.num_hidden_layers) == ("score", 768, 12)
    window = config.max_position_embeddings
    assert args.max_grad_norm * window == pytest.approx(1) and args.adam_epsilon * window == pytest.approx(1e-8)
    assert (args.train_batch_size, args.learning_rate, args.ema_decay) == (128, 1e-6, 0.9999)


@pytest.mark.parametrize("recipe", ABLATION, ids=lambda path: path.stem)
def test_the_recipes_of_the_ablation_differ_in_what_they_are_named_for(recipe, monkeypatch):
    arguments = ["--arguments_path", recipe, "--train_data_dir", "tokens", "--output_dir", "outputs"]
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, arguments)])
    args = load_script().parse_args()
    assert (args.corruption == "span") == ("span" in recipe.stem)
    assert (args.derivative_loss_weight > 0) == ("derivative" in recipe.stem)
    assert (args.gap_probability > 0) == ("gaps" in recipe.stem)
    assert DiTTokenConfig.from_pretrained(args.config_path).time_conditioning == ("time_free" not in recipe.stem)
    assert (args.max_train_steps, args.train_batch_size, args.learning_rate) == (1000, 16, 1e-3)


@pytest.mark.parametrize("recipe", [{"learning_speed": 1}, {"corruption": "spans"}])
def test_a_recipe_is_held_to_what_the_script_takes(recipe, monkeypatch, tmp_path, capsys):
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    arguments = ["--arguments_path", tmp_path / "recipe.json", "--use_dummy_data", "--output_dir", tmp_path]
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, arguments)])
    with pytest.raises(SystemExit, match="2"):
        load_script().parse_args()
    assert next(iter(recipe)) in capsys.readouterr().err


def refusal(folder: Path, *arguments) -> str:
    """What a run that does not get as far as to train says."""
    result = run(folder, *arguments)
    assert result.returncode == 2, result.stderr[-4000:]
    return result.stderr.splitlines()[-1]


def test_a_short_run_can_be_read_and_lengthened(configs, tmp_path):
    """Log, validation and checkpoint at the last step; from there, the rates are those of one that long at once."""
    arguments = ["--config_path", configs["plain"], "--train_batch_size", 2]
    arguments += ["--logging_steps", 50, "--checkpointing_steps", 50]
    train(tmp_path / "short", *arguments, "--max_train_steps", 3)
    held_out = ("--validation_data_dir", tmp_path / "short" / "dummy_data")
    train(tmp_path / "long", *arguments, "--max_train_steps", 6, "--logging_steps", 1)
    assert [path.name for path in (tmp_path / "short").glob("checkpoint-*")] == ["checkpoint-3"]
    assert "--resume_from_checkpoint latest, or choose another --output_dir" in refusal(tmp_path / "short", *arguments)
    again = ["--resume_from_checkpoint", "latest", "--max_train_steps", 6, "--logging_steps", 1]
    refused = refusal(tmp_path / "short", *arguments, *again, "--learning_rate", 1)
    assert "train.py: error: learning_rate is 0.01 in " in refused and "got 1.0: a resumed run keeps it" in refused
    train(tmp_path / "short", *arguments, *again, *held_out)
    first, *rest, validated = metrics(tmp_path / "short")
    assert [row["step"] for row in (first, *rest, validated)] == [3, 4, 5, 6, 6]
    assert "valid/cross_entropy_gap_4" in validated
    rates = [row["train/learning_rate"] for row in metrics(tmp_path / "long")]
    assert [row["train/learning_rate"] for row in rest] == rates[3:]


def test_what_is_no_data_is_refused_in_one_line(configs, tmp_path):
    def refused(*arguments) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [SCRIPT.name, "--output_dir", str(tmp_path / "run"), *map(str, arguments)])
            module = load_script()
            with pytest.raises(ValueError) as error:
                args = module.parse_args()
                model = module.load_model(args)
                module.load_tokens(args.train_data_dir, 1, model.config, 0)
        return str(error.value)

    config = ("--config_path", configs["plain"])
    (tmp_path / "audio").mkdir()
    for folder in ("audio", "nowhere"):
        told = refused(*config, "--train_data_dir", tmp_path / folder)
        assert (
            told
            == f"{tmp_path / folder} is no data set of tokens: examples/tokenize_dataset.py makes one of recordings"
        )
    Dataset.from_list([{"audio_codes": [3, 32, 1] * 20}]).save_to_disk(tmp_path / "tokens")
    told = refused(*config, "--train_data_dir", tmp_path / "tokens")
    assert "codes up to 32, expected those of a codebook_size of 32" in told
    codec = EXAMPLES / "configs" / "piano_cpu" / "wavtokenizer.json"
    told = refused("--config_path", codec, "--train_data_dir", tmp_path / "tokens")
    assert told.endswith("expected a DiTTokenModel (model_type aidd_dit_token)")
    told = refusal(tmp_path / "run", "--config_path", codec)
    assert told.startswith("train.py: error: ") and "is a WavTokenizer (model_type wavtokenizer)" in told
