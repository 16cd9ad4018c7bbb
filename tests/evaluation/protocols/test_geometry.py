from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.stats import chi2

from aidd.evaluation.protocols.geometry import (
    GEOMETRIES,
    burst_losses,
    centred_gap,
    clipped,
    fixed_gaps,
    gap_at_onset,
    periodic_gaps,
    random_gaps,
    strongest_onset,
)
from aidd.masks.gaps import find_gaps


def is_uniform(counts: Counter, possible: int) -> bool:
    """Whether draws could be of that many equally likely things: chi-square, at 1 in 10,000."""
    expected = counts.total() / possible
    statistic = sum((count - expected) ** 2 for count in counts.values()) / expected
    statistic += (possible - len(counts)) * expected
    return statistic < chi2.isf(1e-4, possible - 1)


@pytest.mark.parametrize("rate", [24_000, 44_100, 44_101])
@pytest.mark.parametrize("gap_ms", [20, 50, 100, 150, 200, 300, 375, 750])
def test_a_centred_gap_is_what_it_was_in_milliseconds(rate, gap_ms):
    length = round(4.17 * rate)
    mask = centred_gap(length, rate, gap_seconds=gap_ms / 1000)
    assert mask.sum() == round(gap_ms / 1000 * rate)
    (start, end), before_and_behind = find_gaps(mask)[0], length - mask.sum()
    assert start == before_and_behind // 2 and length - end == -(-before_and_behind // 2)


def test_fixed_gaps_start_where_they_are_told_and_are_equally_long():
    mask = fixed_gaps(100_000, 24_000, start_seconds=[0.834, 1.668, 2.502, 3.336], gap_seconds=0.1)
    assert find_gaps(mask).tolist() == [
        [round(s * 24_000), round(s * 24_000) + 2400] for s in (0.834, 1.668, 2.502, 3.336)
    ]


@pytest.mark.parametrize("starts", [[0.2, 0.1], [0.1, 0.15], [0.1, 0.2], [0.0], [0.9], [-1.0], [2.0]])
def test_fixed_gaps_neither_touch_nor_stick_out(starts):
    with pytest.raises(ValueError, match="touch neither each other nor the ends of 1000 samples, got starts"):
        fixed_gaps(1000, 1000, start_seconds=starts, gap_seconds=0.1)


@pytest.mark.parametrize("coverage", [0.01, 0.1, 0.29, 0.5])
@pytest.mark.parametrize("gap_seconds", [0.003, 0.01, 0.015])
@pytest.mark.parametrize("num_samples", [10_000, 9999, 44_101])
def test_gaps_cover_their_share_to_a_sample_and_keep_their_distance(coverage, gap_seconds, num_samples):
    generator = np.random.default_rng(0)
    arguments = {"gap_seconds": gap_seconds, "coverage": coverage}
    masks = [periodic_gaps(num_samples, 10_000, **arguments)]
    masks += [
        random_gaps(num_samples, 10_000, **arguments, min_distance_seconds=0.002, generator=generator)
        for _ in range(3)
    ]
    for mask, distance in zip(masks, (1, 20, 20, 20), strict=True):
        gaps = find_gaps(mask)
        lengths = gaps[:, 1] - gaps[:, 0]
        assert 0 <= coverage * num_samples - mask.sum() < 1 + 1e-9
        assert lengths.max() - lengths.min() <= 1
        # No other number of gaps comes nearer.
        assert abs(len(gaps) * gap_seconds * 10_000 - mask.sum()) <= gap_seconds * 10_000 / 2
        assert not mask[0] and not mask[-1]
        intact = np.diff(np.concatenate([[0], gaps.ravel(), [num_samples]]))[::2]
        assert intact.min() >= distance


def test_gaps_are_as_long_as_told_where_the_coverage_is_a_multiple():
    mask = random_gaps(
        100_000,
        10_000,
        gap_seconds=0.05,
        coverage=0.2,
        min_distance_seconds=0,
        generator=np.random.default_rng(0),
    )
    assert {end - start for start, end in find_gaps(mask).tolist()} == {500}


@pytest.mark.parametrize(
    ("number", "length", "distance", "num_samples"), [(1, 3, 1, 30), (2, 3, 2, 20), (3, 1, 1, 10)]
)
def test_every_placement_of_random_gaps_is_as_likely(number, length, distance, num_samples):
    def keeps_distance(starts) -> bool:
        edges = np.array([0, *(edge for start in starts for edge in (start, start + length)), num_samples])
        return np.diff(edges)[::2].min() >= distance

    possible = [starts for starts in combinations(range(num_samples), number) if keeps_distance(starts)]
    generator = np.random.default_rng(0)
    drawn = Counter()
    for _ in range(60 * len(possible)):
        mask = random_gaps(
            num_samples,
            1,
            gap_seconds=length,
            coverage=number * length / num_samples,
            min_distance_seconds=distance,
            generator=generator,
        )
        drawn[tuple(find_gaps(mask)[:, 0].tolist())] += 1
    assert set(drawn) <= set(possible)
    assert is_uniform(drawn, len(possible))


def test_which_of_the_random_gaps_are_longer_by_a_sample_is_random_too():
    generator = np.random.default_rng(0)
    arguments = {"gap_seconds": 2, "coverage": 0.25, "min_distance_seconds": 1, "generator": generator}
    # 5 samples in 2 gaps.
    longer = Counter(int(np.diff(find_gaps(random_gaps(20, 1, **arguments))[0])[0] == 3) for _ in range(400))
    assert is_uniform(longer, 2)


def test_periodic_gaps_have_a_period():
    gaps = find_gaps(periodic_gaps(10_000, 1000, gap_seconds=0.1, coverage=0.2))
    assert gaps.mean(1).tolist() == [250 + 500 * i for i in range(20)]
    single = periodic_gaps(10_001, 1000, gap_seconds=0.5, coverage=0.05)
    assert np.array_equal(single, centred_gap(10_001, 1000, gap_seconds=0.5))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"coverage": 0}, r"coverage must be a share within \(0, 1\), got 0"),
        ({"coverage": 50}, "got 50"),
        ({"coverage": 0.01}, "a coverage of 0.01 is 0.01 s, expected about 0.1 s, one gap, or more"),
        ({"gap_seconds": 0.0001}, "at least one sample long, got 0.0001 s at 1000 Hz"),
        ({"gap_seconds": float("nan")}, "got nan s"),
        ({"min_distance_seconds": -1}, "min_distance_seconds must be at least 0, got -1"),
        ({"min_distance_seconds": 0.2, "coverage": 0.5}, "need 700 samples more than the 1000 there are"),
    ],
)
def test_random_gaps_say_what_they_expect(change, match):
    arguments = {"gap_seconds": 0.1, "coverage": 0.1, "min_distance_seconds": 0, **change}
    with pytest.raises(ValueError, match=match):
        random_gaps(1000, 1000, **arguments, generator=np.random.default_rng(0))


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_onsets_are_found_where_notes_begin(rate):
    time = np.arange(2 * rate) / rate
    audio = 1e-4 * np.random.default_rng(0).standard_normal(len(time))
    for start, frequency, level in ((0.0, 220, 0.3), (0.7, 330, 0.1), (1.2, 440, 0.4), (1.9, 550, 0.9)):
        audio += level * np.sin(2 * np.pi * frequency * (time - start)) * np.exp(-3 * (time - start)) * (time >= start)
    # The loudest note begins too near to the end.
    assert strongest_onset(audio, rate, margin=rate // 4) == pytest.approx(1.2 * rate, abs=0.008 * rate)
    onset = strongest_onset(audio, rate, margin=round(0.25 * rate) + 1)
    for position in (0, 0.25, 1):
        ((start, end),) = find_gaps(gap_at_onset(audio, rate, gap_seconds=0.25, position=position))
        assert end - start == round(0.25 * rate)
        assert onset - start == round(position * (end - start))
    assert strongest_onset(3 * audio, rate, margin=100) == strongest_onset(audio, rate, margin=100)


@pytest.mark.parametrize("position", [0, 1])
def test_gaps_at_onsets_keep_off_the_ends(position):
    for start in (0, 10, 490, 499):
        audio = np.zeros(500)
        audio[start:] = np.random.default_rng(0).standard_normal(500 - start)
        mask = gap_at_onset(audio, 1000, gap_seconds=0.1, position=position)
        assert mask.sum() == 100 and not mask[0] and not mask[-1]


def test_onsets_need_room_and_positions_are_shares():
    with pytest.raises(ValueError, match="200 samples are too few for an onset 101 samples or more from the ends"):
        gap_at_onset(np.ones(200), 1000, gap_seconds=0.1, position=0)
    with pytest.raises(ValueError, match=r"position must be within \[0, 1\], got 2"):
        gap_at_onset(np.ones(500), 1000, gap_seconds=0.1, position=2)


def runs_of(mask, length):
    """Lengths of the runs of lost packets."""
    lost = mask[: len(mask) // length * length].reshape(-1, length)
    assert np.array_equal(lost.any(1), lost.all(1))
    edges = np.flatnonzero(np.diff(np.pad(lost.all(1).astype(int), 1)))
    return edges[1::2] - edges[::2]


@pytest.mark.parametrize("loss_rate, mean_burst", [(0.05, 1.0), (0.1, 3.0), (0.2, 5.0)])
def test_packets_are_lost_as_often_and_in_bursts_as_long_as_told(loss_rate, mean_burst):
    generator = np.random.default_rng(0)
    mask = burst_losses(
        2_000_000,
        1000,
        packet_seconds=0.02,
        loss_rate=loss_rate,
        mean_burst=mean_burst,
        longest_burst=10_000,
        generator=generator,
    )
    runs = runs_of(mask, 20)
    assert mask.mean() == pytest.approx(loss_rate, rel=0.05) and runs.mean() == pytest.approx(mean_burst, rel=0.05)
    # Gilbert's bursts are geometric: each packet of a burst is the last with the same probability.
    expected = [mean_burst**-1 * (1 - mean_burst**-1) ** k for k in range(3)]
    np.testing.assert_allclose([np.mean(runs == k + 1) for k in range(3)], expected, atol=0.02)


def test_bursts_are_cut_off_and_keep_off_the_ends():
    for seed in range(200):
        mask = burst_losses(
            1000,
            1000,
            packet_seconds=0.02,
            loss_rate=0.4,
            mean_burst=8.0,
            longest_burst=3,
            generator=np.random.default_rng(seed),
        )
        assert mask.any() and not mask[:20].any() and not mask[980:].any() and runs_of(mask, 20).max() <= 3


@pytest.mark.parametrize(
    "change, match",
    [
        ({"packet_seconds": 0.5}, "three packets"),
        ({"mean_burst": 0.5}, "1 packet long or more"),
        ({"longest_burst": 0}, "1 packet long or more"),
        ({"loss_rate": 1.0}, "cannot lose a share"),
        ({"loss_rate": 0.9, "mean_burst": 1.0}, "cannot lose a share"),
        ({"loss_rate": 1e-9}, "no packet of 50 was lost"),
    ],
)
def test_losses_that_cannot_be_are_refused(change, match):
    parameters = {"packet_seconds": 0.02, "loss_rate": 0.1, "mean_burst": 2.0, "longest_burst": 20} | change
    with pytest.raises(ValueError, match=match):
        burst_losses(1000, 1000, **parameters, generator=np.random.default_rng(0))


def test_clipping_takes_what_is_beyond_its_level():
    audio = np.array([0.0, 0.49, -0.51, 1.0, -0.9, 0.5])
    assert np.array_equal(clipped(audio, 1000, level_db=20 * np.log10(2)), np.abs(audio) > 0.5)
    noise = np.random.default_rng(0).standard_normal(1000)
    masks = [clipped(noise, 1000, level_db=level) for level in (1, 3, 6, 12)]
    for fewer, more in pairwise(masks):
        assert (more | fewer).sum() == more.sum() > fewer.sum() > 0
    assert np.array_equal(clipped(-0.01 * noise, 1000, level_db=6), masks[2])
    assert not clipped(np.zeros(10), 1000, level_db=6).any()
    with pytest.raises(ValueError, match="level_db must be above 0, in dB below the peak, got -3"):
        clipped(noise, 1000, level_db=-3)


def test_geometries_go_by_their_names():
    assert all(function.__name__ == name for name, function in GEOMETRIES.items())
    assert set(GEOMETRIES) == {
        *("centred_gap", "fixed_gaps", "periodic_gaps", "random_gaps", "gap_at_onset", "burst_losses", "clipped")
    }
