"""Models that wait elsewhere are where they are needed when they are needed."""

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import CpuOffload

from aidd.evaluation.methods.aidd_paper import inpaint_as_published


MASK = np.zeros(24_000, bool)
MASK[9_600:10_200] = True


def restored(pipe, audio):
    return pipe(audio, MASK, sampling_rate=24_000, generator=torch.Generator().manual_seed(0)).audios


@pytest.fixture
def used(monkeypatch):
    """Models in the order in which they were asked for, each once for any number of times in a row."""
    names = []
    pre_forward = CpuOffload.pre_forward

    def noting(self, module, *args, **kwargs):
        if type(module).__name__ not in names[-1:]:
            names.append(type(module).__name__)
        return pre_forward(self, module, *args, **kwargs)

    monkeypatch.setattr(CpuOffload, "pre_forward", noting)
    return names


def test_offloaded_models_are_fetched_for_encoding_sampling_and_decoding(tiny_pipeline, tones, used):
    audio = tones(24_000, 24_000)[0]
    expected = restored(tiny_pipeline, audio)
    tiny_pipeline.enable_model_cpu_offload(device="cpu")
    for _ in range(2):
        assert np.array_equal(restored(tiny_pipeline, audio), expected)
        assert used == ["WavTokenizerModel", "DiTTokenModel", "WavTokenizerModel"]
        used.clear()
    tiny_pipeline.reconstruct(audio, MASK, sampling_rate=24_000)
    assert used == ["WavTokenizerModel"]
    used.clear()
    inpaint_as_published(tiny_pipeline, audio, MASK, sampling_rate=24_000)
    assert used == ["WavTokenizerModel", "DiTTokenModel", "WavTokenizerModel"]


def test_the_network_of_spectrograms_is_fetched(tiny_spectrogram_pipeline, tones, used):
    pipe, audio = tiny_spectrogram_pipeline(), tones(24_000, 24_000)[0]
    expected = restored(pipe, audio)
    pipe.enable_model_cpu_offload(device="cpu")
    assert np.array_equal(restored(pipe, audio), expected)
    assert used == ["UNet2DModel"]


def test_the_network_of_waveforms_is_fetched(tiny_cqtdiff_pipeline, tones, used):
    pipe, audio = tiny_cqtdiff_pipeline, tones(24_000, 24_000)[0]
    expected = restored(pipe, audio)
    pipe.enable_model_cpu_offload(device="cpu")
    assert np.array_equal(restored(pipe, audio), expected)
    assert used == ["CQTDiffPlusUNet"]


def test_layers_that_are_offloaded_one_by_one_give_the_same_audio(tiny_pipeline, tones):
    audio = tones(24_000, 24_000)[0]
    expected = restored(tiny_pipeline, audio)
    # What enable_sequential_cpu_offload does to models that it does not leave out; itself, it wants an accelerator.
    for name in tiny_pipeline.components.keys() - {"scheduler", *tiny_pipeline._exclude_from_cpu_offload}:
        cpu_offload(tiny_pipeline.components[name], "cpu")
    assert {parameter.device.type for parameter in tiny_pipeline.transformer.parameters()} == {"meta"}
    assert np.array_equal(restored(tiny_pipeline, audio), expected)
