"""Intervals say what masks say."""

import numpy as np
import pytest

from aidd.masks.gaps import gaps_of, mask_of, num_missing, num_shared, touching, unite


@pytest.fixture
def masks():
    draw = np.random.default_rng(0)
    return [np.repeat(draw.random(40) < share, draw.integers(1, 9, 40)) for share in (0.0, 0.1, 0.5, 0.9, 1.0)]


def test_masks_and_intervals_are_inverses(masks):
    for mask in masks:
        gaps = gaps_of(mask)
        assert gaps.dtype == np.int64 and gaps.shape[1] == 2
        assert np.array_equal(mask_of(gaps, 0, len(mask)), mask) and num_missing(gaps) == mask.sum()
        for start, stop in ((0, 7), (13, 40), (40, 41), (50, 50)):
            assert np.array_equal(mask_of(gaps, start, stop), mask[start:stop])
        assert np.array_equal(unite([gaps_of(mask[:33]), gaps_of(mask[33:], 33)][::-1]), gaps)


def test_union_and_intersection_are_those_of_masks(masks):
    length = min(map(len, masks))
    for one in masks:
        for other in masks:
            one, other = one[:length], other[:length]
            gaps, others = gaps_of(one), gaps_of(other)
            assert np.array_equal(unite([gaps, others]), gaps_of(one | other))
            assert num_shared(gaps, others) == (one & other).sum()
    assert unite([]).shape == (0, 2)


def test_touching_gaps_are_those_that_share_a_sample():
    gaps = np.array([[0, 2], [5, 6], [9, 20]])
    assert touching(gaps, 2, 5).tolist() == []
    assert touching(gaps, 1, 6).tolist() == [[0, 2], [5, 6]]
    assert touching(gaps, 12, 13).tolist() == [[9, 20]]
