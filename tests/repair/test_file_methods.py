"""Methods for files, by name: what fills the gaps, how much of a file it needs, and whether it needs a model."""

import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.masks.gaps import find_gaps
from aidd.repair.methods import MODEL_METHODS
from aidd.repair.plan import CONTINUATION, filled_by, needs_pipeline
from aidd.repair.recipe import method_for
from aidd.repair.regions import locality_of, locality_of_pipeline
from aidd.splice.continuation import splice_short_gaps


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
    expected = pipe(audio, mask, generator=generators[1], num_variations=2, select="agreement").audios
    assert np.array_equal(filled, expected) and filled.shape == (2, 1, 6000)
    assert np.isfinite(filled).all() and not np.array_equal(filled[0], filled[1])


def test_what_fills_a_gap_is_said_as_it_is_done(tiny_pipeline):
    draw = np.random.default_rng(0)
    missing = np.zeros((3, RATE), bool)
    # Gaps of up to 25 ms, some of which stand too close together, or to the ends, for their edges to be continued.
    for channel in missing[:2]:
        for start in [0, *draw.integers(RATE, size=60)]:
            channel[start : start + draw.integers(1, 600)] = True
    gaps = [find_gaps(channel) for channel in missing]
    options = {"num_samples": RATE, "sampling_rate": RATE, "pipeline": tiny_pipeline}
    for name in ("auto", "aidd"):
        longer = missing.copy()
        for channel, of_channel in zip(longer, gaps, strict=True):
            for start, end in of_channel.tolist():
                channel[start:end] = name == "aidd" or end - start > 120
        left = splice_short_gaps(np.zeros(longer.shape), longer, sampling_rate=RATE, longest_seconds=0.02)[1]
        found = filled_by(name, gaps, **options)
        for channel, of_channel, names in zip(range(3), gaps, found, strict=True):
            for (start, end), by in zip(of_channel.tolist(), names, strict=True):
                assert (by == "aidd") == left[channel, start:end].all() == left[channel, start:end].any()
                assert (by == "janssen") == (name == "auto" and end - start <= 120)
        said = {by for names in found for by in names}
        assert said == {"aidd", CONTINUATION} | ({"janssen"} if name == "auto" else set())
    assert filled_by("linear", gaps, num_samples=RATE, sampling_rate=RATE)[2] == []
    assert {*filled_by("linear", gaps, num_samples=RATE, sampling_rate=RATE)[0]} == {"linear"}
