import numpy as np
import pytest

from aidd.classical.cells import fading
from aidd.classical.cells.phain_tf import least_variation, phain_tf, restore_cells
from aidd.masks.cells import boxes, random_cells
from aidd.signals.phase_advances import phase_advances, variation
from aidd.signals.stft import Grid, analyse, bin_weights, stft


RATE = 8000
GRID = Grid(RATE, 256, 64)


def tones(num_samples: int = 4000) -> np.ndarray:
    time = np.arange(num_samples) / RATE
    return 0.3 * np.sin(2 * np.pi * 437.0 * time) + 0.2 * np.sin(2 * np.pi * 1234.5 * time + 1)


def columns(start: int, end: int) -> np.ndarray:
    mask = np.zeros(GRID.shape(4000), bool)
    mask[:, start:end] = True
    return mask


MASKS = {
    "frames": columns(30, 34),
    "a box": boxes([(300, 1500, 0.2, 0.26)], 4000, GRID),
    "scattered cells": random_cells(0.1, 4000, GRID, np.random.default_rng(0)),
}


def error_in(mask: np.ndarray, restored: np.ndarray) -> float:
    truth = stft(tones(), GRID)[mask]
    return float(np.linalg.norm(stft(restored, GRID)[mask] - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_stationary_tones_are_restored_in_cells_of_any_shape(mask):
    options = {"sampling_rate": RATE, "grid": GRID}
    error = error_in(mask, phain_tf(tones(), mask, **options))
    assert error < 0.01 and error < error_in(mask, fading(tones(), mask, **options))


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_masked_cells_alone_change(mask):
    noise = np.random.default_rng(0).normal(size=(2, 4000))
    known = np.where(mask, 0, stft(noise, GRID))
    restored = restore_cells(known, mask, GRID, 2, 10)
    np.testing.assert_array_equal(restored[:, ~mask], known[:, ~mask])
    assert (restored[:, mask] != 0).mean() > 0.9


def test_known_cells_are_met_and_the_variation_falls():
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(1, 16 * 64)) + 3 * tones(16 * 64)
    signals /= np.abs(signals).max()
    cells = analyse(signals, GRID.window, 64)
    mask = np.zeros(cells.shape[1:], bool)
    mask[:, 5:8] = True
    known = np.where(mask, 0, cells)
    advances = phase_advances(signals, GRID.window, 64)

    def variation_of(estimate: np.ndarray) -> float:
        magnitudes = np.abs(variation(analyse(estimate, GRID.window, 64), advances))
        return float((bin_weights(GRID.num_bins) * magnitudes).sum())

    found = least_variation(signals, known, mask, advances, GRID, 1000)
    assert np.abs(analyse(found, GRID.window, 64) - known)[:, ~mask].max() < 1e-3 * np.abs(known).max()
    assert variation_of(found) < variation_of(signals)


def test_channels_share_the_frequencies():
    """A faint channel beside a loud one of the same partials is restored as the loud one is."""
    mask = MASKS["frames"]
    faint = 0.01 * tones() + 0.001 * np.random.default_rng(0).normal(size=4000)
    options = {"sampling_rate": RATE, "grid": GRID, "num_rounds": 1}
    both = phain_tf(np.stack([tones(), faint]), mask, **options)[1]
    assert error_in(mask, 100 * both) < error_in(mask, 100 * phain_tf(faint, mask, **options))


def test_numbers_below_one_are_refused():
    for option in ("num_rounds", "num_iterations"):
        with pytest.raises(ValueError, match="must be at least 1"):
            phain_tf(tones(), MASKS["frames"], sampling_rate=RATE, grid=GRID, **{option: 0})
