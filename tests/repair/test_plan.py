"""What fills each gap, and that it is filled by that."""

import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.masks.gaps import find_gaps
from aidd.repair.filling import fill_as_planned
from aidd.repair.methods import ROWS
from aidd.repair.plan import CONTINUATION, plan_repair
from aidd.splice.filling import splice_short_gaps


RATE = 24_000
SHORT, LONG = np.array([[100, 200]]), np.array([[1000, 2000]])
NONE = np.zeros((0, 2), np.int64)


@pytest.mark.parametrize("name", METHODS)
def test_models_are_needed_for_what_they_fill(name):
    plans = [
        plan_repair(gaps, method=name, num_samples=RATE, sampling_rate=RATE)
        for gaps in ([SHORT, NONE], [SHORT, LONG], [NONE, LONG])
    ]
    has_model = ROWS[name].has_model
    assert [plan.needs_model for plan in plans] == [has_model and name != "auto", has_model, has_model]


def test_short_gaps_are_those_up_to_5_ms_and_single_samples():
    gaps = np.array([[0, 120], [200, 321], [400, 401], [600, 800]])
    plan = plan_repair([gaps], method="auto", num_samples=1000, sampling_rate=24_000)
    assert plan.filled_by == [["janssen", "aidd", "janssen", "aidd"]]
    plan = plan_repair([np.array([[10, 11], [20, 22]])], method="auto", num_samples=100, sampling_rate=50)
    assert plan.filled_by == [["janssen", "aidd"]]


@pytest.mark.parametrize("method", ["auto", "aidd", "linear"])
def test_what_the_fillers_fill_is_disjoint_and_adds_up_to_the_mask(method):
    mask = np.repeat(np.random.default_rng(0).random((3, 300)) < 0.4, 20, axis=-1)
    gaps = [find_gaps(channel) for channel in mask]
    plan = plan_repair(gaps, method=method, num_samples=6000, sampling_rate=RATE, short_gap_seconds=0.02)
    parts = plan.masks(1000, 5000)
    assert list(parts) == {"auto": ["janssen", CONTINUATION, "aidd"], "aidd": [CONTINUATION, "aidd"]}.get(
        method, [method]
    )
    assert np.array_equal(np.sum(list(parts.values()), axis=0, dtype=int), mask[:, 1000:5000])
    for filler, part in parts.items():
        for channel, channel_gaps in zip(part, plan.gaps_filled_by(filler), strict=True):
            assert all(channel[max(start - 1000, 0) : max(stop - 1000, 0)].all() for start, stop in channel_gaps)


def test_what_is_no_method_or_no_rate_is_refused():
    with pytest.raises(ValueError, match=r"expected a method out of aidd, .*, got 'jansen'"):
        plan_repair([SHORT], method="jansen", num_samples=RATE, sampling_rate=RATE)
    with pytest.raises(ValueError, match="positive integer"):
        plan_repair([SHORT], method="auto", num_samples=RATE, sampling_rate=0)


def dense_gaps():
    """
    Three channels of a second, the last whole. The others have gaps of up to 25 ms, some of which stand too close
    together, or to the ends, for their edges to be continued.
    """
    draw = np.random.default_rng(0)
    missing = np.zeros((3, RATE), bool)
    for channel in missing[:2]:
        for start in [0, *draw.integers(RATE, size=60)]:
            channel[start : start + draw.integers(1, 600)] = True
    return missing


@pytest.mark.parametrize("method", ["auto", "aidd"])
def test_gaps_are_planned_as_a_pipeline_fills_them_by_itself(method):
    missing = dense_gaps()
    gaps = [find_gaps(channel) for channel in missing]
    plan = plan_repair(gaps, method=method, num_samples=RATE, sampling_rate=RATE, short_gap_seconds=0.02)
    longer = missing.copy()
    for channel, channel_gaps in zip(longer, gaps, strict=True):
        for start, stop in channel_gaps.tolist():
            channel[start:stop] = method == "aidd" or stop - start > 120
    left = splice_short_gaps(np.zeros(longer.shape), longer, sampling_rate=RATE, longest_seconds=0.02)[1]
    for channel, channel_gaps, names in zip(range(3), gaps, plan.filled_by, strict=True):
        for (start, stop), filler in zip(channel_gaps.tolist(), names, strict=True):
            assert (filler == "aidd") == left[channel, start:stop].all() == left[channel, start:stop].any()
            assert (filler == "janssen") == (method == "auto" and stop - start <= 120)
    assert {name for names in plan.filled_by for name in names} == set(plan.fillers)
    assert plan.filled_by[2] == []


@pytest.mark.parametrize("method", ["auto", "aidd"])
def test_filling_obeys_and_gives_what_the_pipeline_gives(tiny_pipeline, tones, method):
    """A plan's continuations leave the pipeline nothing to continue: audio is the same to the bit."""
    audio, missing = tones(RATE, RATE, channels=3), dense_gaps()[:, : RATE // 2]
    audio = audio[:, : RATE // 2] * (1 + np.arange(3))[:, None]
    gaps = [find_gaps(channel) for channel in missing]
    results, filled_by_model = [], []
    for short_gap_seconds in (0.0, tiny_pipeline.config.short_gap_seconds):
        plan = plan_repair(
            gaps, method=method, num_samples=RATE // 2, sampling_rate=RATE, short_gap_seconds=short_gap_seconds
        )
        masks = plan.masks(0, RATE // 2)
        filled_by_model.append(masks["aidd"])
        results.append(
            fill_as_planned(
                audio,
                masks,
                method=tiny_pipeline.as_method(),
                sampling_rate=RATE,
                generator=torch.Generator().manual_seed(0),
            )
        )
    assert np.array_equal(*results)
    assert not np.array_equal(*filled_by_model) and filled_by_model[1].any()
    assert np.array_equal(results[0][~missing], audio[~missing])


def test_a_pipeline_as_a_method_takes_options(tiny_spectrogram_pipeline, tones):
    pipe = tiny_spectrogram_pipeline()
    method = pipe.as_method(num_variations=2, select="agreement")
    audio, mask = tones(6000, RATE), np.zeros((1, 6000), bool)
    mask[:, 2000:2500] = True
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    filled = method(audio, mask, sampling_rate=RATE, generator=generators[0])
    expected = pipe(audio, mask, generator=generators[1], num_variations=2, select="agreement").audios
    assert np.array_equal(filled, expected) and filled.shape == (2, 1, 6000)
    assert np.isfinite(filled).all() and not np.array_equal(filled[0], filled[1])
