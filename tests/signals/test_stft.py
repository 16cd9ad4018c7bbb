import numpy as np
import pytest

from aidd.signals.stft import Grid, analyse, cell_weights, istft, stft, synthesise, tight_hann


GRIDS = [Grid(24_000, 1022, 511), Grid(8000, 24, 8), Grid(8000, 24, 6), Grid(8000, 2, 1)]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("num_samples", [1, 2, 7, 511, 512, 3000])
def test_the_inverse_is_exact_and_energies_agree(grid, num_samples):
    signal = noise(2, num_samples)
    cells = stft(signal, grid)
    assert cells.shape == (2, *grid.shape(num_samples))
    np.testing.assert_allclose(istft(cells, grid, num_samples), signal, atol=1e-12)
    np.testing.assert_allclose((cell_weights(grid) * np.abs(cells) ** 2).sum(), (signal**2).sum())


@pytest.mark.parametrize("grid", GRIDS)
def test_the_inverse_is_the_adjoint(grid):
    signal = noise(100)
    other = noise(*grid.shape(100)) + 1j * np.roll(noise(*grid.shape(100)), 3)
    product = (cell_weights(grid) * (stft(signal, grid) * other.conj()).real).sum()
    np.testing.assert_allclose(product, signal @ istft(other, grid, 100))


@pytest.mark.parametrize("overlap", [3, 4, 8])
def test_hann_windows_are_a_tight_frame(overlap):
    window = tight_hann(16, overlap)
    np.testing.assert_allclose(np.square(window).reshape(overlap, 16).sum(0), 1)
    signal = noise(2, 40 * 16)
    frames = analyse(signal, window, 16)
    assert frames.shape == (2, 8 * overlap + 1, 41 - overlap)
    inside = slice((overlap - 1) * 16, (41 - overlap) * 16)
    np.testing.assert_allclose(synthesise(frames, window, 16)[:, inside], signal[:, inside], atol=1e-12)
    other = noise(*frames.shape) + 1j * np.roll(noise(*frames.shape), 3)
    twice = np.pad(np.full((8 * overlap - 1, 1), 2.0), ((1, 1), (0, 0)), constant_values=1)
    np.testing.assert_allclose(
        (twice * (frames * other.conj()).real).sum(), (signal * synthesise(other, window, 16)).sum()
    )


def test_imaginary_parts_that_no_signal_has_are_not_read():
    grid = GRIDS[0]
    cells = stft(noise(3000), grid)
    assert np.abs(cells[[0, -1]].imag).max() < 1e-12
    changed = cells.copy()
    changed[[0, -1]] += 5j
    np.testing.assert_allclose(istft(changed, grid, 3000), istft(cells, grid, 3000), atol=1e-12)


def test_constants_and_alternating_signs_lie_in_the_first_and_the_last_bin():
    grid = GRIDS[0]
    for signal, row in ((np.ones(5110), 0), ((-1.0) ** np.arange(5110), -1)):
        energy = np.abs(stft(signal, grid)[:, 3:7]) ** 2
        assert energy[row].sum() > 0.6 * energy.sum() and energy[row].min() > energy[1:-1].max()


def test_phases_are_those_at_the_middle_of_windows():
    grid = Grid(8000, 64, 16)
    time = np.arange(4000)
    cells = stft(np.cos(2 * np.pi * 10 * time / 64), grid)[:, 20:100]
    middles = (np.arange(20, 100) + 1 - grid.overlap / 2) * grid.hop_length
    for row in (10, 11):
        turned = np.exp(2j * np.pi * 10 * middles / 64)
        # Half a sample lies between a window's middle and the sample that its phase is told at.
        np.testing.assert_allclose(np.angle(cells[row] / turned), np.angle(cells[row, 0] / turned[0]), atol=1e-2)
    assert abs(np.angle(cells[10, 0] / cells[11, 0])) < 0.2


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((24_000, 1023, 341), "n_fft must be even"),
        ((24_000, 1022, 500), "a divisor"),
        ((24_000, 1022, 1022), "a divisor of it that is less"),
        ((24_000, 1022, 0), "hop_length must be a positive integer"),
        ((24_000.5, 1022, 511), "positive integer"),
    ],
)
def test_other_grids_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        Grid(*numbers)


def test_spectrograms_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(bins, frames\) of \(512, 7\) for 3000 samples, got \(512, 8\)"):
        istft(np.zeros((512, 8), complex), GRIDS[0], 3000)
