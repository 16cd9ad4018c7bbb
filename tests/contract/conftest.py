"""Every method and every pipeline, with tiny models where they have one."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.repair import methods as table
from aidd.schedulers import repaint


# RePaint's steps, as few as make a difference.
FEW_STEPS = repaint.RePaintPreset(num_inference_steps=3, jump_length=1, num_resamplings=2)


@pytest.fixture
def pipelines(tiny_pipeline, tiny_spectrogram_pipeline, tiny_cqtdiff_pipeline, monkeypatch) -> dict:
    """By their classes' names."""
    monkeypatch.setattr(repaint, "PRESETS", {"plain": FEW_STEPS, "fast": FEW_STEPS})
    made = (tiny_pipeline, tiny_spectrogram_pipeline(), tiny_cqtdiff_pipeline)
    return {type(pipe).__name__: pipe for pipe in made}


@pytest.fixture(params=["AIDDPipeline", "CQTDiffPipeline", "SpectrogramRePaintPipeline"])
def pipeline(request, pipelines):
    return pipelines[request.param]


# `similarity` refuses signals as short as those of these tests: its own tests hold it to the contract.
@pytest.fixture(params=[name for name in METHODS if name != "similarity"])
def name(request) -> str:
    """The name of a method."""
    return request.param


@pytest.fixture
def method(name, request, monkeypatch) -> Callable:
    """A method of the table; those with a model have a tiny one."""
    row = table.ROWS[name]
    if row.has_model:
        made = request.getfixturevalue("pipelines")
        monkeypatch.setattr(table, "default_pipeline", lambda method: made[table.ROWS[method].pipeline_class])
    return METHODS[name]


@pytest.fixture
def rate(name) -> int:
    """Hz: methods without a model take as long as there are samples."""
    return 24_000 if table.ROWS[name].has_model else 6_000


@pytest.fixture
def seeded() -> Callable[[int], torch.Generator]:
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture
def gaps() -> Callable[[int, int], np.ndarray]:
    """
    `gaps(num_samples, rate)`: a mask of gaps at both edges, of one alone and of two side by side, all of them within
    what the tiny models fill and most too long to be filled by the continuation of their edges.
    """

    def make(num_samples: int, rate: int) -> np.ndarray:
        mask = np.zeros(num_samples, bool)
        mask[: rate // 100] = mask[-rate // 40 :] = True
        for start, seconds in ((0.1, 0.03), (0.2, 0.01), (0.215, 0.005)):
            mask[int(start * rate) : int((start + seconds) * rate)] = True
        return mask

    return make
