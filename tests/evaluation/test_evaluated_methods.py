import inspect

import numpy as np
import torch

from aidd import METHODS
from aidd.evaluation.evaluated_methods import evaluated_methods
from aidd.evaluation.names import EVALUATED_METHODS


RATE = 24_000


def test_all_are_there_and_of_one_signature(tiny_pipeline):
    methods = evaluated_methods(tiny_pipeline)
    assert tuple(methods) == EVALUATED_METHODS and set(METHODS) < set(methods)
    for method in methods.values():
        names = list(inspect.signature(method).parameters)
        assert names[:2] == ["audio", "mask"] and {"sampling_rate", "generator"} <= set(names)


def test_each_fills_the_gap_and_none_but_the_ceiling_reads_it(tiny_pipeline, tones):
    audio, mask = tones(RATE, RATE)[0], np.zeros(RATE, bool)
    mask[9_000:11_500] = True
    ten_ms_away = ~mask & (np.abs(np.arange(RATE) - 10_249.5) > 1_250 + 240)
    for name, method in evaluated_methods(tiny_pipeline).items():
        restored = [
            method(hidden, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(0))
            for hidden in ([audio] if name == "codec" else [np.where(mask, np.nan, audio), np.where(mask, 1.0, audio)])
        ]
        untouched = ten_ms_away if name == "aidd_paper" else ~mask
        for one in restored:
            assert np.array_equal(one[untouched], audio[untouched]), name
            assert np.array_equal(one, restored[0]), name
        assert (restored[0][mask] == 0).all() == (name == "masked"), name


def test_the_given_pipeline_stands_for_the_default_model(tiny_pipeline, tones):
    audio, mask = tones(RATE, RATE)[0], np.zeros(RATE, bool)
    mask[9_000:11_500] = True
    methods = evaluated_methods(tiny_pipeline)
    expected = tiny_pipeline(audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1)).audios
    for name in ("aidd", "auto"):
        restored = methods[name](audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(1))
        assert np.array_equal(restored, expected)
    reconstructed = tiny_pipeline.reconstruct(audio, mask, sampling_rate=RATE)
    assert np.array_equal(methods["codec"](audio, mask, sampling_rate=RATE), reconstructed)
