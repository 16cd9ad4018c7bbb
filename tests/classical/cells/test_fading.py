import numpy as np
import pytest

from aidd.classical.cells import zeroing
from aidd.classical.cells.fading import fade, fading
from aidd.masks.cells import boxes, random_cells
from aidd.signals.stft import Grid, cell_weights, istft, stft


GRID = Grid(8000, 32, 16)
NUM_SAMPLES = 320


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    signal = np.random.default_rng(0).normal(size=NUM_SAMPLES)
    mask = boxes([(1000, 2000, 0.01, 0.03)], NUM_SAMPLES, GRID)
    return signal, np.where(mask, 0, stft(signal, GRID)), mask


def multiplier(mask: np.ndarray) -> np.ndarray:
    """The Gabor multiplier of a mask as a matrix."""
    return istft(mask * stft(np.eye(NUM_SAMPLES), GRID), GRID, NUM_SAMPLES).T


@pytest.mark.parametrize("strength", [0.01, 0.3, 1.0, 30.0])
def test_conjugate_gradients_find_the_solution_by_eigenvectors(strength):
    """The paper's form: x0 - U diag(lambda s / (1 - s + lambda s)) U' x0, with U diag(s) U' the mask's multiplier."""
    signal, known, mask = problem()
    matrix = multiplier(mask)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    faded = strength * values / (1 - values + strength * values)
    expected = signal - vectors @ (faded * (vectors.T @ signal))
    np.testing.assert_allclose(fade(known, mask, strength, GRID), expected, atol=2e-3)


def test_the_solution_is_a_minimum():
    _, known, mask = problem()
    weights = cell_weights(GRID) * np.where(mask, 0.1, 1.0)

    def objective(signal: np.ndarray) -> float:
        return (weights * np.abs(stft(signal, GRID) - known) ** 2).sum()

    solution = fade(known, mask, 0.1, GRID)
    rng = np.random.default_rng(1)
    lowest = objective(solution)
    assert all(lowest < objective(solution + 0.1 * rng.normal(size=NUM_SAMPLES)) for _ in range(20))


def test_the_stronger_the_less_energy_is_left_and_the_weaker_the_nearer_to_the_truth():
    signal, known, mask = problem()
    faded = [fade(known, mask, strength, GRID) for strength in (0.01, 0.1, 1.0, 10.0)]
    energies = [np.square(np.abs(stft(one, GRID)[mask])).sum() for one in faded]
    errors = [np.square(one - signal).sum() for one in faded]
    assert (np.diff(energies) < 0).all() and (np.diff(errors) > 0).all()


def test_a_disturbance_fades_to_the_level_of_its_surroundings():
    rng = np.random.default_rng(0)
    time = np.arange(4000)
    music = 0.01 * rng.normal(size=4000)
    disturbance = np.exp(-np.square((time - 2000) / 50)) * np.sin(2 * np.pi * 1500 / 8000 * time)
    mask = boxes([(1000, 2000, 0.22, 0.28)], 4000, GRID)
    restored = fading(music + disturbance, mask, sampling_rate=8000, grid=GRID)
    energies = [np.square(np.abs(stft(one, GRID)[mask])).sum() for one in (music, music + disturbance, restored)]
    assert energies[0] / 4 < energies[2] < 4 * energies[0] < 0.01 * energies[1]


def test_few_random_cells_are_told_by_their_neighbours():
    signal, _, _ = problem()
    mask = random_cells(0.05, NUM_SAMPLES, GRID, np.random.default_rng(0))
    cells = stft(signal, GRID)
    errors = [
        np.linalg.norm((stft(method(signal, mask, sampling_rate=8000, grid=GRID), GRID) - cells)[mask])
        for method in (fading, zeroing)
    ]
    assert errors[0] < 0.6 * errors[1]


def test_nothing_is_known_of_a_moment_without_a_known_cell():
    """In the middle of missing columns, where no known window reaches."""
    mask = np.zeros(GRID.shape(4000), bool)
    mask[:, 20:40] = True
    restored = fading(np.random.default_rng(0).normal(size=4000), mask, sampling_rate=8000, grid=GRID)
    middle = slice(22 * GRID.hop_length, 36 * GRID.hop_length)
    assert np.abs(restored[middle]).max() < 1e-3
