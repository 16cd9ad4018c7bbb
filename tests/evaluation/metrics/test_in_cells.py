import numpy as np
import pytest

from aidd.classical.cells import zeroing
from aidd.evaluation.metrics import metrics_in_cells, snr_in_gap
from aidd.signals.stft import Grid, stft


GRID = Grid(24_000, 1022, 511)
OPTIONS = {"sampling_rate": 24_000, "grid": GRID}


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=12_000)


@pytest.fixture
def box():
    mask = np.zeros(GRID.shape(12_000), bool)
    mask[100:200, 8:12] = True
    return mask


def test_what_is_exact_scores_best(noise, box):
    assert metrics_in_cells(noise, noise, box, **OPTIONS) == {
        "snr_cells": np.inf,
        "level_error_cells": 0.0,
        "lsd_cells": 0.0,
    }


def test_a_gain_is_what_each_metric_says_of_it(noise, box):
    scores = metrics_in_cells(noise, 0.5 * noise, box, **OPTIONS)
    assert scores["snr_cells"] == pytest.approx(20 * np.log10(2))
    assert scores["level_error_cells"] == pytest.approx(-20 * np.log10(2))
    assert scores["lsd_cells"] == pytest.approx(2 * np.log10(2), abs=1e-6)


def test_what_is_wrong_elsewhere_does_not_count(noise, box):
    late = noise.copy()
    # Behind the last window that reaches into the box.
    late[12 * 511 :] = 0
    scores = metrics_in_cells(noise, late, box, **OPTIONS)
    assert scores["snr_cells"] > 200 and scores["lsd_cells"] < 1e-6


def test_every_cell_is_every_sample(noise):
    """A tight frame: with all cells, the ratio is that of the signals."""
    other = noise + 0.1 * np.random.default_rng(1).normal(size=noise.shape)
    everything = np.ones(GRID.shape(12_000), bool)
    scores = metrics_in_cells(noise, other, everything, **OPTIONS)
    assert scores["snr_cells"] == pytest.approx(snr_in_gap(noise, other, np.ones(12_000, bool)), abs=0.05)


def test_zeroed_cells_have_an_snr_of_about_nothing(noise, box):
    """Less than nothing is left of a cell, as its neighbours tell of it where windows overlap."""
    restored = zeroing(noise, box, sampling_rate=24_000, grid=GRID)
    left = np.abs(stft(restored, GRID)[box]) ** 2
    scores = metrics_in_cells(noise, restored, box, **OPTIONS)
    assert 0 < scores["snr_cells"] < 3
    assert scores["level_error_cells"] == pytest.approx(
        10 * np.log10(left.sum() / (np.abs(stft(noise, GRID)[box]) ** 2).sum())
    )


def test_other_masks_are_refused(noise, box):
    with pytest.raises(ValueError, match="mask must have shape"):
        metrics_in_cells(noise, noise, box[:, :-1], **OPTIONS)
    with pytest.raises(ValueError, match="empty"):
        metrics_in_cells(noise, noise, np.zeros_like(box), **OPTIONS)
