"""What is published loads from nothing but its name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hub_server import ENDPOINT, forget, online, running_hub
from huggingface_hub import ModelCard, ModelCardData
from processes import python

import aidd


EXAMPLES = Path(__file__).parents[2] / "examples"
NAME, SPACE = "someone/some-model", "someone/some-space"

# Elsewhere: no folder, no cache, the name alone.
BY_NAME = f"""
import sys

import numpy as np
import torch
from diffusers import DiffusionPipeline

import aidd
from huggingface_hub import ModelCard

audio, settings = np.load("in.npy"), dict(sampling_rate=24_000, mask_start_seconds=0.4, mask_end_seconds=0.5)
pipe = aidd.AIDDPipeline.from_pretrained("{NAME}", revision=sys.argv[1])
np.save("ours.npy", pipe(audio, generator=torch.Generator().manual_seed(0), **settings).audios)
pipe = DiffusionPipeline.from_pretrained("{NAME}", custom_pipeline="{NAME}", trust_remote_code=True)
assert isinstance(pipe, aidd.AIDDPipeline)
np.save("generic.npy", pipe(audio, generator=torch.Generator().manual_seed(0), **settings).audios)
card = ModelCard.load("{NAME}")
assert card.data.pipeline_tag == "audio-to-audio" and "# A model of tones" in card.text
"""


@pytest.fixture
def published(tiny_pipeline, tmp_path):
    folder = tmp_path / "pipeline"
    tiny_pipeline.save_pretrained(folder)
    data = ModelCardData(license="apache-2.0", library_name="diffusers", pipeline_tag="audio-to-audio")
    ModelCard(f"---\n{data.to_yaml()}\n---\n\n# A model of tones\n").save(folder / "README.md")
    (tmp_path / "record" / "evaluation").mkdir(parents=True)
    (tmp_path / "record" / "evaluation" / "results.md").write_text("| LSD |\n")
    return folder


def publish(tmp_path, *options, token="hf_nobody", run=online.run):
    """Without a server, nothing answers."""
    return run(EXAMPLES / "publish.py", "--repo_id", NAME, *options, folder=tmp_path, HF_TOKEN=token)


def test_what_is_published_loads_by_name(published, tones, tmp_path):
    audio = tones(24_000, 24_000)[0]
    np.save(tmp_path / "in.npy", audio)
    local = aidd.AIDDPipeline.from_pretrained(published)
    local.set_progress_bar_config(disable=True)
    expected = local(
        audio,
        sampling_rate=24_000,
        mask_start_seconds=0.4,
        mask_end_seconds=0.5,
        generator=torch.Generator().manual_seed(0),
    ).audios
    options = ("--pipeline", published, "--record_dir", tmp_path / "record")
    with running_hub() as server:
        result = publish(tmp_path, *options, "--space_repo_id", SPACE, "--revision", "v1")
        assert result.returncode == 0, result.stderr[-4000:]
        model, space = (server.repositories[key] for key in (("models", NAME), ("spaces", SPACE)))
        assert f"{NAME}/commit/{model.sha('main')}" in result.stdout and model.sha("v1") == model.sha("main")
        # Another commit of the same repositories; the tag stays.
        result = publish(tmp_path, *options)
        assert result.returncode == 0, result.stderr[-4000:]
        files = model.commits[model.sha("v1")]
        assert files.keys() == {
            *(str(path.relative_to(published)) for path in published.rglob("*") if path.is_file()),
            *("pipeline.py", "notebook.ipynb", "records/evaluation/results.md"),
        }
        # It loads what it was published with.
        assert f"from_pretrained('{NAME}')".encode() in files["notebook.ipynb"]
        there = space.commits[space.sha("main")]
        assert {"README.md", "app.py", "requirements.txt", "aidd/__init__.py"} <= there.keys()
        # The models and samples that the app shows come with the package.
        package = Path(aidd.__file__).parent
        models = [path for path in package.rglob("*.safetensors") if path.is_file()]
        assert models and all(f"aidd/{path.relative_to(package)}" in there for path in models)
        assert not [name for name in there if "__pycache__" in name]
        assert b"sdk: gradio" in there["README.md"]
        # Which of them it shows: the one that was published with it.
        assert space.variables == {"AIDD_MODEL": NAME}
        forget()
        result = online.run("-c", BY_NAME, "v1", folder=tmp_path)
        assert result.returncode == 0, result.stderr[-4000:]
    assert np.array_equal(np.load(tmp_path / "ours.npy"), expected)
    assert np.array_equal(np.load(tmp_path / "generic.npy"), expected)


@pytest.mark.parametrize(("missing", "said"), [("README.md", "write_model_card"), ("model_index.json", "a pipeline")])
def test_what_is_not_whole_is_not_published(published, tmp_path, missing, said):
    (published / missing).unlink()
    with running_hub() as server:
        result = publish(tmp_path, "--pipeline", published)
        assert result.returncode == 1 and said in result.stderr and not server.repositories


def files_under(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_neither_audio_nor_what_is_hidden_is_published(published, tmp_path):
    (published / ".env").write_text("a secret")
    evaluation = tmp_path / "record" / "evaluation"
    (evaluation / "audio").mkdir()
    for name in ("rows-0.jsonl", "audio/original.wav", "index.html", "items.parquet"):
        (evaluation / name).write_bytes(b"")
    options = ("--pipeline", published, "--record_dir", tmp_path / "record", "--dry_run", tmp_path / "dry")
    assert publish(tmp_path, *options).returncode == 0
    files = files_under(tmp_path / "dry" / "model")
    assert {name for name in files if name.startswith("records")} == {
        "records/evaluation/results.md",
        "records/evaluation/items.parquet",
    }
    assert not [name for name in files if name.startswith(".")]


def test_a_name_that_the_hub_does_not_take_is_refused_at_once(published, tmp_path):
    result = publish(tmp_path, "--pipeline", published, "--repo_id", "../x y", "--dry_run", tmp_path / "dry")
    (line,) = result.stderr.splitlines()
    assert result.returncode == 1 and "x y" in line and not (tmp_path / "dry").exists()


def test_a_dry_run_writes_what_is_published(published, tmp_path):
    options = ("--pipeline", published, "--record_dir", tmp_path / "record", "--space_repo_id", SPACE)
    result = publish(tmp_path, *options, "--dry_run", tmp_path / "dry", run=python.run)
    assert result.returncode == 0, result.stderr[-4000:]
    with running_hub() as server:
        assert publish(tmp_path, *options).returncode == 0
        for kind, name in (("model", NAME), ("space", SPACE)):
            repository = server.repositories[f"{kind}s", name]
            assert files_under(tmp_path / "dry" / kind) == repository.commits[repository.sha("main")]
            assert f"{kind} {name}: {len(files_under(tmp_path / 'dry' / kind))} files" in result.stdout
    assert f"{tmp_path / 'dry' / 'model' / 'pipeline.py'} (" in result.stdout and "nothing was" in result.stdout
    # Not among what is left of another.
    result = publish(tmp_path, *options, "--dry_run", tmp_path / "dry")
    assert result.returncode == 1 and "an empty one" in result.stderr


def test_what_is_in_the_way_is_told_in_a_line(published, tmp_path):
    with running_hub() as server:
        offline = publish(tmp_path, "--pipeline", published, run=python.run)
        logged_out = publish(tmp_path, "--pipeline", published, token="")
        assert not server.repositories
    no_network = publish(tmp_path, "--pipeline", published)
    for result, said in (
        (offline, "HF_HUB_OFFLINE is set"),
        (no_network, f"{ENDPOINT} cannot be reached"),
        (logged_out, "hf auth login"),
    ):
        (line,) = result.stderr.splitlines()
        assert result.returncode == 1 and said in line


def test_a_space_is_of_pipelines_that_its_app_takes(published, tmp_path):
    index = published / "model_index.json"
    index.write_text(index.read_text().replace("AIDDPipeline", "SpectrogramRePaintPipeline"))
    result = publish(tmp_path, "--pipeline", published, "--space_repo_id", SPACE, "--dry_run", tmp_path / "dry")
    assert result.returncode == 1 and "holds a SpectrogramRePaintPipeline" in result.stderr
    assert not (tmp_path / "dry").exists()
