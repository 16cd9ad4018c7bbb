import numpy as np
import pytest
import torch

from aidd.masks.cells import boxes, random_cells, samples_touched
from aidd.signals.stft import Grid, cell_weights, stft
from aidd.splice.cells import fill_cells


GRID = Grid(24_000, 254, 127)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=shape)


def random_fill(known: np.ndarray, mask: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.where(mask, rng.normal(size=known.shape) + 1j * rng.normal(size=known.shape), known)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_known_cells_change_by_no_more_than_half_of_what_is_filled_in(share):
    audio = noise(1, 5000)
    mask = random_cells(share, 5000, GRID, np.random.default_rng(0))
    restored = fill_cells(audio, mask, random_fill, sampling_rate=24_000, grid=GRID)
    before, after = stft(audio, GRID), stft(restored, GRID)
    filled_in = random_fill(np.where(mask, 0, before), mask) - before

    def norm(cells: np.ndarray) -> float:
        return np.sqrt((cell_weights(GRID) * np.abs(cells) ** 2).sum())

    assert 0 < norm((after - before) * ~mask) <= norm(filled_in) / 2
    # What is left of the change is its nearest consistent part.
    assert norm(after - before) <= norm(filled_in)


def test_consistent_cells_come_out_as_they_were_put_in():
    audio, other = noise(1, 5000), noise(1, 5000, seed=1)
    # A whole signal's worth of cells, in the frames that hold samples 1270 to 2540.
    target = audio.copy()
    target[:, 1270:2540] = other[:, 1270:2540]
    mask = np.abs(stft(target - audio, GRID)[0]) > 0
    restored = fill_cells(audio, mask, lambda *_: stft(target, GRID), sampling_rate=24_000, grid=GRID)
    np.testing.assert_allclose(restored, target, atol=1e-12)


def test_the_true_cells_give_back_the_audio_and_their_values_are_not_told():
    audio = noise(2, 5000)
    mask = boxes([(1000, 4000, 0.05, 0.1)], 5000, GRID)
    seen = []

    def truth(known: np.ndarray, mask: np.ndarray) -> np.ndarray:
        seen.append(known[:, mask])
        return stft(audio, GRID)

    restored = fill_cells(audio, mask, truth, sampling_rate=24_000, grid=GRID)
    np.testing.assert_allclose(restored, audio, atol=1e-12)
    assert not np.any(seen)


@pytest.mark.parametrize("rate", [8000, 22_050, 24_000, 44_100, 96_000])
@pytest.mark.parametrize("shape", [(2,), (1, 2), ()])
def test_samples_that_no_missing_cell_touches_are_bit_identical(rate, shape):
    audio = noise(*shape, rate // 2 + 3).astype(np.float32)
    num_on_grid = -(-audio.shape[-1] * 24_000 // rate)
    mask = boxes([(1000, 4000, 0.1, 0.2)], num_on_grid, GRID)
    restored = fill_cells(audio, mask, random_fill, sampling_rate=rate, grid=GRID)
    assert restored.shape == audio.shape and restored.dtype == np.float32
    touched = np.flatnonzero(samples_touched(mask, GRID, num_on_grid)) * rate / 24_000
    inside = slice(int(touched[0]), int(np.ceil(touched[-1] + rate / 24_000)))
    changed = np.ones(audio.shape[-1], bool)
    changed[inside] = False
    assert np.array_equal(restored[..., changed], audio[..., changed])
    assert not np.array_equal(restored[..., inside], audio[..., inside])


def test_what_lies_above_the_grid_stays():
    time = np.arange(48_000) / 48_000
    high = 0.1 * np.sin(2 * np.pi * 18_000 * time)
    audio = high + 0.1 * np.sin(2 * np.pi * 1000 * time)
    mask = boxes([(0, 12_000, 0.2, 0.6)], 24_000, GRID)
    restored = fill_cells(audio, mask, lambda known, _: known, sampling_rate=48_000, grid=GRID)
    middle = slice(14_400, 24_000)
    np.testing.assert_allclose(restored[middle], high[middle], atol=1e-3)


def test_tensors_come_back_as_tensors_and_nothing_is_modified():
    audio, mask = noise(1, 2, 3000), boxes([(1000, 4000, 0.05, 0.1)], 3000, GRID)
    before = audio.copy()
    as_array = fill_cells(audio, mask, random_fill, sampling_rate=24_000, grid=GRID)
    as_tensor = fill_cells(torch.tensor(audio), torch.tensor(mask), random_fill, sampling_rate=24_000, grid=GRID)
    assert isinstance(as_tensor, torch.Tensor) and np.array_equal(as_tensor.numpy(), as_array)
    assert np.array_equal(audio, before)


def test_an_empty_mask_gives_the_audio_with_a_warning():
    audio = noise(3000)
    with pytest.warns(UserWarning, match="mask is empty"):
        restored = fill_cells(audio, np.zeros(GRID.shape(3000), bool), random_fill, sampling_rate=24_000, grid=GRID)
    assert np.array_equal(restored, audio)


@pytest.mark.parametrize(
    ("audio", "mask", "rate", "message"),
    [
        (np.full(3000, np.nan), np.zeros(GRID.shape(3000), bool), 24_000, "3000 samples that are not finite"),
        (np.zeros(3000, int), np.zeros(GRID.shape(3000), bool), 24_000, "float32 or float64"),
        (np.zeros(3000), np.zeros(GRID.shape(3000), bool), 0, "positive integer"),
        (np.zeros(3000), np.zeros((1, *GRID.shape(3000)), bool), 24_000, r"tf_mask must have shape .* \(128, 25\)"),
        (np.zeros(3000), np.ones(GRID.shape(3000), bool), 24_000, "everything is missing"),
    ],
)
def test_bad_input_is_refused(audio, mask, rate, message):
    with pytest.raises(ValueError, match=message):
        fill_cells(audio, mask, random_fill, sampling_rate=rate, grid=GRID)
