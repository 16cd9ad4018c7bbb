import numpy as np
import pytest
from scipy.linalg import sqrtm

from aidd.evaluation.metrics import frechet_audio_distance


def draws(num: int, dims: int = 5, seed: int = 0, offset: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return offset + generator.normal(size=(num, dims)) @ generator.normal(size=(dims, dims))


def test_of_one_dimension_it_is_the_difference_of_mean_and_of_spread():
    x, y = draws(9, 1), draws(6, 1, seed=1, offset=2)
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_audio_distance(x, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sizes", [(50, 40), (200, 9)])
def test_against_the_root_of_the_matrix_product(sizes):
    x, y = draws(sizes[0], 8), draws(sizes[1], 8, seed=1, offset=0.3)
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    trace = np.trace(cov_x + cov_y - 2 * sqrtm(cov_x @ cov_y).real)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + trace
    assert frechet_audio_distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_it_is_exact_for_fewer_embeddings_than_dims():
    # Two points each, along orthogonal axes: rank 1, and no overlap. Variances 2 and 8, means (1, 0) and (0, 2) apart.
    x, y = np.zeros((2, 300)), np.zeros((2, 300))
    x[1, 0], y[1, 7] = 2, 4
    assert frechet_audio_distance(x, y) == pytest.approx(1 + 4 + 2 + 8, rel=1e-12)
    # Along one axis: the spreads' difference.
    y = np.roll(y, -7, axis=1)
    assert frechet_audio_distance(x, y) == pytest.approx(1 + (np.sqrt(8) - np.sqrt(2)) ** 2, rel=1e-12)


def test_added_dims_that_hold_nothing_change_nothing():
    x, y = draws(6, 4), draws(5, 4, seed=1)
    wide = [np.concatenate([s, np.full((len(s), 50), 3.0)], axis=1) for s in (x, y)]
    assert frechet_audio_distance(*wide) == pytest.approx(frechet_audio_distance(x, y), rel=1e-9)


def test_of_equal_sets_is_zero_of_a_shift_its_square_and_it_is_symmetric():
    x, y = draws(20), draws(30, seed=1)
    assert 0 <= frechet_audio_distance(x, x[::-1]) < 1e-9
    assert frechet_audio_distance(x, x + 3) == pytest.approx(5 * 9, rel=1e-9)
    assert frechet_audio_distance(x, 2 * x - x.mean(0)) == pytest.approx(np.trace(np.cov(x.T)), rel=1e-9)
    assert frechet_audio_distance(x, y) == pytest.approx(frechet_audio_distance(y, x), rel=1e-9)
    turn = np.linalg.qr(draws(5))[0]
    assert frechet_audio_distance(3 * x @ turn, 3 * y @ turn) == pytest.approx(
        9 * frechet_audio_distance(x, y), rel=1e-9
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="n at least 2"):
        frechet_audio_distance(draws(4), draws(1))
    with pytest.raises(ValueError, match="one dims, got 5 and 4"):
        frechet_audio_distance(draws(4), draws(4, 4))
    with pytest.raises(ValueError, match="reference must be finite"):
        frechet_audio_distance(np.full((3, 5), np.inf), draws(4))
