"""Repairs taken back: to the bit, those that were named and no others, or not at all."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from aidd import RepairRequest, repair_file
from aidd.cli.main import main
from aidd.repair.difference import write_difference
from aidd.repair.record import read_record, write_record
from aidd.repair.recorder import Recorder
from aidd.repair.revert import repairs_in, revert_repairs
from aidd.signals.files import read_audio


RATE = 8_000


def repaired(folder, samples, subtype, request, suffix=".wav"):
    """Writes `in`, `out` and `d.wav`, and returns their names and the record."""
    source, output, difference = folder / f"in{suffix}", folder / f"out{suffix}", folder / "d.wav"
    sf.write(source, samples.T, RATE, subtype=subtype)
    recorder = Recorder()
    report = repair_file(source, output, request, recorder=recorder)
    write_difference(difference, source, output)
    return source, output, difference, recorder.record(report, 1, difference)


def bits(path):
    return read_audio(path).samples.view(np.uint64)


def random_gaps(rng, num_samples, channels):
    """A mask of up to twelve gaps, some of a sample, some at the ends, and in each channel others or the same."""
    mask = np.zeros((channels, num_samples), bool)
    for _ in range(rng.integers(1, 13)):
        length = int(rng.choice([1, 2, 17, 160, 800]))
        start = int(rng.choice([0, num_samples - length, rng.integers(num_samples - length)]))
        mask[rng.random(channels) < 0.7, start : start + length] = True
    mask[0, 100:120] = True
    return mask


@pytest.mark.parametrize("seed", range(24))
def test_those_that_are_named_come_back_and_others_stay(tmp_path, tones, seed):
    rng = np.random.default_rng(seed)
    channels = int(rng.choice([1, 2, 3, 8]))
    subtype, suffix = [("PCM_16", ".flac"), ("PCM_24", ".wav"), ("PCM_32", ".aiff"), ("FLOAT", ".wav")][seed % 4]
    np.save(tmp_path / "mask.npy", random_gaps(rng, 3 * RATE, channels))
    samples = tones(3 * RATE, RATE, 1) * rng.uniform(0.2, 1, (channels, 1))
    request = RepairRequest(masks=[tmp_path / "mask.npy"], method="linear")
    source, output, difference, record = repaired(tmp_path, samples, subtype, request, suffix)
    before, after = bits(source), bits(output)

    held = repairs_in(output, record)
    assert all(repair in record.repairs for repair in held)
    named = [repair for repair in held if rng.random() < 0.5]
    place = {"source": source} if rng.random() < 0.5 else {"difference": difference}
    revert_repairs(output, record, named, **place)
    expected = after.copy()
    for repair in named:
        expected[repair.channels, repair.start : repair.stop] = before[repair.channels, repair.start : repair.stop]
    assert np.array_equal(bits(output), expected)
    assert repairs_in(output, record) == [repair for repair in held if repair not in named]

    # What is taken back already makes no difference, and with all of them the input is there again.
    revert_repairs(output, record, record.repairs, **place)
    assert np.array_equal(bits(output), before) and repairs_in(output, record) == []
    assert (sf.info(output).subtype, sf.info(output).format) == (sf.info(source).subtype, sf.info(source).format)


@pytest.fixture
def folder(tmp_path, tones, monkeypatch):
    """The current folder with a recording of three gaps, `out.wav` repaired, `r.json` and `d.wav`."""
    monkeypatch.chdir(tmp_path)
    *_, record = repaired(
        Path(),
        tones(3 * RATE, RATE, 2),
        "PCM_24",
        RepairRequest(gaps=[(0.5, 0.6), (1, 1.001), (2, 2.4)], method="linear"),
    )
    write_record("r.json", record)
    shutil.copy("out.wav", "kept.wav")
    return tmp_path


def run(command):
    return main(["revert", *command.split()])


def changed(*names):
    """Starts and ends of what differs between two files, in samples."""
    first, second = (read_audio(name).samples for name in names)
    places = np.flatnonzero((first != second).any(0))
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(places, np.flatnonzero(np.diff(places) > 100) + 1)]


def test_the_command_line_takes_back_by_number_by_confidence_by_page_and_all(folder, capsys):
    confidences = [repair.confidence for repair in read_record("r.json").repairs]
    assert confidences[1] > max(confidences[0], confidences[2])
    Path("rejected.json").write_text(json.dumps({"rejected": [2]}))
    for options, numbers in (
        ("--gaps 1 3", [1, 3]),
        (f"--below {confidences[1]}", [1, 3]),
        (f"--below {min(confidences)} --gaps 2 --difference d.wav", [2]),
        ("--rejected rejected.json", [2]),
        ("--all --input in.wav", [1, 2, 3]),
    ):
        shutil.copy("kept.wav", "out.wav")
        assert run(f"out.wav --report r.json {options}") == 0
        words = f"out.wav: took back {len(numbers)} of 3 repairs: {', '.join(map(str, numbers))}\n"
        assert capsys.readouterr().out == words
        starts = {1: 4_000, 2: 8_000, 3: 16_000}
        assert [start for start, _ in changed("kept.wav", "out.wav")] == [starts[number] for number in numbers]
    assert np.array_equal(bits("in.wav"), bits("out.wav"))


def test_it_goes_on_where_it_stopped_and_says_when_nothing_is_left(folder, capsys):
    assert run("out.wav --report r.json --gaps 2 --json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["reverted"], answer["left"], answer["exit_code"]) == ([2], [1, 3], 0)
    assert run("out.wav --report r.json --gaps 2 1") == 0
    assert capsys.readouterr().out == "out.wav: took back 1 of 2 repairs: 1\n"
    assert run("out.wav --report r.json --gaps 1 --below 0") == 3
    assert capsys.readouterr().err == "aidd: error: out.wav: nothing to take back: none of these repairs is in it\n"


def test_fillings_that_are_what_was_there_are_neither_taken_back_nor_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sf.write("silence.wav", np.zeros(8_000), 8_000)
    assert (
        main(["inpaint", "silence.wav", "out.wav", "--gap", "0.2", "0.3", "--method", "linear", "--report", "r.json"])
        == 0
    )
    capsys.readouterr()
    assert run("out.wav --report r.json --all") == 3
    assert capsys.readouterr().err.endswith("nothing to take back: these repairs have changed nothing\n")
    assert main(["audit", "out.wav", "--report", "r.json"]) == 3
    assert capsys.readouterr().err.endswith("no repair to show: it holds none that changed it\n")


def test_a_file_that_was_tagged_or_encoded_anew_is_still_the_one(folder):
    samples, rate = sf.read("out.wav", dtype="int32", always_2d=True)
    with sf.SoundFile("other.flac", "w", rate, 2, "PCM_24") as file:
        file.title = "another title"
        file.write(samples)
    assert run("other.flac --report r.json --all") == 0
    assert np.array_equal(bits("in.wav"), bits("other.flac"))


def test_tags_and_chunks_of_the_file_stay(folder):
    with sf.SoundFile("out.wav", "r+") as file:
        file.title = "a title"
    assert run("out.wav --report r.json --gaps 1") == 0
    with sf.SoundFile("out.wav") as file:
        assert file.title == "a title"


def test_what_was_no_number_comes_back(tmp_path, tones):
    samples = tones(RATE, RATE, 2)
    samples[0, 4_000:4_050] = np.nan
    samples[1, 4_020] = np.inf
    source, output, difference, record = repaired(
        tmp_path, samples, "FLOAT", RepairRequest(gaps=[(0.5, 0.51)], method="linear")
    )
    repaired_bits = bits(output)
    for place in ({"source": source}, {"difference": difference}):
        revert_repairs(output, record, record.repairs, **place)
        assert np.array_equal(bits(output), bits(source)) and not np.array_equal(bits(output), repaired_bits)
        repair_file(source, output, RepairRequest(gaps=[(0.5, 0.51)], method="linear"))


def written(name, change, subtype="PCM_24"):
    audio = read_audio("out.wav").samples.T.copy()
    sf.write(name, change(audio), RATE, subtype=subtype)


def nudged(index):
    def change(audio):
        audio[index] += 2**-23
        return audio

    return change


REFUSED = [
    ("out.wav --report r.json", "say which repairs to take back: --gaps N ..., --below C, --rejected FILE, or --all"),
    ("out.wav --report r.json --gaps 0 4", "r.json: expected numbers of repairs from 1 to 3, got 0, 4"),
    ("out.wav --report r.json --below 1.5", "--below must lie in [0, 1], got 1.5"),
    ("out.wav --report r.json --all --input in.wav --difference d.wav", "expected --input IN or --difference FILE"),
    ("out.wav --report none.json --all", "none.json: no such file"),
    ("out.wav --report r.json --rejected r.json", "r.json: expected an object whose field rejected is a list of"),
    ("none.wav --report r.json --all", "none.wav: no such file"),
    ("short.wav --report r.json --all", "short.wav: expected the num_samples of the record, 24000, got 23999"),
    ("mono.wav --report r.json --all", "mono.wav: expected the channels of the record, 2, got 1"),
    ("outside.wav --report r.json --all", "outside.wav: expected the samples outside the repairs to be those of the"),
    ("inside.wav --report r.json --all", "inside.wav: expected the samples of repair 1, from 0.500 s, as they were"),
    ("out.wav --report r.json --all --input inside.wav", "inside.wav: expected the samples before repair 1, from 0.5"),
    ("out.wav --report r.json --all --input short.wav", "short.wav: expected the num_samples of the record, 24000"),
    ("out.wav --report r.json --all --difference zero.wav", "zero.wav: expected the samples before repair 1, from"),
    ("out.wav --report elsewhere.json --all", "gone.wav: the recording before the repair is not there; say where it"),
]


@pytest.mark.parametrize(("command", "message"), REFUSED, ids=[command for command, _ in REFUSED])
def test_what_does_not_fit_is_refused_and_changes_nothing(folder, capsys, command, message):
    written("short.wav", lambda audio: audio[:-1])
    written("mono.wav", lambda audio: audio[:, 0])
    written("outside.wav", nudged((100, 1)))
    written("inside.wav", nudged((4_100, 1)))
    written("zero.wav", np.zeros_like, "FLOAT")
    data = json.loads(Path("r.json").read_text())
    data["input"]["path"] = "gone.wav"
    Path("elsewhere.json").write_text(json.dumps(data))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"aidd: error: {message}") and error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_an_encoding_cannot_hold_is_refused(tmp_path, tones, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The gap's own samples need 24 bits, all others 16: outside the gap nothing is lost.
    samples = np.round(tones(RATE, RATE) * 2**15) / 2**15
    samples[:, 4_000:4_100] += 2**-20
    for subtype, output, message in (
        ("PCM_16", "out.wav", "out.wav: PCM_16 cannot hold the samples before repair 1 as they were"),
        ("VORBIS", "out.ogg", "out.ogg: VORBIS is lossy, so no sample could be put back to the bit"),
    ):
        sf.write("in.wav", samples.T, RATE, subtype="PCM_24")
        recorder = Recorder()
        request = RepairRequest(gaps=[(0.5, 0.5125)], method="linear", subtype=subtype)
        if subtype == "VORBIS":
            with pytest.warns(UserWarning, match="lossy"):
                report = repair_file("in.wav", output, request, recorder=recorder)
        else:
            report = repair_file("in.wav", output, request, recorder=recorder)
        record = recorder.record(report, 1)
        with pytest.raises(ValueError, match=re.escape(message)):
            revert_repairs(output, record, record.repairs, source="in.wav")


def test_neither_and_both_places_are_refused(folder):
    record = read_record("r.json")
    for places in ({}, {"source": "in.wav", "difference": "d.wav"}):
        with pytest.raises(ValueError, match="one of the two"):
            revert_repairs("out.wav", record, record.repairs, **places)


def test_a_link_stays_a_link_and_permissions_stay(folder):
    Path("out.wav").chmod(0o640)
    os.symlink("out.wav", "link.wav")
    assert run("link.wav --report r.json --all") == 0
    assert Path("link.wav").is_symlink() and np.array_equal(bits("in.wav"), bits("out.wav"))
    assert Path("out.wav").stat().st_mode & 0o777 == 0o640
