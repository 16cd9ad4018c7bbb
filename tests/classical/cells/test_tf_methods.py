"""Laws of all methods for missing cells."""

import numpy as np
import pytest
import torch

from aidd.classical.cells import fading, log_magnitude, phain_tf, zeroing
from aidd.masks.cells import band, boxes, random_cells
from aidd.signals.stft import Grid, stft


GRID = Grid(24_000, 254, 127)


def few_steps_of_phain_tf(audio, tf_mask, **options):
    return phain_tf(audio, tf_mask, num_rounds=2, num_iterations=10, **options)


METHODS = (fading, log_magnitude, few_steps_of_phain_tf, zeroing)


def music(num_samples: int = 6000) -> np.ndarray:
    time = np.arange(num_samples) / 24_000
    return 0.1 * np.sin(2 * np.pi * 1000 * time) + 0.001 * np.random.default_rng(0).normal(size=num_samples)


def masks() -> list[np.ndarray]:
    return [
        boxes([(500, 1500, 0.05, 0.1), (0, 300, 0.0, 0.05), (11_000, 12_000, 0.2, 0.25)], 6000, GRID),
        band(800, 1200, 6000, GRID),
        boxes([(0, 12_000, 0.1, 0.15)], 6000, GRID),
        random_cells(0.3, 6000, GRID, np.random.default_rng(0)),
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mask", masks())
def test_form_is_kept_and_missing_cells_are_never_read(method, mask):
    audio = np.stack([music(), 0.5 * music()]).astype(np.float32)
    restored = method(audio, mask, sampling_rate=24_000, grid=GRID)
    assert restored.shape == audio.shape and restored.dtype == np.float32 and np.isfinite(restored).all()
    again = method(torch.tensor(audio), torch.tensor(mask), sampling_rate=24_000, grid=GRID)
    assert np.array_equal(again.numpy(), restored)
    # Channels are restored alone; but `phain_tf` takes frequencies from both, and rounds go by the louder one.
    tolerance = 1e-3 if method is few_steps_of_phain_tf else 1e-7
    np.testing.assert_allclose(method(audio[0], mask, sampling_rate=24_000, grid=GRID), restored[0], atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_silence_stays_silent(method):
    assert not np.any(method(np.zeros(6000), masks()[0], sampling_rate=24_000, grid=GRID))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("num_samples", [1, 2, 127, 128, 300])
def test_one_known_cell_is_enough(method, num_samples):
    mask = np.ones(GRID.shape(num_samples), bool)
    mask[3, -1] = False
    restored = method(music(num_samples), mask, sampling_rate=24_000, grid=GRID)
    assert restored.shape == (num_samples,) and np.isfinite(restored).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_mask_of_another_shape_is_refused(method):
    with pytest.raises(ValueError, match="tf_mask must have shape"):
        method(music(), np.zeros((3, 3), bool), sampling_rate=24_000, grid=GRID)


def error_in(mask: np.ndarray, restored: np.ndarray) -> float:
    truth = stft(music(), GRID)[mask]
    return float(np.linalg.norm(stft(restored, GRID)[mask] - truth) / np.linalg.norm(truth))


def test_a_stationary_tone_is_continued_by_interpolation_and_not_by_silence():
    mask = boxes([(500, 1500, 0.1, 0.15)], 6000, GRID)
    errors = {
        method.__name__: error_in(mask, method(music(), mask, sampling_rate=24_000, grid=GRID)) for method in METHODS
    }
    assert errors["log_magnitude"] < 0.1 < errors["zeroing"]


def test_zeroing_is_the_gabor_multiplier_of_what_is_known():
    audio, mask = music(), masks()[0]
    restored = zeroing(audio, mask, sampling_rate=24_000, grid=GRID)
    change = stft(restored - audio, GRID)
    # Hardly anything is left in the middle of a box larger than a window.
    inside = np.s_[8:12, 11:17]
    assert mask[inside].all()
    assert np.abs(stft(restored, GRID)[inside]).max() < 0.05 * np.abs(stft(audio, GRID)[inside]).max()
    assert np.abs(change[~mask]).max() < np.abs(change[mask]).max()
