import numpy as np
import pytest

from aidd.evaluation.metrics import unchanged_outside


REFERENCE = np.linspace(-1, 1, 12, dtype=np.float32)
MASK = np.arange(12) % 6 < 2


def test_it_is_one_exactly_where_the_intact_samples_are_the_references():
    assert unchanged_outside(REFERENCE, REFERENCE, MASK) == 1
    assert unchanged_outside(REFERENCE, np.where(MASK, 9, REFERENCE), MASK) == 1
    assert unchanged_outside(REFERENCE, REFERENCE.astype(np.float64), MASK) == 1


def test_the_smallest_change_of_one_intact_sample_is_seen():
    for place in np.flatnonzero(~MASK):
        estimate = REFERENCE.copy()
        estimate[place] = np.nextafter(estimate[place], np.float32(2))
        assert unchanged_outside(REFERENCE, estimate, MASK) == 7 / 8


def test_channels_and_their_masks_are_pooled():
    reference, masks = np.stack([REFERENCE] * 2), np.stack([MASK, MASK & False])
    estimate = np.stack([REFERENCE + ~MASK, REFERENCE])
    assert unchanged_outside(reference, estimate, MASK) == 1 / 2
    assert unchanged_outside(reference, estimate, masks) == 12 / 20


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        unchanged_outside(REFERENCE, REFERENCE[1:], MASK)
    with pytest.raises(ValueError, match="must be finite"):
        unchanged_outside(REFERENCE, np.full(12, np.nan), MASK)
    with pytest.raises(ValueError, match="mask is empty"):
        unchanged_outside(REFERENCE, REFERENCE, MASK & False)
    with pytest.raises(ValueError, match="no intact sample"):
        unchanged_outside(REFERENCE, REFERENCE, MASK | True)
