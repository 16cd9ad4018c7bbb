import numpy as np
import pytest
import torch

from aidd.masks.cells import band, boxes, check_tf_mask, columns, frames_touched, random_cells, samples_touched
from aidd.signals.stft import Grid, istft, stft


GRIDS = [Grid(24_000, 1022, 511), Grid(8000, 24, 8), Grid(8000, 24, 6)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("gap", [(0, 1), (100, 101), (510, 512), (700, 1500), (1999, 2000)])
def test_frames_are_touched_exactly_where_a_missing_sample_changes_them(grid, gap):
    mask = np.zeros(2000, bool)
    mask[slice(*gap)] = True
    changes = np.abs(stft(mask.astype(float), grid)).max(0)
    assert np.array_equal(frames_touched(mask, grid), changes > 1e-9)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("frames", [(0, 1), (1, 2), (3, 5), (-2, -1), (-1, None)])
def test_samples_are_touched_exactly_where_a_missing_cell_changes_them(grid, frames):
    tf_mask = np.zeros(grid.shape(2000), bool)
    tf_mask[2, slice(*frames)] = True
    tf_mask[3, slice(*frames)] = True
    rng = np.random.default_rng(0)
    signals = [istft(tf_mask * (rng.normal(size=tf_mask.shape) + 1j), grid, 2000) for _ in range(4)]
    assert np.array_equal(samples_touched(tf_mask, grid, 2000), np.abs(signals).max(0) > 1e-12)


def test_columns_hold_all_bins_of_missing_frames():
    grid = GRIDS[0]
    frames = frames_touched(np.arange(5000) == 2000, grid)
    assert columns(frames, grid).shape == grid.shape(5000)
    assert np.array_equal(columns(frames, grid).sum(0), 512 * frames)


def test_boxes_hold_the_cells_they_touch():
    grid = Grid(8000, 80, 40)
    # Bins 100 Hz and frames 5 ms apart, the first in the middle of sample 0.
    mask = boxes([(1000, 1200, 0.1, 0.12)], 4000, grid)
    rows, frames = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert rows.tolist() == [10, 11, 12] and frames.tolist() == [20, 21, 22, 23, 24]
    assert mask.sum() == 15
    # Edges of cells, which lie halfway between two of them, touch none.
    assert boxes([(950, 1050, 0.0975, 0.1025)], 4000, grid).sum() == 1
    both = boxes([(1000, 1200, 0.1, 0.12), (0, 4000, 0.3, 0.31)], 4000, grid)
    assert both.sum() == 15 + 3 * 41 and both[[0, -1], 60:63].all()


def test_bands_last_from_the_first_frame_to_the_last():
    grid = GRIDS[0]
    mask = band(500, 1000, 10_000, grid)
    assert mask.shape == grid.shape(10_000) and set(mask.sum(1)) == {0, mask.shape[1]}
    assert np.array_equal(mask.any(1), boxes([(500, 1000, 0, 0.01)], 10_000, grid).any(1))


@pytest.mark.parametrize("coverage", [0.0, 0.1, 0.5, 0.9])
def test_random_cells_reach_the_coverage_and_do_not_exceed_it_by_more_than_one(coverage):
    grid, rng = GRIDS[1], np.random.default_rng(1)
    cells = random_cells(coverage, 4000, grid, rng)
    assert cells.sum() == round(coverage * cells.size)
    tiles = random_cells(coverage, 4000, grid, rng, num_bins=4, num_frames=5)
    assert round(coverage * cells.size) <= tiles.sum() < round(coverage * cells.size) + 20
    assert np.array_equal(tiles, np.kron(tiles[::4, ::5], np.ones((4, 5), bool))[: cells.shape[0], : cells.shape[1]])


def test_random_cells_depend_on_the_seed_alone():
    one, same, other = (random_cells(0.3, 4000, GRIDS[1], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_masks_of_tensors_come_as_arrays():
    mask = torch.zeros(GRIDS[0].shape(3000), dtype=torch.bool)
    assert isinstance(check_tf_mask(mask, 3000, GRIDS[0]), np.ndarray)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda grid: boxes([(1000, 500, 0, 0.1)], 4000, grid), "the lower number first"),
        (lambda grid: boxes([(0, 5000, 0, 0.1)], 4000, grid), "within 0 to 4000 Hz"),
        (lambda grid: boxes([(0, 500, 0, 0.6)], 4000, grid), "0 to 0.5 s"),
        (lambda grid: random_cells(1.0, 4000, grid, np.random.default_rng()), "coverage must lie in"),
        (lambda grid: random_cells(0.5, 4000, grid, np.random.default_rng(), num_bins=0), "at least 1 bin"),
        (lambda grid: check_tf_mask(np.zeros((13, 9), bool), 4000, grid), r"\(13, 502\).*got \(13, 9\)"),
        (lambda grid: check_tf_mask(np.zeros((13, 502)), 4000, grid), "must be bool"),
        (lambda grid: check_tf_mask(np.ones((13, 502), bool), 4000, grid), "everything is missing"),
    ],
)
def test_what_makes_no_mask_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(GRIDS[1])
