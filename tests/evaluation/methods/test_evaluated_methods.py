import inspect

import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.evaluation.methods.cell_methods import cell_methods_of_spectrogram, cell_methods_without_model
from aidd.evaluation.methods.evaluated_methods import methods_of_aidd, methods_of_spectrogram, methods_without_model
from aidd.evaluation.methods.names import AIDD_METHODS, CELL_METHODS, EVALUATED_METHODS
from aidd.evaluation.protocols.tf_geometry import GRID
from aidd.masks.cells import boxes, samples_touched


RATE = 24_000


@pytest.fixture
def spectrogram_pipeline(tiny_spectrogram_pipeline):
    """On the grid of protocols."""
    return tiny_spectrogram_pipeline(GRID.n_fft, GRID.hop_length, 16)


@pytest.fixture
def methods(tiny_pipeline, spectrogram_pipeline, tiny_cqtdiff_pipeline):
    with_model = methods_of_aidd(tiny_pipeline) | methods_of_spectrogram(spectrogram_pipeline)
    return methods_without_model() | with_model | {"cqtdiff": tiny_cqtdiff_pipeline.as_method()}


def test_all_are_there_and_of_one_signature(methods, tiny_pipeline):
    assert set(methods) == set(EVALUATED_METHODS) > set(METHODS)
    assert tuple(methods_of_aidd(tiny_pipeline)) == AIDD_METHODS
    for method in methods.values():
        names = list(inspect.signature(method).parameters)
        assert names[:2] == ["audio", "mask"] and {"sampling_rate", "generator"} <= set(names)


def test_each_fills_the_gap_and_none_but_the_ceiling_reads_it(methods, tones):
    audio, mask = tones(RATE, RATE)[0], np.zeros(RATE, bool)
    mask[9_900:10_600] = True
    ten_ms_away = ~mask & (np.abs(np.arange(RATE) - 10_249.5) > 350 + 240)
    for name, method in methods.items():
        if name == "similarity":
            # It refuses recordings this short.
            continue
        restored = [
            method(hidden, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(0))
            for hidden in ([audio] if name == "codec" else [np.where(mask, np.nan, audio), np.where(mask, 1.0, audio)])
        ]
        untouched = ten_ms_away if name == "aidd_paper" else ~mask
        for one in restored:
            assert np.array_equal(one[untouched], audio[untouched]), name
            assert np.array_equal(one, restored[0]), name
        assert (restored[0][mask] == 0).all() == (name == "masked"), name


def test_the_given_pipelines_stand_for_the_default_models(methods, tiny_pipeline, spectrogram_pipeline, tones):
    audio, mask = tones(RATE, RATE)[0], np.zeros(RATE, bool)
    mask[9_000:11_500] = True
    expected = tiny_pipeline(audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1)).audios
    for name in ("aidd", "auto"):
        restored = methods[name](audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1))
        assert np.array_equal(restored, expected)
    expected = spectrogram_pipeline(audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1)).audios
    restored = methods["spectrogram_repaint"](
        audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1)
    )
    assert np.array_equal(restored, expected)
    one, other = (
        fill(audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1))
        for fill in (tiny_pipeline.reconstruct, methods["codec"])
    )
    assert np.array_equal(one, other)


def test_each_fills_cells_and_changes_nothing_that_they_have_no_share_in(spectrogram_pipeline, tones):
    audio = tones(RATE, RATE)[0]
    cells = boxes([(200.0, 900.0, 0.4, 0.5)], RATE, GRID)
    touched = samples_touched(cells, GRID, RATE)
    methods = cell_methods_without_model() | cell_methods_of_spectrogram(spectrogram_pipeline)
    assert tuple(methods) == CELL_METHODS
    restored = {}
    for name, method in methods.items():
        names = list(inspect.signature(method).parameters)
        assert names[:2] == ["audio", "tf_mask"] and {"sampling_rate", "generator"} <= set(names)
        restored[name] = method(audio, cells, sampling_rate=RATE, generator=torch.Generator().manual_seed(0))
        assert np.array_equal(restored[name][~touched], audio[~touched])
        assert not np.allclose(restored[name][touched], audio[touched])
    assert len({one.tobytes() for one in restored.values()}) == len(methods)


def test_a_model_on_another_grid_is_refused(tiny_spectrogram_pipeline):
    with pytest.raises(ValueError, match=r"n_fft=1022.* got one on .*n_fft=62"):
        cell_methods_of_spectrogram(tiny_spectrogram_pipeline())


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_a_method_for_cells_fills_gaps_of_each_channel_without_hearing_them(tones, rate):
    audio = tones(rate, rate, channels=2)
    mask = np.zeros(audio.shape, bool)
    mask[0, rate // 4 : rate // 3] = True
    method = methods_without_model()["log_magnitude"]
    restored = [method(np.where(mask, held, audio), mask, sampling_rate=rate) for held in (np.nan, 1.0)]
    assert np.array_equal(*restored)
    assert np.array_equal(restored[0][~mask], audio[~mask]) and np.isfinite(restored[0]).all()
    assert 0.25 < np.square(restored[0][mask]).mean() / np.square(audio[mask]).mean() < 4
