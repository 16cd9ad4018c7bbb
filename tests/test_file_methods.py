"""Methods for files, by name: what fills the gaps, how much of a file it needs, and whether it needs a model."""

import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.file_methods import method_for, needs_pipeline
from aidd.methods import MODEL_METHODS
from aidd.regions import locality_of, locality_of_pipeline


RATE = 24_000
SHORT, LONG = np.array([[100, 200]]), np.array([[1000, 2000]])
NONE = np.zeros((0, 2), np.int64)


@pytest.mark.parametrize("name", METHODS)
def test_models_are_needed_for_what_they_fill(name):
    needs = [needs_pipeline(name, gaps, sampling_rate=RATE) for gaps in ([SHORT, NONE], [SHORT, LONG], [NONE, LONG])]
    assert needs == [name in MODEL_METHODS and name != "auto", *[name in MODEL_METHODS] * 2]


@pytest.mark.parametrize("name", METHODS)
def test_without_a_pipeline_methods_are_those_by_name_or_refused(name):
    if name in ("aidd", "spectrogram_repaint"):
        with pytest.raises(ValueError, match=f"{name} needs a pipeline, got None"):
            method_for(name, sampling_rate=RATE)
    else:
        assert method_for(name, sampling_rate=RATE) == (METHODS[name], locality_of(name, sampling_rate=RATE))


def test_the_spectrogram_method_is_the_pipeline_with_its_best_variation_first(tiny_spectrogram_pipeline, tones):
    pipe = tiny_spectrogram_pipeline()
    method, locality = method_for("spectrogram_repaint", sampling_rate=RATE, pipeline=pipe, num_variations=2)
    assert locality == locality_of_pipeline(pipe, sampling_rate=RATE)
    audio, mask = tones(6000, RATE), np.zeros((1, 6000), bool)
    mask[:, 2000:2500] = True
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    filled = method(audio, mask, sampling_rate=RATE, generator=generators[0])
    expected = pipe(audio, mask, generator=generators[1], num_variations=2, select="ranked").audios
    assert np.array_equal(filled, expected) and filled.shape == (2, 1, 6000)
    assert np.isfinite(filled).all() and not np.array_equal(filled[0], filled[1])
