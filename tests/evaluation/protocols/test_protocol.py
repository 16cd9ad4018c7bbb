import json

import numpy as np
import pytest
import soundfile as sf

from aidd.evaluation.methods.names import shipped_protocols
from aidd.evaluation.protocols.conditions import Condition, expand_condition, geometry_parameters
from aidd.evaluation.protocols.geometry import GEOMETRIES, random_gaps
from aidd.evaluation.protocols.protocol import Item, Protocol, check_items, read_item
from aidd.masks.gaps import find_gaps
from aidd.signals.recordings import file_sha256


CONTENT = {
    "name": "example",
    "version": 1,
    "description": "An example.",
    "source": "nowhere",
    "segment_seconds": 2,
    "segments_per_recording": 3,
    "segments": None,
    "selection": "evenly_spread",
    "min_rms": 0.001,
    "sampling_rate": None,
    "conditions": [{"geometry": "centred_gap", "gap_seconds": [0.1, 0.2]}],
}


def load(tmp_path, **changes) -> Protocol:
    (tmp_path / "example.json").write_text(json.dumps({**CONTENT, **changes}))
    return Protocol.load(tmp_path / "example.json")


def test_lists_stand_for_a_condition_each_and_several_for_their_product():
    conditions = expand_condition({"geometry": "periodic_gaps", "coverage": [0.1, 0.2], "gap_seconds": [0.01, 0.02]})
    assert [condition.label for condition in conditions] == [
        "periodic_gaps coverage=0.1 gap_seconds=0.01",
        "periodic_gaps coverage=0.1 gap_seconds=0.02",
        "periodic_gaps coverage=0.2 gap_seconds=0.01",
        "periodic_gaps coverage=0.2 gap_seconds=0.02",
    ]
    starts = {"geometry": "fixed_gaps", "gap_seconds": 1}
    (one,) = expand_condition({**starts, "start_seconds": [1, 3]})
    assert one.parameters == {"gap_seconds": 1.0, "start_seconds": [1.0, 3.0]}
    assert one.label == "fixed_gaps gap_seconds=1 start_seconds=1,3"
    two = expand_condition({**starts, "start_seconds": [[1, 3], [2]]})
    assert [condition.parameters["start_seconds"] for condition in two] == [[1.0, 3.0], [2.0]]


def test_conditions_are_masks_of_their_geometry():
    audio = np.random.default_rng(0).standard_normal(8000)
    condition = Condition("random_gaps", {"gap_seconds": 0.01, "coverage": 0.1, "min_distance_seconds": 0})
    generator = np.random.default_rng(5)
    expected = random_gaps(8000, 8000, **condition.parameters, generator=generator)
    assert np.array_equal(condition.mask(audio, 8000, seed=5), expected)
    assert not np.array_equal(condition.mask(audio, 8000, seed=6), expected)
    clipping = Condition("clipped", {"level_db": 6}).mask(audio, 8000, seed=0)
    assert np.array_equal(clipping, np.abs(audio) > np.abs(audio).max() * 10 ** (-6 / 20))


@pytest.mark.parametrize(
    ("geometry", "parameters", "match"),
    [
        ("hole", {}, "geometry must be one of centred_gap, fixed_gaps, .*, got 'hole'"),
        ("centred_gap", {}, r"centred_gap has the parameters \['gap_seconds'\], got \[\]"),
        ("centred_gap", {"gap_seconds": 1, "level_db": 3}, r"got \['gap_seconds', 'level_db'\]"),
        ("centred_gap", {"gap_seconds": "1"}, "gap_seconds must be a number, got '1'"),
        ("centred_gap", {"gap_seconds": True}, "gap_seconds must be a number, got True"),
        ("centred_gap", {"gap_seconds": float("inf")}, "gap_seconds must be a number, got inf"),
        ("fixed_gaps", {"gap_seconds": 1, "start_seconds": 1}, "start_seconds must be a list of numbers, got 1"),
    ],
)
def test_conditions_say_what_they_expect(geometry, parameters, match):
    with pytest.raises(ValueError, match=match):
        Condition(geometry, parameters)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"version": 0}, "version must be an integer from 1 on, got 0"),
        ({"version": "1"}, "version must be an integer from 1 on, got '1'"),
        ({"description": ""}, "description must be a text, got ''"),
        ({"segment_seconds": 0}, "segment_seconds must be a number above 0, at most 3600, got 0"),
        ({"min_rms": None}, "min_rms must be a number, at least 0, got None"),
        ({"sampling_rate": 44.1}, "sampling_rate must be an integer from 1 on, or null, got 44.1"),
        ({"segments": True}, "segments must be an integer from 1 on, or null, got True"),
        ({"selection": "all"}, "selection must be one of evenly_spread, random, got 'all'"),
        ({"segments_per_recording": None}, "one of segments_per_recording, segments is needed, got"),
        ({"segments": 4}, "one of segments_per_recording, segments is needed, got"),
        ({"segments_per_recording": None, "segments": 4}, "segments needs selection random, got 'evenly_spread'"),
        ({"conditions": {}}, r"conditions must be a list of objects that have a geometry, got \{\}"),
        ({"conditions": [{"gap_seconds": 1}]}, "conditions must be a list of objects that have a geometry, got"),
        ({"conditions": []}, r"conditions must be some, none of them twice, got \[\]"),
        ({"conditions": 2 * CONTENT["conditions"]}, "none of them twice, got .*gap_seconds=0.1"),
        ({"conditions": [{"geometry": "centred_gap", "gap_seconds": 3}]}, "centred_gap gap_seconds=3: expected gaps"),
        ({"conditions": [{"geometry": "clipped", "level_db": -1}]}, "clipped level_db=-1: level_db must be above 0"),
        ({"gaps": 3}, r"a protocol has the fields \['name', .*\], got \['conditions', .*'gaps'"),
    ],
)
def test_files_that_hold_no_protocol_are_refused_by_name(tmp_path, changes, match):
    with pytest.raises(ValueError, match=rf"(?s)example\.json: .*{match}"):
        load(tmp_path, **changes)


def test_what_is_no_protocol_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"or one of .*one_gap.*, got no_gap"):
        Protocol.load("no_gap")
    with pytest.raises(ValueError, match=r"no_gap\.json: no such file"):
        Protocol.load(tmp_path / "no_gap.json")
    for text, match in (
        ("[]", r"no_gap\.json: expected an object"),
        ("{", r"no_gap\.json: "),
        ("{}", "has the fields"),
    ):
        (tmp_path / "no_gap.json").write_text(text)
        with pytest.raises(ValueError, match=match):
            Protocol.load(tmp_path / "no_gap.json")


def test_dictionaries_and_protocols_are_inverse_and_digests_are_of_the_content(tmp_path):
    protocol = load(tmp_path)
    assert Protocol.from_dict(protocol.to_dict()) == protocol
    assert Protocol.from_dict(json.loads(json.dumps(protocol.to_dict()))).digest == protocol.digest
    spelled_out = [{"gap_seconds": gap, "geometry": "centred_gap"} for gap in (0.1, 0.2)]
    assert load(tmp_path, segment_seconds=2.0, conditions=spelled_out).digest == protocol.digest
    changes = [{"version": 2}, {"min_rms": 0}, {"segment_seconds": 2.5}, {"conditions": spelled_out[:1]}]
    assert len({protocol.digest, *(load(tmp_path, **change).digest for change in changes)}) == 5


@pytest.mark.parametrize("name", shipped_protocols())
def test_protocols_that_come_with_the_package_are_named_as_their_files(name):
    assert Protocol.load(name).name == name


def test_the_papers_protocols_are_what_the_paper_says():
    four = Protocol.load("musicnet_four_gap")
    assert (four.segment_seconds, four.segments) == (4.17, 60)
    assert [c.parameters["gap_seconds"] for c in four.conditions] == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    for condition in four.conditions:
        mask = condition.mask(np.ones(round(4.17 * 44_100)), 44_100, seed=0)
        assert find_gaps(mask)[:, 0].tolist() == [round(s * 44_100) for s in (0.834, 1.668, 2.502, 3.336)]
    assert [c.parameters["gap_seconds"] for c in Protocol.load("maestro_one_gap").conditions] == [0.375, 0.75]


def test_the_sweep_shows_geometries_of_music_and_gaps_as_long_as_they_are_called():
    sweep = Protocol.load("geometry_sweep")
    assert {condition.geometry for condition in sweep.conditions} == set(GEOMETRIES) - {"fixed_gaps", "burst_losses"}
    audio = np.random.default_rng(0).standard_normal(10 * 8000)
    coverages = set()
    for condition in sweep.conditions:
        mask = condition.mask(audio, 8000, seed=0)
        if condition.geometry in ("periodic_gaps", "random_gaps"):
            assert {end - start for start, end in find_gaps(mask).tolist()} == {
                round(condition.parameters["gap_seconds"] * 8000)
            }
            assert mask.mean() == condition.parameters["coverage"]
            coverages.add(condition.parameters["coverage"])
        assert mask.mean() <= 0.5
    assert min(coverages) == 0.01 and max(coverages) == 0.5


def test_packets_of_speech_are_lost_in_bursts_of_20_to_400_ms():
    protocol = Protocol.load("speech_plc")
    lengths = set()
    for condition in protocol.conditions:
        mask = condition.mask(np.ones(4 * 16_000), 16_000, seed=0)
        if condition.geometry == "burst_losses":
            lengths |= {int(end - start) for start, end in find_gaps(mask)}
    assert min(lengths) == 320 and max(lengths) <= 20 * 320 and all(length % 320 == 0 for length in lengths)


def test_geometries_tell_their_parameters():
    assert geometry_parameters("random_gaps") == ["coverage", "gap_seconds", "min_distance_seconds"]
    assert geometry_parameters("gap_at_onset") == ["gap_seconds", "position"]


def example_item(**changes) -> Item:
    values = {
        "recording": "folder/a.wav",
        "file_sha256": "0" * 64,
        "start": 10,
        "num_samples": 100,
        "sampling_rate": 8000,
        "condition": Condition("centred_gap", {"gap_seconds": 0.01}),
        "seed": 3,
        "gaps": [[10, 20], [30, 31]],
    }
    return Item(**{**values, **changes})


def test_items_are_told_apart_by_every_field():
    changes = [
        {"recording": "folder/b.wav"},
        {"file_sha256": "1" * 64},
        {"start": 11},
        {"num_samples": 101},
        {"sampling_rate": 8001},
        {"condition": Condition("centred_gap", {"gap_seconds": 0.02})},
        {"seed": 4},
        {"gaps": [[10, 20], [30, 32]]},
    ]
    keys = {example_item(**change).key for change in changes}
    assert len(keys | {example_item().key}) == 9
    assert example_item().key == example_item().key and all(len(key) == 16 for key in keys)
    assert find_gaps(example_item().mask).tolist() == example_item().gaps and len(example_item().mask) == 100


def test_items_are_read_from_the_file_they_were_made_of_alone(tmp_path):
    samples = 0.1 * np.random.default_rng(0).standard_normal((400, 2))
    path = tmp_path / "moved.wav"
    sf.write(path, samples, 8000, subtype="DOUBLE")
    item = example_item(file_sha256=file_sha256(path))
    segment, mask = read_item(item, {"folder/a.wav": path})
    assert np.array_equal(segment, samples[10:110].mean(1)) and find_gaps(mask).tolist() == item.gaps
    with pytest.raises(ValueError, match=r"expected the recording folder/a\.wav, got 1 recordings of other names"):
        read_item(item, {"folder/b.wav": path})
    samples[300] = 0
    sf.write(path, samples, 8000, subtype="DOUBLE")
    with pytest.raises(ValueError, match=rf"moved\.wav: expected the file of SHA-256 {item.file_sha256}, got "):
        read_item(item, {"folder/a.wav": path})
    path.unlink()
    with pytest.raises(ValueError, match=r"moved\.wav: no such file"):
        read_item(item, {"folder/a.wav": path})


def test_items_are_checked_before_any_work(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(path, np.zeros(400), 8000)
    item = example_item(file_sha256=file_sha256(path), sampling_rate=16_000)
    check_items([item, item], {"folder/a.wav": path})
    with pytest.raises(ValueError, match=r"a\.wav: expected 16000 Hz or more to measure, got 8000 Hz"):
        check_items([example_item(file_sha256=file_sha256(path), sampling_rate=8000)], {"folder/a.wav": path})
    with pytest.raises(ValueError, match="expected the file of SHA-256 0, got"):
        check_items([example_item(file_sha256="0")], {"folder/a.wav": path})
