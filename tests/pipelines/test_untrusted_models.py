"""Folders of models that were made to run code when they are loaded: nothing in them runs."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import aidd
from aidd.evaluation.embedders.vggish import VGGishEmbedder
from aidd.models.wavtokenizer import load_wavtokenizer
from aidd.pipelines.loading import load_pipeline


class Pickle:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    """A folder that there is if anything of a model has run."""
    return tmp_path / "code_has_run"


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.fixture
def module(tmp_path, mark, monkeypatch):
    """The source of a module that leaves the mark when it is imported, and classes under whatever name."""
    monkeypatch.chdir(tmp_path)
    return f"import os\nos.mkdir({str(mark)!r})\ndef __getattr__(name):\n    return type(name, (), {{}})\n"


def change(path: Path, **entries) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def refused(folder: Path) -> str:
    """What is said of a pipeline that no way of loading takes."""
    with pytest.raises((ValueError, OSError)):
        aidd.AIDDPipeline.from_pretrained(folder)
    with pytest.raises(ValueError) as refusal:
        load_pipeline(str(folder))
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_modules_in_the_folder_are_not_imported(folder, module, mark):
    for name in ("evil", "pipeline"):
        (folder / f"{name}.py").write_text(module)
    aidd.AIDDPipeline.from_pretrained(folder)
    change(folder / "model_index.json", _class_name=["evil", "AIDDPipeline"])
    assert "expected a pipeline of class AIDDPipeline, got ['evil', 'AIDDPipeline']" in refused(folder)
    assert not mark.exists()


def test_a_module_is_not_imported_for_its_name(folder, module, mark):
    """diffusers looks for a pipeline's class in the module `None` where it is told no other."""
    (folder / "None.py").write_text(module)
    refused(folder)
    assert not mark.exists()


@pytest.mark.parametrize("part", ["codec", "transformer", "scheduler"])
@pytest.mark.parametrize("name", ["evil", "aidd"])
def test_modules_beside_a_part_are_not_imported(folder, module, mark, part, name):
    (folder / part / f"{name}.py").write_text(module)
    change(folder / "model_index.json", **{part: [name, "MaskedDiscreteScheduler"]})
    refused(folder)
    assert not mark.exists()


@pytest.mark.parametrize("part", ["codec", "transformer", "scheduler"])
def test_modules_elsewhere_are_not_imported(folder, module, mark, part, tmp_path, monkeypatch):
    """Where a shell stands in the folder of an unpacked model, Python finds modules there."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lies_about.py").write_text(module)
    change(folder / "model_index.json", **{part: ["lies_about", "MaskedDiscreteScheduler"]})
    assert "lies_about" in refused(folder)
    assert not mark.exists() and "lies_about" not in sys.modules


@pytest.mark.parametrize("part", ["codec", "transformer"])
def test_pickled_weights_are_not_read(folder, mark, part):
    (weights,) = (folder / part).glob("*.safetensors")
    tensors = load_file(weights)
    weights.unlink()
    for name in ("pytorch_model.bin", "diffusion_pytorch_model.bin"):
        torch.save({**tensors, "surprise": Pickle(mark)}, folder / part / name)
    refused(folder)
    model = {"codec": load_wavtokenizer, "transformer": aidd.DiTTokenModel.from_pretrained}[part]
    with pytest.raises((ValueError, OSError)):
        model(folder / part)
    assert not mark.exists()
    torch.load(folder / part / name, weights_only=False)
    assert mark.exists(), "the file was harmless, and this test proves nothing"


@pytest.mark.parametrize("part", ["codec", "transformer"])
def test_code_that_a_configuration_names_is_not_imported(folder, module, mark, part):
    """The classes are ours, whatever the folder says."""
    (folder / part / "evil.py").write_text(module)
    change(folder / part / "config.json", auto_map={"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"})
    aidd.AIDDPipeline.from_pretrained(folder)
    assert not mark.exists()


def test_the_weights_of_an_embedder_are_not_executed(tmp_path, mark):
    torch.save({"surprise": Pickle(mark)}, tmp_path / "vggish.pth")
    with pytest.raises(ValueError, match=r"vggish\.pth was not read: it asks for"):
        VGGishEmbedder(tmp_path / "vggish.pth")
    assert not mark.exists()
