import pytest
import torch

from aidd.evaluation.runs.provenance import provenance_of_model, provenance_of_packages
from aidd.schedulers import MaskedEntropyBoundScheduler


DIGESTS = ("model_digest", "model_config_digest")


def test_what_a_model_is_called_depends_on_neither_its_folder_nor_who_wrote_it(tiny_pipeline, tmp_path):
    said = provenance_of_model(tiny_pipeline, "some/folder/model")
    assert said["model"] == "model" and all(len(said[name]) == 16 for name in DIGESTS)
    tiny_pipeline.save_pretrained(tmp_path / "model")
    again = type(tiny_pipeline).from_pretrained(tmp_path / "model")
    assert provenance_of_model(again, "model") == said


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        (lambda pipe: torch.nn.init.zeros_(pipe.transformer.head.weight), {"model_digest"}),
        (lambda pipe: pipe.register_to_config(fine_structure=0.5), {"model_config_digest"}),
        (
            lambda pipe: setattr(pipe, "scheduler", MaskedEntropyBoundScheduler.from_config(pipe.scheduler.config)),
            {"model_config_digest"},
        ),
    ],
)
def test_weights_and_settings_are_told_apart(tiny_pipeline, change, differing):
    before = provenance_of_model(tiny_pipeline, "model")
    change(tiny_pipeline)
    after = provenance_of_model(tiny_pipeline, "model")
    assert {name for name in before if before[name] != after[name]} == differing


def test_a_model_of_spectrograms_has_columns_of_its_own(tiny_spectrogram_pipeline):
    pipe = tiny_spectrogram_pipeline()
    before = provenance_of_model(pipe, "model", "spectrogram_model")
    assert set(before) == {"spectrogram_model", *(f"spectrogram_{name}" for name in DIGESTS)}
    pipe.front_end.compression += 0.1
    after = provenance_of_model(pipe, "model", "spectrogram_model")
    assert {name for name in before if before[name] != after[name]} == {"spectrogram_model_config_digest"}


def test_versions_are_those_of_the_packages():
    assert provenance_of_packages()["version_torch"] == torch.__version__.split("+")[0]
