"""Methods by name, and the models of those that have one."""

from pathlib import Path

import numpy as np
import pytest
import torch

import aidd
from aidd import METHODS, AIDDPipeline, SpectrogramRePaintPipeline
from aidd.repair.methods import MODEL_METHODS, default_pipeline, default_spectrogram_pipeline


def test_methods_with_a_model_are_methods_and_their_defaults_are_public():
    assert set(MODEL_METHODS) < set(METHODS)
    assert {"auto": aidd.DEFAULT_MODEL, "aidd": aidd.DEFAULT_MODEL}.items() <= MODEL_METHODS.items()
    assert MODEL_METHODS["spectrogram_repaint"] == aidd.DEFAULT_SPECTROGRAM_MODEL
    # Where the package carries its models, and `aidd info` looks for them.
    assert len({Path(model).parent for model in MODEL_METHODS.values()}) == 1
    with pytest.raises(TypeError):
        MODEL_METHODS["linear"] = aidd.DEFAULT_MODEL


@pytest.mark.parametrize(
    ("name", "default", "kind"),
    [
        ("aidd", default_pipeline, AIDDPipeline),
        ("spectrogram_repaint", default_spectrogram_pipeline, SpectrogramRePaintPipeline),
    ],
)
def test_a_method_is_its_pipeline_with_the_default_model_which_is_loaded_once(tones, name, default, kind):
    assert type(default()) is kind and default() is default()
    # Short, as every step of a model takes a while; whatever the length, all but the gap is kept.
    audio, mask = tones(24_000, 24_000), np.zeros(24_000, bool)
    mask[12_000 : 12_000 + round(0.8 * default().config.short_gap_seconds * 24_000)] = True
    results = [
        method(np.where(mask, np.nan, audio), mask, sampling_rate=24_000, generator=torch.Generator().manual_seed(0))
        for method in (METHODS[name], default())
    ]
    assert np.array_equal(results[0], results[1].audios)
    assert np.array_equal(results[0][:, ~mask], audio[:, ~mask]) and np.isfinite(results[0]).all()
