import platform
import random
import sys

import pytest
import torch

from aidd.signals.seeds import seed_of


def test_recorded_runs_keep_their_seeds():
    assert seed_of(0, 0) == 765232833172254823
    assert seed_of(1, 2) == 5673316911369133891
    assert seed_of(0, 4) == 1773351652666409796


@pytest.mark.skipif(
    platform.python_implementation() != "CPython" or sys.maxsize < 2**63 - 1, reason="another hash of tuples"
)
def test_seeds_are_those_that_hash_gave():
    draw = random.Random(0)
    numbers = [
        0,
        1,
        -1,
        -2,
        2**61 - 2,
        2**61 - 1,
        2**61,
        -(2**61),
        2**70,
        *(draw.randrange(-(2**80), 2**80) for _ in range(50)),
    ]
    for _ in range(500):
        integers = tuple(draw.choice(numbers) for _ in range(draw.randrange(1, 4)))
        assert seed_of(*integers) == hash(integers) % 2**63, integers


def test_seeds_are_what_generators_take_and_differ():
    seeds = {seed_of(seed, index) for seed in range(30) for index in range(100)}
    assert len(seeds) == 3000 and all(0 <= seed < 2**63 for seed in seeds)
    assert torch.Generator().manual_seed(max(seeds)).initial_seed() == max(seeds)
