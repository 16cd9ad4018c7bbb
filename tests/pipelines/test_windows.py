from itertools import pairwise

import numpy as np
import pytest
from grids import for_every

from aidd.pipelines.windows import plan_successive_windows, plan_windows


@for_every(seed=range(200))
def test_windows_hold_every_missing_token_once(seed):
    random = np.random.default_rng(seed)
    missing = np.zeros(random.integers(20, 300), bool)
    for _ in range(random.integers(1, 8)):
        start = random.integers(len(missing))
        missing[start : start + random.integers(1, 10)] = True
    windows = plan_windows(missing, 50, 25) if not missing.all() else []
    filled = np.zeros(len(missing), int)
    for window in windows:
        assert 0 <= window.start <= window.fill_start < window.fill_end <= window.end <= len(missing)
        assert window.end - window.start == min(50, len(missing))
        assert window.fill_end - window.fill_start <= 25
        filled[window.fill_start : window.fill_end] += 1
    assert filled.max(initial=0) <= 1
    assert (filled[missing] == 1).all()


def test_a_gap_lies_in_the_middle_of_its_window():
    missing = np.zeros(200, bool)
    missing[100:110] = True
    (window,) = plan_windows(missing, 50, 25)
    assert (window.start, window.end) == (80, 130)


def test_runs_longer_than_the_longest_gap_are_refused():
    missing = np.zeros(200, bool)
    missing[100:126] = True
    with pytest.raises(ValueError, match="26 missing tokens is longer than the model can fill, 25"):
        plan_windows(missing, 50, 25)


def test_nothing_intact_is_refused():
    with pytest.raises(ValueError, match="no intact token"):
        plan_windows(np.ones(10, bool), 50, 25)


@for_every(seed=range(50))
def test_successive_windows_hold_every_missing_token_once_in_order(seed):
    random = np.random.default_rng(seed)
    missing = np.zeros(random.integers(20, 300), bool)
    for _ in range(random.integers(1, 4)):
        start = random.integers(len(missing))
        missing[start : start + random.integers(1, 200)] = True
    windows = plan_successive_windows(missing, 50, 25)
    filled = np.zeros(len(missing), int)
    for window in windows:
        assert 0 <= window.start <= window.fill_start < window.fill_end <= window.end <= len(missing)
        assert window.end - window.start == min(50, len(missing)) and window.fill_end - window.fill_start <= 25
        filled[window.fill_start : window.fill_end] += 1
    assert np.array_equal(filled, missing.astype(int))
    assert all(one.fill_end <= other.fill_start for one, other in pairwise(windows))


def test_a_run_without_an_end_is_filled_piece_by_piece():
    windows = plan_successive_windows(np.ones(100, bool), 40, 20)
    assert [(w.fill_start, w.fill_end) for w in windows] == [(0, 20), (20, 40), (40, 60), (60, 80), (80, 100)]
    assert [w.start for w in windows] == [0, 10, 30, 50, 60]
