from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile as sf

from aidd.evaluation.protocols.conditions import Condition
from aidd.evaluation.protocols.protocol import Protocol, read_item
from aidd.evaluation.protocols.selection import evenly_spread_starts, random_starts, select_items
from aidd.masks.gaps import find_gaps


RATE = 8000


def protocol(**changes) -> Protocol:
    gaps = Condition("random_gaps", {"gap_seconds": 0.01, "coverage": 0.1, "min_distance_seconds": 0.001})
    values = {
        "name": "example",
        "version": 1,
        "description": "An example.",
        "source": "nowhere",
        "segment_seconds": 0.5,
        "segments_per_recording": 3,
        "segments": None,
        "selection": "random",
        "min_rms": 0.001,
        "sampling_rate": None,
        "conditions": (Condition("centred_gap", {"gap_seconds": 0.05}), gaps),
    }
    return Protocol(**{**values, **changes})


TOTAL = {"segments_per_recording": None, "segments": 12}


@pytest.fixture
def recordings(tmp_path):
    """Five of 5 s."""
    paths = {f"some/{name}.wav": tmp_path / f"{name}.wav" for name in "abcde"}
    for number, path in enumerate(paths.values()):
        sf.write(path, 0.1 * np.random.default_rng(number).standard_normal((5 * RATE, 2)), RATE)
    return paths


@pytest.mark.parametrize("changes", [{}, TOTAL, {"selection": "evenly_spread"}])
def test_items_do_not_depend_on_the_order_of_files_or_on_where_they_lie(recordings, changes, tmp_path):
    selection = select_items(protocol(**changes), recordings, seed=0)
    assert selection == select_items(protocol(**changes), dict(reversed(recordings.items())), seed=0)
    (tmp_path / "elsewhere").mkdir()
    moved = {name: path.rename(tmp_path / "elsewhere" / path.name) for name, path in recordings.items()}
    assert selection == select_items(protocol(**changes), moved, seed=0)
    number = len({(item.recording, item.start) for item in selection.items})
    assert number == (changes.get("segments") or 15) and len(selection.items) == 2 * number
    assert len({item.key for item in selection.items}) == len(selection.items)


def test_seeds_change_what_is_drawn_and_nothing_else(recordings):
    first, second = (select_items(protocol(), recordings, seed=seed).items for seed in (0, 1))
    assert [item.start for item in first] != [item.start for item in second]
    spread = protocol(selection="evenly_spread")
    first, second = (select_items(spread, recordings, seed=seed).items for seed in (0, 1))
    for one, other in zip(first, second, strict=True):
        assert (one.recording, one.start, one.condition) == (other.recording, other.start, other.condition)
        assert one.seed != other.seed
        assert (one.gaps == other.gaps) == (one.condition.geometry == "centred_gap")


@pytest.mark.parametrize("selection", ["random", "evenly_spread"])
def test_other_recordings_and_conditions_change_nothing(recordings, selection):
    spread = protocol(selection=selection)
    items = select_items(spread, recordings, seed=0).items
    fewer = {name: path for name, path in recordings.items() if name != "some/c.wav"}
    assert select_items(spread, fewer, seed=0).items == [item for item in items if item.recording != "some/c.wav"]
    single = replace(spread, conditions=spread.conditions[1:])
    assert select_items(single, recordings, seed=0).items == items[1::2]


def test_a_total_is_shared_out_evenly_without_overlap(recordings):
    items = select_items(protocol(**TOTAL, conditions=protocol().conditions[:1]), recordings, seed=0).items
    assert sorted(Counter(item.recording for item in items).values()) == [2, 2, 2, 3, 3]
    for one, other in pairwise(items):
        assert one.recording < other.recording or one.start + one.num_samples <= other.start
    with pytest.raises(ValueError, match=r"example needs 51 segments of 0\.5 s, got 50 from 5 recordings"):
        select_items(protocol(segments_per_recording=None, segments=51), recordings, seed=0)


def test_another_recording_gives_what_one_cannot(recordings, tmp_path):
    sf.write(recordings["some/a.wav"], 0.1 * np.ones(round(0.6 * RATE)), RATE)
    selection = select_items(protocol(**TOTAL), recordings, seed=0)
    assert Counter(item.recording for item in selection.items)["some/a.wav"] == 2
    assert len(selection.items) == 24


def test_starts_are_random_within_the_recording_and_evenly_spread_ones_are_distinct():
    for num_samples in (1000, 1001, 1700, 1999):
        for seed in range(20):
            starts = sorted(random_starts(num_samples, 100, seed, "name"))
            assert len(starts) == num_samples // 100 and min(starts) >= 0 and max(starts) + 100 <= num_samples
            assert all(later - earlier == 100 for earlier, later in pairwise(starts))
    firsts = Counter(random_starts(1000, 100, seed, "name")[0] for seed in range(500))
    assert set(firsts) == set(range(0, 1000, 100)) and max(firsts.values()) < 100
    offsets = {min(random_starts(1004, 100, seed, "name")) for seed in range(100)}
    assert offsets == set(range(5))
    assert evenly_spread_starts(1000, 200, 3) == [200, 400, 600]
    assert evenly_spread_starts(202, 200, 8) == [0, 1]
    assert evenly_spread_starts(200, 200, 8) == [0]


def test_what_has_nothing_to_measure_is_left_out_and_counted(recordings):
    quiet = np.zeros(5 * RATE)
    # The segments lie at 9000, 18000 and 27000; 4000 samples each.
    quiet[9000:13_000] = 0.1
    quiet[10_700:11_300] = 0
    quiet[27_000:31_000] = 1e-5
    sf.write(recordings["some/a.wav"], quiet, RATE, subtype="FLOAT")
    sf.write(recordings["some/b.wav"], np.ones(100), RATE)
    two = {name: recordings[name] for name in ("some/a.wav", "some/b.wav")}
    conditions = tuple(Condition("centred_gap", {"gap_seconds": seconds}) for seconds in (0.05, 0.1))
    selection = select_items(protocol(selection="evenly_spread", conditions=conditions), two, seed=0)
    (item,) = selection.items
    assert item.start == 9000 and item.condition.parameters == {"gap_seconds": 0.1}
    assert selection.left_out == {"short recordings": 1, "quiet segments": 2, "silent gaps": 1}
    with pytest.raises(ValueError, match=r"needs some segments of 0\.5 s, got 0 from 1 recordings \(left out: .*1"):
        select_items(protocol(), {"some/b.wav": recordings["some/b.wav"]}, seed=0)


def test_items_hold_the_masks_of_their_conditions_at_the_protocols_rate(recordings):
    clipped = Condition("clipped", {"level_db": 3})
    at_rate = protocol(sampling_rate=12_000, conditions=(*protocol().conditions, clipped))
    for item in select_items(at_rate, recordings, seed=0).items:
        segment, mask = read_item(item, recordings)
        assert item.sampling_rate == 12_000 and len(segment) == item.num_samples == 6000
        assert np.array_equal(mask, item.condition.mask(segment, 12_000, item.seed))
        assert find_gaps(mask).tolist() == item.gaps
        assert all(type(edge) is int for gap in item.gaps for edge in gap)


def test_recordings_that_would_count_twice_are_refused(recordings, tmp_path):
    copy = tmp_path / "copy.wav"
    copy.write_bytes(recordings["some/b.wav"].read_bytes())
    with pytest.raises(ValueError, match=r"got the same file as other/z\.wav and as some/b\.wav"):
        select_items(protocol(), {**recordings, "other/z.wav": copy}, seed=0)


def test_samples_that_are_not_finite_are_refused_by_name(tmp_path):
    samples = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    samples[RATE // 2] = np.inf
    sf.write(tmp_path / "a.wav", samples, RATE, subtype="DOUBLE")
    changes = {"selection": "evenly_spread", "segments_per_recording": 1}
    with pytest.raises(ValueError, match=r"a\.wav: expected finite samples, got 1 others"):
        select_items(protocol(**changes), {"some/a.wav": tmp_path / "a.wav"}, seed=0)
