import numpy as np
import pytest

from aidd.evaluation.metrics import kernel_audio_distance, paired_kernel_audio_distance


def draws(num: int, dims: int = 5, seed: int = 0, offset: float = 0.0) -> np.ndarray:
    return offset + np.random.default_rng(seed).normal(size=(num, dims))


def test_against_two_points_each_worked_out_by_hand():
    # In the reference 2 apart, so the bandwidth is 2 and k = exp(-d^2 / 8); estimates 1 apart, at 3 and 4.
    reference, estimate = [[0.0], [2.0]], [[3.0], [4.0]]
    between = np.mean([np.exp(-(d**2) / 8) for d in (3, 4, 1, 2)])
    expected = np.exp(-4 / 8) + np.exp(-1 / 8) - 2 * between
    assert kernel_audio_distance(reference, estimate, scale=1) == pytest.approx(expected, rel=1e-12)


def test_against_sums_over_all_pairs():
    x, y = draws(6), draws(4, seed=1, offset=0.5)

    def kernel(a, b) -> float:
        return np.exp(-np.sum((a - b) ** 2) / (2 * 1.7**2))

    within = [
        sum(kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j) / (len(s) * (len(s) - 1))
        for s in (x, y)
    ]
    expected = 100 * (sum(within) - 2 * np.mean([[kernel(a, b) for b in y] for a in x]))
    assert kernel_audio_distance(x, y, bandwidth=1.7) == pytest.approx(expected, rel=1e-12)


def test_the_bandwidth_is_the_references_lower_median():
    # Distances 1, 2, 3, 3, 5, 6: the two in the middle are both 3. Of three points 1, 2 and 3; then 0, 1, 1, 4, 5, 5.
    four = np.array([[0.0], [1.0], [3.0], [6.0]])
    estimate = draws(5, 1)
    for reference, median in ((four, 3), (four[:3], 2), (np.array([[0.0], [0.0], [1.0], [5.0]]), 1)):
        expected = kernel_audio_distance(reference, estimate, bandwidth=median)
        assert kernel_audio_distance(reference, estimate) == expected
    assert kernel_audio_distance(four, estimate) != kernel_audio_distance(estimate, four)


def test_it_is_unbiased_for_few_and_for_unequal_numbers():
    generator = np.random.default_rng(0)
    values = [
        kernel_audio_distance(generator.normal(size=(8, 3)), generator.normal(size=(5, 3)), bandwidth=2)
        for _ in range(2000)
    ]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error < 1 and np.min(values) < 0


def test_of_a_set_with_itself_it_is_as_negative_as_its_pairs_with_themselves_make_it():
    x = draws(12)
    value = kernel_audio_distance(x, x, bandwidth=2, scale=1)
    within = np.mean([np.exp(-np.sum((a - b) ** 2) / 8) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    assert value == pytest.approx(-2 * (1 - within) / 12, rel=1e-9)


def test_it_grows_with_the_distance_up_to_its_limit():
    reference = draws(40)
    values = [kernel_audio_distance(reference, draws(40, seed=1, offset=o)) for o in (0, 1, 2, 4, 1e6)]
    assert values == sorted(values)
    # Nothing of one set is near the other: what is left are the means within the sets.
    assert values[-1] == pytest.approx(kernel_audio_distance(reference, draws(40, seed=1, offset=1e3)), abs=1e-6)
    assert 0 < values[-1] < 200


def test_shifts_turns_scales_and_orders_of_both_do_not_matter():
    x, y = draws(9), draws(7, seed=1, offset=1)
    value = kernel_audio_distance(x, y)
    turn = np.linalg.qr(draws(5))[0]
    assert kernel_audio_distance(3 + 1e3 * x @ turn, 3 + 1e3 * y @ turn) == pytest.approx(value, rel=1e-9)
    assert kernel_audio_distance(x[::-1], y[::-1]) == pytest.approx(value, rel=1e-12)
    assert kernel_audio_distance(x, y, scale=1000) == pytest.approx(10 * value, rel=1e-12)


def test_what_does_not_fit_is_refused():
    for bad in (draws(1), draws(4)[0], np.zeros((3, 0))):
        with pytest.raises(ValueError, match=r"must have shape \(n, dims\), n at least 2"):
            kernel_audio_distance(draws(4), bad)
        with pytest.raises(ValueError, match="reference must have shape"):
            kernel_audio_distance(bad, draws(4))
    with pytest.raises(ValueError, match="one dims, got 5 and 4"):
        kernel_audio_distance(draws(4), draws(4, 4))
    spoilt = draws(4)
    spoilt[2, 1] = np.nan
    with pytest.raises(ValueError, match="finite, got 1 embeddings"):
        kernel_audio_distance(draws(4), spoilt)
    with pytest.raises(ValueError, match="half of all pairs equal"):
        kernel_audio_distance(np.ones((4, 5)), draws(4))
    for bandwidth in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="bandwidth must be positive"):
            kernel_audio_distance(draws(4), draws(4), bandwidth=bandwidth)


def test_of_pairs_no_piece_is_compared_with_its_own():
    x, y = draws(6), draws(6, seed=1, offset=0.5)

    def kernel(a, b) -> float:
        return np.exp(-np.sum((a - b) ** 2) / (2 * 1.7**2))

    expected = 100 * np.mean(
        [
            kernel(x[i], x[j]) + kernel(y[i], y[j]) - 2 * kernel(x[i], y[j])
            for i in range(6)
            for j in range(6)
            if i != j
        ]
    )
    assert paired_kernel_audio_distance(x, y, bandwidth=1.7) == pytest.approx(expected, rel=1e-12)
    assert paired_kernel_audio_distance(x, x) == pytest.approx(0, abs=1e-10)
    with pytest.raises(ValueError, match="for each of 6 references, got 5"):
        paired_kernel_audio_distance(x, y[:5])
