"""Trials of methods, and the method `best` that takes what they choose."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aidd import METHODS
from aidd.masks.gaps import unite
from aidd.repair import methods as table
from aidd.repair.best import best, candidates_of, plan_by_trial, slicing
from aidd.repair.plan import LEAST_TRIED_SECONDS, plan_repair
from aidd.repair.pseudo_gaps import MARGIN_SECONDS, NEAR_SECONDS, likeness, place_pseudo_gaps
from aidd.repair.regions import Reach
from aidd.repair.trials import NUM_ROUNDS, Candidate, group_alike, try_candidates, warning_of


RATE = 8_000


def as_gaps(*gaps: tuple[int, int]) -> np.ndarray:
    return np.array(gaps, np.int64).reshape(-1, 2)


@given(
    st.lists(st.tuples(st.integers(0, 199_000), st.integers(1, 9_000)), min_size=1, max_size=6),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_pseudo_gaps_are_as_long_and_lie_near_in_intact_music_apart_from_one_another(places, number):
    missing = unite([as_gaps(*((start, start + length) for start, length in places))])
    missing = missing[missing[:, 1] <= 200_000]
    if not len(missing):
        return
    gap = tuple(missing[len(missing) // 2].tolist())
    placed = place_pseudo_gaps(gap, missing, number, num_samples=200_000, sampling_rate=RATE)
    assert len(placed) <= number
    margin, near = MARGIN_SECONDS * RATE, NEAR_SECONDS * RATE
    for one in placed:
        assert one.stop - one.start == gap[1] - gap[0]
        assert 0 <= one.first <= one.start - margin and one.stop + margin <= one.last <= 200_000
        assert gap[0] - near <= one.start and one.stop <= gap[1] + near
        assert not ((missing[:, 0] < one.last) & (missing[:, 1] > one.first)).any()
        assert one.first <= one.excerpt(100)[0] <= one.start - 100
    assert all(one.stop <= other.start for one, other in itertools.pairwise(placed))


def test_there_are_no_pseudo_gaps_where_there_is_no_room():
    extent = {"num_samples": 2 * RATE, "sampling_rate": RATE}
    assert not place_pseudo_gaps(
        (RATE - 10, RATE + 10), as_gaps((RATE - 10, RATE + 10)), 4, num_samples=2 * RATE - 500, sampling_rate=RATE
    )
    assert len(place_pseudo_gaps((0, 100), as_gaps((0, 100)), 4, **extent)) == 4


def test_what_was_cut_is_likest_to_itself(tones):
    music, mask = tones(2 * RATE, RATE, 2), np.zeros(2 * RATE, bool)
    mask[7_000:8_600] = True
    itself = likeness(music, music, mask, sampling_rate=RATE)
    assert itself.score == pytest.approx(0, abs=1e-9)
    noisy = likeness(
        music, music + np.where(mask, np.random.default_rng(0).normal(size=len(mask)), 0), mask, sampling_rate=RATE
    )
    assert noisy.log_mel_db > 1 and noisy.chroma < 0.9 and noisy.score > 1


def test_gaps_of_like_length_near_one_another_are_a_group():
    gaps = as_gaps((0, 100), (200, 310), (400, 800), (900, 995), (5_000, 5_100))
    assert group_alike(gaps, distance=1_000) == [
        [[0, 100], [200, 310], [900, 995]],
        [[400, 800]],
        [[5_000, 5_100]],
    ]


def knowing(music: np.ndarray, error: float, calls: list | None = None) -> Candidate:
    """A candidate that fills with what is there, and an error; it finds its excerpt by the first samples."""

    def fill(audio, mask, *, sampling_rate, generator=None):
        if calls is not None:
            calls.append(np.flatnonzero(mask)[0])
        (place,) = (
            start for start in range(music.shape[-1]) if np.array_equal(music[:, start : start + 50], audio[:, :50])
        )
        whole = music[:, place : place + audio.shape[-1]]
        noise = error * np.random.default_rng(0).normal(size=audio.shape)
        return np.where(mask, whole + noise, audio)

    return Candidate(fill, Reach(RATE, 1), np.inf)


def refuse(audio, mask, *, sampling_rate, generator=None):
    raise ValueError("nothing is like this")


@pytest.fixture
def music():
    random = np.random.default_rng(0)
    return 0.1 * random.normal(size=(1, 10 * RATE))


def tried(gaps, candidates, music, seconds=np.inf, **options):
    options = {"default": lambda length: next(iter(candidates)), "seed": 0} | options
    return try_candidates(
        gaps,
        gaps,
        slicing(music),
        candidates,
        num_samples=music.shape[-1],
        sampling_rate=RATE,
        seconds=seconds,
        **options,
    )


def test_the_candidate_that_comes_nearest_is_chosen_and_one_that_refuses_is_out(music):
    candidates = {
        "far": knowing(music, 0.3),
        "near": knowing(music, 0.01),
        "none": Candidate(refuse, Reach(0, 1), np.inf),
    }
    candidates["short"] = Candidate(refuse, Reach(0, 1), 0.01)
    (trial,) = tried(as_gaps((4 * RATE, 4 * RATE + 800)), candidates, music)
    assert trial.chosen == "near" and trial.rounds == len(trial.pseudo_gaps) == NUM_ROUNDS and trial.is_complete
    assert trial.scores["near"].score < trial.scores["far"].score
    assert trial.scores["none"].refusal == "nothing is like this" and trial.scores["none"].score is None
    # What is too short for the gap is not asked.
    assert "short" not in trial.scores
    assert len(trial.scores["far"].chroma) == NUM_ROUNDS
    with pytest.raises(ValueError, match=r"expected a candidate that fills gaps of 0\.10 s, got short"):
        tried(as_gaps((4 * RATE, 4 * RATE + 800)), {"short": candidates["short"]}, music)


def test_one_that_refuses_fills_nothing_while_another_does(music):
    gap, refusing = as_gaps((4 * RATE, 4 * RATE + 800)), Candidate(refuse, Reach(0, 1), np.inf)
    (trial,) = tried(gap, {"none": refusing, "far": knowing(music, 0.3)}, music)
    assert trial.chosen == "far" and trial.is_complete
    # If all refuse, the first says so at the gap itself.
    (trial,) = tried(gap, {"none": refusing, "nor this": refusing}, music)
    assert trial.chosen == "none" and trial.rounds == 0 and trial.is_complete


def test_without_time_nothing_is_compared_and_that_is_said(music):
    calls = []
    candidates = {"far": knowing(music, 0.3, calls), "near": knowing(music, 0.0, calls)}
    gaps = as_gaps((4 * RATE, 4 * RATE + 800), (5 * RATE, 5 * RATE + 3200))
    trials = tried(gaps, candidates, music, seconds=0)
    assert [trial.chosen for trial in trials] == ["far", "far"] and not calls
    said = warning_of(trials, seconds=0, sampling_rate=RATE)
    assert said.endswith("8 pseudo-gaps were left untried, and nothing was compared for the gaps at 4.000 s, 5.000 s")
    assert warning_of(tried(gaps, candidates, music), seconds=0, sampling_rate=RATE) is None


def test_the_time_is_shared_out_among_trials_round_by_round(music, monkeypatch):
    calls, now = [], iter(range(1000))
    monkeypatch.setattr("aidd.repair.trials.time.perf_counter", lambda: next(now))
    candidates = {"far": knowing(music, 0.3, calls), "near": knowing(music, 0.0, calls)}
    gaps = as_gaps((4 * RATE, 4 * RATE + 800), (5 * RATE, 5 * RATE + 3200))
    # A reading of the clock at the start and one before each of the candidates.
    trials = tried(gaps, candidates, music, seconds=6)
    assert [trial.rounds for trial in trials] == [1, 1] and len(calls) == 5
    assert [trial.chosen for trial in trials] == ["near", "near"]


def test_a_single_candidate_needs_no_trial(music):
    (trial,) = tried(as_gaps((4 * RATE, 4 * RATE + 800)), {"near": knowing(music, 0.0)}, music)
    assert trial.chosen == "near" and trial.pseudo_gaps == [] and trial.is_complete


def test_the_plan_names_what_was_chosen_and_each_channels_gap_has_what_its_group_has(music):
    stereo = np.concatenate([music, 0.5 * music])
    gaps = [as_gaps((100, 110), (40_000, 40_800)), as_gaps((40_100, 40_700), (50_000, 50_100))]
    extent = {"num_samples": stereo.shape[-1], "sampling_rate": RATE}
    plan = plan_repair(gaps, method="best", short_gap_seconds=LEAST_TRIED_SECONDS, **extent)
    assert plan.filled_by == [["janssen", "best"], ["best", "continuation"]]
    candidates = {"linear": knowing(stereo, 0.3), "lines": knowing(stereo, 0.0)}
    planned, trials = plan_by_trial(plan, slicing(stereo), candidates, **extent)
    assert planned.filled_by == [["janssen", "lines"], ["lines", "continuation"]]
    assert planned.fillers == ("janssen", "continuation", "lines", "aidd") and not planned.needs_model
    (trial,) = trials
    assert trial.gaps == [[40_000, 40_800]]


def test_best_is_the_method_that_it_takes(tones, tiny_pipeline, monkeypatch):
    monkeypatch.setattr(table, "default_pipeline", lambda method: tiny_pipeline)
    rate = 24_000
    audio, mask = tones(4 * rate, rate), np.zeros(4 * rate, bool)
    mask[2 * rate : 2 * rate + 1_500] = True
    damaged = np.where(mask, np.nan, audio)
    taken = []
    original = table.method_of

    def seen(name):
        taken.append(name)
        return original(name)

    monkeypatch.setattr("aidd.repair.filling.method_of", seen)
    results = [best(damaged, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert np.array_equal(*results) and np.array_equal(results[0][:, ~mask], audio[:, ~mask])
    names = set(taken) - {"janssen"}
    # A model with random weights is never the best.
    assert len(names) == 1 and "aidd" not in names
    alone = METHODS[names.pop()](damaged[0], mask, sampling_rate=rate, generator=torch.Generator().manual_seed(1))
    assert np.array_equal(results[0][0], alone)


def test_a_method_that_chooses_is_no_candidate():
    for name in table.CHOOSING_METHODS:
        with pytest.raises(ValueError, match=f"got {name}, which chooses among others"):
            candidates_of([name], sampling_rate=RATE)
