"""What comes again in a recording fills its long gaps, by the method `best`."""

from functools import partial

import numpy as np
import pytest
import soundfile as sf
import torch

import aidd
from aidd import RepairRequest, repair_file
from aidd.masks.gaps import find_gaps
from aidd.repair.alike import alike_sources, plan_with, tried
from aidd.repair.best import best_with
from aidd.repair.plan import LEAST_TRIED_SECONDS, plan_repair
from aidd.repair.request import RequestError
from aidd.signals.arrays import slices


RATE = 16_000
CANDIDATES = ("lines", "similarity")
LONG, SHORT = (40_000, 48_000), (100_000, 101_600)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Two channels of four seconds of noise that come three times, the last time followed by something else."""
    generator = np.random.default_rng(0)
    envelope = 1 + np.sin(np.arange(4 * RATE) / RATE * 9)
    verse = generator.normal(size=(2, 4 * RATE)) * envelope
    return 0.05 * np.concatenate([verse, verse, generator.normal(size=(2, 4 * RATE))], axis=1)


def mask_of(*gaps: tuple[int, int], num_samples: int = 12 * RATE) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    for start, stop in gaps:
        mask[start:stop] = True
    return mask


def sources_of(music: np.ndarray, masks: list[np.ndarray]) -> list:
    extent = {"num_samples": music.shape[-1], "sampling_rate": RATE}
    plan = plan_repair(list(map(find_gaps, masks)), method="best", short_gap_seconds=LEAST_TRIED_SECONDS, **extent)
    sources = alike_sources(plan, partial(slices, music), **extent)
    names = plan_with(plan, sources).filled_by
    assert sum(one.count("similarity") for one in names) == sum(
        bool(mask[source.start : source.stop].any()) for source in sources for mask in masks
    )
    return [(source.start, source.stop, source.source_start - source.start) for source in sources]


def test_long_gaps_whose_surroundings_come_again_have_sources_and_no_others(music):
    other = (160_000, 168_000)
    mask = mask_of(LONG, SHORT, other)
    assert sources_of(music, [mask, mask]) == [(*LONG, 4 * RATE)]
    # In one channel alone, too.
    assert sources_of(music, [mask_of(LONG), mask_of(SHORT)]) == [(*LONG, 4 * RATE)]


def test_gaps_near_others_or_filled_in_part_by_others_have_none(music):
    near = (LONG[1] + RATE // 20, LONG[1] + RATE // 10)
    assert sources_of(music, 2 * [mask_of(LONG, near)]) == []
    click = (LONG[0] + 100, LONG[0] + 120)
    assert sources_of(music, [mask_of(LONG), mask_of(click)]) == []


def test_best_fills_them_with_what_comes_again_and_the_rest_by_the_others(music):
    mask = mask_of(LONG, SHORT)
    damaged = np.where(mask, np.nan, music)
    filled = best_with(
        None, damaged, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(0), candidates=CANDIDATES
    )
    assert np.array_equal(filled[:, ~mask], music[:, ~mask])
    np.testing.assert_allclose(filled[:, slice(*LONG)], music[:, slice(*LONG)], atol=1e-6)
    short = mask_of(SHORT)
    alone = aidd.METHODS["lines"](
        np.where(short, np.nan, music), short, sampling_rate=RATE, generator=torch.Generator().manual_seed(0)
    )
    np.testing.assert_allclose(filled[:, short], alone[:, short], atol=1e-9)


def test_a_file_is_filled_as_an_array_is_and_the_report_says_from_where(music, tmp_path):
    mask = mask_of(LONG, SHORT)
    sf.write(tmp_path / "in.wav", np.where(mask, 0, music).T, RATE, subtype="DOUBLE")
    request = RepairRequest(
        gaps=[tuple(place / RATE for place in gap) for gap in (LONG, SHORT)],
        method="best",
        seed=0,
        candidates=CANDIDATES,
    )
    report = repair_file(tmp_path / "in.wav", tmp_path / "out.wav", request)
    assert report.filled_by == 2 * [["similarity", "lines"]]
    (source,) = report.sources
    assert (source.start, source.stop, source.source_start) == (*LONG, LONG[0] + 4 * RATE)
    assert source.likeness > 0.99 and [trial.chosen for trial in report.trials] == ["lines"]
    expected = best_with(
        None,
        np.where(mask, np.nan, music),
        mask,
        sampling_rate=RATE,
        generator=torch.Generator().manual_seed(0),
        candidates=CANDIDATES,
    )
    written, _ = sf.read(tmp_path / "out.wav")
    np.testing.assert_allclose(written.T, expected, atol=1e-9)


def test_something_else_has_to_fill_what_nothing_is_like(music):
    with pytest.raises(ValueError, match="besides similarity"):
        tried(("similarity",))
    with pytest.raises(RequestError, match="besides similarity"):
        RepairRequest(gaps=[(1, 2)], method="best", candidates=("similarity",))
    assert tried(CANDIDATES) == ("lines",)


def test_without_it_among_the_candidates_nothing_is_sought(music, monkeypatch):
    monkeypatch.setattr(aidd.repair.best, "alike_sources", None)
    mask = mask_of(LONG)
    filled = best_with(None, np.where(mask, np.nan, music), mask, sampling_rate=RATE, candidates=("lines",))
    assert np.isfinite(filled).all()
