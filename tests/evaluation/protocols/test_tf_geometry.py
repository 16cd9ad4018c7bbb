import numpy as np
import pytest

from aidd.evaluation.protocols.conditions import Condition
from aidd.evaluation.protocols.geometry import GEOMETRIES
from aidd.evaluation.protocols.tf_geometry import GRID, TF_GEOMETRIES, centred_box, frequency_band, scattered_cells
from aidd.signals.stft import stft


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_masks_have_the_shape_of_the_spectrogram_at_the_grids_rate(rate):
    num_samples = round(1.3 * rate)
    shape = GRID.shape(GRID.resampled_length(num_samples, rate))
    masks = [
        centred_box(num_samples, rate, gap_seconds=0.1, lowest_hertz=200, height_hertz=1000),
        frequency_band(num_samples, rate, lowest_hertz=200, height_hertz=1000),
        scattered_cells(num_samples, rate, coverage=0.3, num_bins=2, num_frames=2, generator=np.random.default_rng(0)),
    ]
    assert len(masks) == len(TF_GEOMETRIES) and all(mask.shape == shape for mask in masks)


def test_a_box_is_in_the_middle_and_as_large_as_told_to_a_cell():
    mask = centred_box(48_000, 24_000, gap_seconds=0.2, lowest_hertz=500, height_hertz=1000)
    rows, frames = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert mask.sum() == len(rows) * len(frames)
    bin_hertz = GRID.sampling_rate / GRID.n_fft
    assert abs(rows[0] * bin_hertz - 500) <= bin_hertz and abs(rows[-1] * bin_hertz - 1500) <= bin_hertz
    assert 0 <= len(frames) * GRID.hop_length / GRID.sampling_rate - 0.2 < 2 * GRID.hop_length / GRID.sampling_rate
    # As many frames before as behind, but for one.
    assert abs(frames[0] - (mask.shape[1] - 1 - frames[-1])) <= 1


def test_a_band_is_all_the_boxes_of_its_height():
    band = frequency_band(24_000, 24_000, lowest_hertz=500, height_hertz=1000)
    box = centred_box(24_000, 24_000, gap_seconds=0.5, lowest_hertz=500, height_hertz=1000)
    assert np.array_equal(band.any(1), box.any(1)) and np.array_equal(band.all(1), band.any(1))


def test_scattered_cells_are_drawn_and_cover_their_share():
    draws = [
        scattered_cells(24_000, 24_000, coverage=0.3, num_bins=1, num_frames=1, generator=np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    assert all(abs(mask.sum() - 0.3 * mask.size) <= 1 for mask in draws)


def test_rectangles_are_of_whole_cells():
    with pytest.raises(ValueError, match=r"whole numbers, got 1\.5 and 2"):
        scattered_cells(24_000, 24_000, coverage=0.3, num_bins=1.5, num_frames=2, generator=np.random.default_rng(0))


def test_no_name_means_both_samples_and_cells():
    assert not GEOMETRIES.keys() & TF_GEOMETRIES.keys()


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_samples_of_a_condition_are_those_that_its_cells_have_a_share_in(rate):
    condition = Condition("centred_box", {"gap_seconds": 0.2, "lowest_hertz": 500, "height_hertz": 1000})
    audio = np.random.default_rng(0).normal(size=rate)
    mask, cells = condition.mask(audio, rate, seed=0), condition.cells(rate, rate, seed=0)
    assert condition.takes_cells and not Condition("centred_gap", {"gap_seconds": 0.2}).takes_cells
    assert mask.shape == audio.shape
    if rate == GRID.sampling_rate:
        # What lies outside the samples changes no cell of these frames.
        changed = stft(np.where(mask, audio, 0), GRID) - stft(audio, GRID)
        assert np.abs(changed[:, cells.any(0)]).max() < 1e-9
        assert np.abs(changed[:, ~cells.any(0)]).max() > 1e-3
    # 200 ms in whole frames, and the windows around them.
    assert 0.2 < mask.sum() / rate < 0.2 + 4 * GRID.hop_length / GRID.sampling_rate
