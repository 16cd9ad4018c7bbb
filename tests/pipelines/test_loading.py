"""Pipelines are loaded for the method that needs them, and no other kind is taken for theirs."""

import json
import re

import pytest

from aidd.pipelines.loading import load_pipeline
from aidd.repair.methods import ROWS


@pytest.fixture
def models(tmp_path, tiny_pipeline, tiny_spectrogram_pipeline, tiny_cqtdiff_pipeline):
    """Folders of all kinds, by the names of their classes."""
    pipes = {type(pipe).__name__: pipe for pipe in (tiny_pipeline, tiny_spectrogram_pipeline(), tiny_cqtdiff_pipeline)}
    for name, pipe in pipes.items():
        pipe.save_pretrained(tmp_path / name)
    return {name: str(tmp_path / name) for name in pipes}


def test_every_method_with_a_model_loads_its_kind_alone(models):
    for class_name in {row.pipeline_class for row in ROWS.values() if row.has_model}:
        assert type(load_pipeline(models[class_name], class_name)).__name__ == class_name
        for other in models.keys() - {class_name}:
            message = f"{models[other]}: cannot be loaded as {class_name}: expected a pipeline of class {class_name}, "
            with pytest.raises(ValueError, match=f"^{re.escape(message)}got {other}$"):
                load_pipeline(models[other], class_name)
    assert type(load_pipeline(models["AIDDPipeline"])).__name__ == "AIDDPipeline"


def test_pipelines_of_others_are_named_too(models, tmp_path):
    path = tmp_path / "AIDDPipeline" / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"_class_name": "DDPMPipeline"}))
    with pytest.raises(ValueError, match=r"expected a pipeline of class AIDDPipeline, got DDPMPipeline$"):
        load_pipeline(models["AIDDPipeline"])


def test_a_hub_out_of_reach_is_no_missing_file(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"^no/such: no such model folder, and the Hub cannot be reached"):
        load_pipeline("no/such")
