import numpy as np
import pytest

from aidd.splice.ranking import edge_distance


RATE = 16_000


@pytest.mark.parametrize("num_samples", [1, 100, 5000])
def test_the_continuation_itself_has_no_distance(num_samples):
    continuation = np.random.default_rng(0).normal(size=num_samples)
    assert edge_distance(continuation, continuation, np.ones(num_samples), sampling_rate=RATE) == 0


def test_the_distance_grows_with_the_level_and_is_blind_to_phase():
    rng = np.random.default_rng(0)
    continuation, other = rng.normal(size=(2, 8000))
    weight = np.ones(8000)
    distances = [edge_distance(gain * continuation, continuation, weight, sampling_rate=RATE) for gain in (1, 2, 4)]
    assert distances[0] < distances[1] < distances[2]
    assert edge_distance(-continuation, continuation, weight, sampling_rate=RATE) == 0
    assert edge_distance(other, continuation, weight, sampling_rate=RATE) < distances[2]


def test_what_the_continuation_does_not_know_does_not_count():
    continuation, other = np.random.default_rng(0).normal(size=(2, 8000))
    weight = (np.arange(8000) < 2000).astype(float)
    generated = np.where(np.arange(8000) < 4000, continuation, 10 * other)
    assert edge_distance(generated, continuation, weight, sampling_rate=RATE) == 0
    assert edge_distance(generated, continuation, 1 - weight, sampling_rate=RATE) > 0.1
    assert edge_distance(generated, continuation, np.zeros(8000), sampling_rate=RATE) == 0
