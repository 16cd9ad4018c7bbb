import numpy as np
import pytest

from aidd.masks.gaps import find_gaps, mask_from_seconds, resample_mask, tokens_touched


def random_masks(seed, num_masks=50, max_samples=200):
    draw = np.random.default_rng(seed)
    for _ in range(num_masks):
        yield np.repeat(draw.random(draw.integers(1, 12)) < 0.5, draw.integers(1, max_samples // 12))


def test_gaps_rebuild_the_mask():
    for mask in random_masks(0):
        rebuilt = np.zeros_like(mask)
        gaps = find_gaps(mask)
        assert gaps.dtype == np.int64 and gaps.shape == (len(gaps), 2)
        for start, end in gaps:
            rebuilt[start:end] = True
            # Runs are as long as they can be.
            assert start == 0 or not mask[start - 1]
            assert end == len(mask) or not mask[end]
        assert np.array_equal(rebuilt, mask)


@pytest.mark.parametrize("sampling_rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_seconds_of_samples_give_these_samples(sampling_rate):
    num_samples = 20 * sampling_rate
    draw = np.random.default_rng(sampling_rate)
    starts = draw.integers(0, num_samples - 1, 50)
    ends = np.minimum(starts + draw.integers(1, 1000, 50), num_samples)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        mask = mask_from_seconds(
            start / sampling_rate, end / sampling_rate, num_samples=num_samples, sampling_rate=sampling_rate
        )
        assert mask[start:end].all() and mask.sum() == end - start


@pytest.mark.parametrize(
    ("start", "end", "gap"),
    [
        (3.2, 4.1, (141_120, 180_810)),
        (0.1, 0.3, (4_410, 13_230)),
        (np.float32(3.2), np.float32(4.1), (141_120, 180_810)),
        (0, 1, (0, 44_100)),
        (1e-5, 2e-5, (0, 1)),
        (1.00001, 1.00002, (44_100, 44_101)),
        (4.2, 5, (185_220, 220_500)),
    ],
)
def test_seconds_are_decimals_and_round_outwards(start, end, gap):
    mask = mask_from_seconds(start, end, num_samples=220_500, sampling_rate=44_100)
    assert find_gaps(mask).tolist() == [list(gap)]


def test_gaps_in_seconds_unite():
    mask = mask_from_seconds([0.0, 0.3, 0.4], [0.1, 0.5, 0.7], num_samples=100, sampling_rate=100)
    assert find_gaps(mask).tolist() == [[0, 10], [30, 70]]


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(44_100, 24_000), (24_000, 44_100), (3, 7), (7, 3), (5, 5), (1, 4)]
)
def test_resampled_mask_is_what_touches(from_rate, to_rate):
    for mask in random_masks(1):
        resampled = resample_mask(mask, from_rate=from_rate, to_rate=to_rate)
        # Sample m lasts from m / rate to (m + 1) / rate; in units of 1 / (from_rate * to_rate) all is integer.
        position = np.arange(len(resampled))[:, None] * from_rate
        other = np.flatnonzero(mask)[None] * to_rate
        touches = (position < other + to_rate) & (other < position + from_rate)
        assert len(resampled) == -(-len(mask) * to_rate // from_rate)
        assert np.array_equal(resampled, touches.any(1))


def test_resampling_there_and_back_covers_the_gaps():
    for mask in random_masks(2):
        there = resample_mask(mask, from_rate=44_100, to_rate=24_000)
        back = resample_mask(there, from_rate=24_000, to_rate=44_100)[: len(mask)]
        assert (back | ~mask).all()


@pytest.mark.parametrize("guard", [0, 1, 3])
@pytest.mark.parametrize("hop_length", [1, 4, 7])
def test_tokens_touched_by_enumeration(hop_length, guard):
    for mask in random_masks(3):
        num_tokens = -(-len(mask) // hop_length)
        touched = [mask[token * hop_length : (token + 1) * hop_length].any() for token in range(num_tokens)]
        expected = [any(touched[max(token - guard, 0) : token + guard + 1]) for token in range(num_tokens)]
        assert tokens_touched(mask, hop_length, guard).tolist() == expected


MASK = np.arange(100) < 10

# What is wrong, the call, and what the message must say.
BAD_INPUTS = [
    ("gap starts behind its end", lambda: seconds(0.5, 0.4), "start must be before the end"),
    ("gap is empty", lambda: seconds(0.5, 0.5), "start must be before the end"),
    ("gap is less than nothing", lambda: seconds(0.5, 0.500000000001), "shorter than a millionth of a sample"),
    ("gap starts before the signal", lambda: seconds(-0.1, 0.5), "must not be negative"),
    ("gap ends after the signal", lambda: seconds(0.5, 1.01), "after the signal, which is 1.000000 s long"),
    ("gap starts at NaN", lambda: seconds(float("nan"), 0.5), "must be finite"),
    ("gap ends at infinity", lambda: seconds(0.5, float("inf")), "must be finite"),
    ("gap is words", lambda: seconds("0.1", "0.5"), "must be seconds, a number or a sequence"),
    ("gap has no end", lambda: seconds(0.1, None), "must be seconds, a number or a sequence"),
    ("more starts than ends", lambda: seconds([0.1, 0.3], [0.2]), "as many gap starts as ends.*got 2 and 1"),
    ("no gap in seconds", lambda: seconds([], []), "at least one, got 0 and 0"),
    ("gaps of a mask of channels", lambda: find_gaps(np.stack([MASK, MASK])), r"got bool of shape \(2, 100\)"),
    ("gaps of a number mask", lambda: find_gaps(MASK.astype(float)), "got float64"),
    ("tokens of no samples", lambda: tokens_touched(MASK, 0), "hop_length of at least 1"),
    ("negative guard", lambda: tokens_touched(MASK, 4, -1), "guard of at least 0"),
]


def seconds(starts, ends):
    return mask_from_seconds(starts, ends, num_samples=100, sampling_rate=100)


@pytest.mark.parametrize(("call", "message"), [pytest.param(*case[1:], id=case[0]) for case in BAD_INPUTS])
def test_bad_input_is_refused_in_words(call, message, record_property):
    with pytest.raises(ValueError, match=message) as refusal:
        call()
    record_property("message", str(refusal.value))
