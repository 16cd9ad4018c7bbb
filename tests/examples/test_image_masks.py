import numpy as np
import pytest
from image_masks import MASK_FAMILIES


def draw(number=0):
    return np.random.default_rng(number)


@pytest.mark.parametrize("family", MASK_FAMILIES.values(), ids=MASK_FAMILIES)
@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 7), (32, 32), (17, 64)])
def test_something_is_missing_and_something_is_there(family, height, width):
    for number in range(20):
        mask = family(height, width, draw(number))
        assert mask.shape == (height, width) and mask.dtype == bool
        assert 0 < mask.sum() < mask.size
        assert np.array_equal(mask, family(height, width, draw(number)))


def test_shares_of_regular_masks():
    shares = {"half": 1 / 2, "expand": 15 / 16, "alternating_lines": 1 / 2, "super_resolution": 3 / 4}
    for name, share in shares.items():
        assert MASK_FAMILIES[name](32, 64, draw()).mean() == share


def test_regular_masks_are_where_they_are_said_to_be():
    masks = {name: family(8, 8, draw()) for name, family in MASK_FAMILIES.items()}
    assert masks["half"][:, 4:].all() and not masks["half"][:, :4].any()
    assert np.argwhere(~masks["expand"]).tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]
    assert masks["alternating_lines"][1::2].all() and not masks["alternating_lines"][::2].any()
    # Each missing pixel has one that is there beside it, or across the corner.
    known = np.pad(~masks["super_resolution"], 1)
    beside = sum(np.roll(known, shift, (0, 1)) for shift in np.ndindex(3, 3))[2:, 2:]
    assert (beside[masks["super_resolution"]] > 0).all()


def thickness(mask):
    """How often it can lose its border before nothing is left."""
    times = 0
    while mask.any():
        inside = np.pad(mask, 1)
        mask = mask & inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
        times += 1
    return times


def test_wide_strokes_are_wider_than_narrow_ones():
    wide, narrow = (
        [MASK_FAMILIES[name](128, 128, draw(number)) for number in range(20)]
        for name in ("wide_strokes", "narrow_strokes")
    )
    assert min(map(thickness, wide)) > np.median([thickness(mask) for mask in narrow])
    # No two alike, and none that the other family's strokes would cover as much of.
    assert len({mask.tobytes() for mask in wide + narrow}) == 40
