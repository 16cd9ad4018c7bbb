import numpy as np
import pytest

from aidd.splice.ranking import agreement_risk


RATE = 16_000


@pytest.mark.parametrize("num_samples", [1, 100, 5000])
def test_equal_fillings_have_no_risk(num_samples):
    filling = np.random.default_rng(0).normal(size=num_samples)
    assert np.array_equal(agreement_risk(np.stack([filling, filling, -filling]), sampling_rate=RATE), np.zeros(3))
    assert np.array_equal(agreement_risk(filling[None], sampling_rate=RATE), np.zeros(1))


def test_the_risk_is_the_mean_distance_to_the_others_by_enumeration():
    fillings = np.random.default_rng(0).normal(size=(4, 3000)) * np.array([1, 2, 1, 10])[:, None]
    # The loudest band sets the floor, and is in every pair.
    pairs = [
        [agreement_risk(np.stack([one, other, fillings[3]]), sampling_rate=RATE) for other in fillings]
        for one in fillings[:3]
    ]
    risks = agreement_risk(fillings, sampling_rate=RATE)
    # The risks of three fillings a, b, c add up to the sum of the three distances, and 2 r_a = d_ab + d_ac.
    distance = {}
    for a in range(3):
        for b in range(3):
            r_a, r_b, r_c = pairs[a][b]
            distance[a, b], distance[a, 3] = r_a + r_b - r_c, r_a + r_c - r_b
    for a in range(3):
        expected = (sum(distance[a, b] for b in range(3) if b != a) + distance[a, 3]) / 3
        assert risks[a] == pytest.approx(expected)
    assert risks.argmax() == 3


def test_the_one_in_the_middle_is_chosen_whatever_the_order_and_the_level():
    rng = np.random.default_rng(0)
    gains = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    fillings = gains[:, None] * rng.normal(size=(5, 8000))
    for order in (np.arange(5), rng.permutation(5)):
        for level in (1, 1e-3):
            assert order[agreement_risk(level * fillings[order], sampling_rate=RATE).argmin()] == 2


def test_silence_among_fillings_is_finite_and_furthest():
    fillings = np.random.default_rng(0).normal(size=(3, 4000))
    fillings[1] = 0
    risks = agreement_risk(fillings, sampling_rate=RATE)
    assert np.isfinite(risks).all() and risks.argmax() == 1
    assert np.array_equal(agreement_risk(np.zeros((3, 4000)), sampling_rate=RATE), np.zeros(3))
