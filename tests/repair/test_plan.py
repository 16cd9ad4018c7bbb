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
SHORT, MIDDLE, LONG = np.array([[100, 200]]), np.array([[5000, 6000]]), np.array([[1000, 3000]])
NONE = np.zeros((0, 2), np.int64)


@pytest.mark.parametrize("name", METHODS)
def test_models_are_needed_for_what_they_fill(name):
    plans = [
        plan_repair(gaps, method=name, num_samples=RATE, sampling_rate=RATE)
        for gaps in ([SHORT, NONE], [SHORT, MIDDLE], [SHORT, LONG], [NONE, LONG])
    ]
    has_model, without = ROWS[name].has_model, ROWS[name].has_model and name not in ("auto", "best")
    # What `best` tries, it tries the model for too.
    middle = without or name == "best"
    assert [plan.needs_model for plan in plans] == [without, middle, has_model, has_model]


# Samples of gaps of 5, 20 and 70 ms, and one more, by their rates.
EDGES = {24_000: (120, 480, 1680), 44_100: (220, 882, 3087)}


@pytest.mark.parametrize("rate", EDGES)
@pytest.mark.parametrize("short_gap_seconds", [0.0, 0.02])
def test_auto_chooses_by_length(rate, short_gap_seconds):
    lengths = [1, *(edge + more for edge in EDGES[rate] for more in (0, 1)), rate]
    starts = np.cumsum([rate, *(length + rate for length in lengths)])[:-1]
    gaps = np.stack([starts, starts + lengths], axis=-1)
    plan = plan_repair(
        [gaps], method="auto", num_samples=99 * rate, sampling_rate=rate, short_gap_seconds=short_gap_seconds
    )
    # Before there is a pipeline, what it continues is its own.
    continued = 2 * [CONTINUATION if short_gap_seconds else "aidd"]
    assert plan.filled_by == [["janssen", "janssen", *continued, "u_phain", "u_phain", "aidd", "aidd"]]


def test_best_tries_all_that_is_longer_than_what_its_edges_continue():
    gaps = np.array([[100, 220], [1_000, 1_480], [5_000, 5_600], [9_000, 12_000]])
    plan = plan_repair([gaps], method="best", num_samples=RATE, sampling_rate=RATE, short_gap_seconds=0.02)
    assert plan.filled_by == [["janssen", CONTINUATION, "best", "best"]]


def test_single_samples_are_janssens_at_any_rate():
    plan = plan_repair([np.array([[10, 11], [20, 40]])], method="auto", num_samples=100, sampling_rate=50)
    assert plan.filled_by == [["janssen", "aidd"]]


@pytest.mark.parametrize("method", ["auto", "aidd", "linear"])
def test_what_the_fillers_fill_is_disjoint_and_adds_up_to_the_mask(method):
    mask = np.repeat(np.random.default_rng(0).random((3, 300)) < 0.4, 20, axis=-1)
    gaps = [find_gaps(channel) for channel in mask]
    plan = plan_repair(gaps, method=method, num_samples=6000, sampling_rate=RATE, short_gap_seconds=0.02)
    parts = plan.masks(1000, 5000)
    assert list(parts) == {"auto": ["janssen", "u_phain", CONTINUATION, "aidd"], "aidd": [CONTINUATION, "aidd"]}.get(
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
    Three channels of a second, the last whole. The others have gaps of up to 25 ms and one of more than 70 ms, some of
    which stand too close together, or to the ends, for their edges to be continued.
    """
    draw = np.random.default_rng(0)
    missing = np.zeros((3, RATE), bool)
    for channel in missing[:2]:
        for start in [0, *draw.integers(RATE, size=60)]:
            channel[start : start + draw.integers(1, 600)] = True
        channel[9000:11_000] = True
    return missing


@pytest.mark.parametrize("method", ["auto", "aidd"])
def test_gaps_are_planned_as_a_pipeline_fills_them_by_itself(method):
    missing = dense_gaps()
    gaps = [find_gaps(channel) for channel in missing]
    plan = plan_repair(gaps, method=method, num_samples=RATE, sampling_rate=RATE, short_gap_seconds=0.02)
    others = missing.copy()
    for channel, channel_gaps in zip(others, gaps, strict=True):
        for start, stop in channel_gaps.tolist():
            channel[start:stop] = method == "aidd" or 120 < stop - start <= 480 or stop - start > 1680
    left = splice_short_gaps(np.zeros(others.shape), others, sampling_rate=RATE, longest_seconds=0.02)[1]
    for channel, channel_gaps, names in zip(range(3), gaps, plan.filled_by, strict=True):
        for (start, stop), filler in zip(channel_gaps.tolist(), names, strict=True):
            assert (filler == "aidd") == left[channel, start:stop].all() == left[channel, start:stop].any()
            assert (filler in ("janssen", "u_phain")) == (not others[channel, start:stop].any())
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
