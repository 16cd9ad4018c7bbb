"""The record of a repair: it says what was done, comes back as it was written, and nothing else is read as one."""

import copy
import json
import re
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from aidd import RepairRequest, repair_file
from aidd.cli.main import main
from aidd.masks.gaps import mask_of
from aidd.repair.digests import samples_sha256
from aidd.repair.plan import RepairPlan
from aidd.repair.record import RecordedFile, Repair, RepairRecord, read_record, write_record
from aidd.repair.recorder import Recorder
from aidd.signals.files import read_audio
from aidd.signals.recordings import file_sha256


RATE = 8_000
PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "audit_and_undo.md"


@pytest.fixture
def damaged(tmp_path, tones, monkeypatch):
    """Four seconds in stereo with a dropout of 100 ms at 2 s on the left, in the current folder."""
    monkeypatch.chdir(tmp_path)
    samples = tones(4 * RATE, RATE, channels=2)
    samples[0, 2 * RATE : 2 * RATE + 800] = 0
    sf.write("in.wav", np.round(samples.T * 2**15).astype(np.int16), RATE, subtype="PCM_16")
    (tmp_path / "labels.txt").write_text("2.05\t2.2\tscratch\n")
    return tmp_path


def recorded(request, **options):
    recorder = Recorder()
    report = repair_file("in.wav", "out.wav", request, recorder=recorder)
    return report, recorder.record(report, 1, **options)


def test_each_repair_is_listed_with_its_reasons(damaged):
    request = RepairRequest(gaps=[(3.0, 3.1)], masks=["labels.txt"], detect=["dropouts"], method="linear", seed=3)
    report, record = recorded(request)
    assert [(one.start, one.stop, one.channels, one.reasons) for one in record.repairs] == [
        (16_000, 17_600, [0], ["mask", "dropouts"]),
        (16_400, 17_600, [1], ["mask"]),
        (24_000, 24_800, [0, 1], ["given"]),
    ]
    assert {one.method for one in record.repairs} == {"linear"} and record.seed == 3 and record.model is None
    assert [one.number for one in record.repairs] == [1, 2, 3]
    assert all(np.array_equal(a, b) for a, b in zip(record.gaps, report.gaps, strict=True))

    before, after = read_audio("in.wav").samples, read_audio("out.wav").samples
    for file, path, audio in ((record.input, "in.wav", before), (record.output, "out.wav", after)):
        kept = np.where([mask_of(gaps, 0, 4 * RATE) for gaps in record.gaps], 0.0, audio)
        assert (file.path, file.sha256, file.format, file.subtype) == (path, file_sha256(path), "WAV", "PCM_16")
        assert (file.audio_sha256, file.intact_sha256) == (samples_sha256(audio), samples_sha256(kept))
    assert record.input.intact_sha256 == record.output.intact_sha256
    for one in record.repairs:
        place = np.s_[one.channels, one.start : one.stop]
        assert one.before_sha256 == samples_sha256(before[place]) != one.after_sha256 == samples_sha256(after[place])


def test_the_method_is_the_one_that_filled(damaged, tiny_pipeline, monkeypatch):
    """What is planned does not matter: what is called is recorded."""
    gaps = [(0.5, 0.503), (1.0, 1.01), (3.0, 3.1)]
    tiny_pipeline.register_to_config(short_gap_seconds=0.02)
    request = RepairRequest(gaps=gaps, model=tiny_pipeline, seed=0, subtype="FLOAT")
    report, record = recorded(request)
    assert [one.method for one in record.repairs] == ["janssen", "continuation", "aidd"] == report.filled_by[0]
    none = [np.zeros((0, 2), np.int64)] * 2
    monkeypatch.setattr(RepairPlan, "gaps_filled_by", lambda plan, filler: plan.gaps if filler == "aidd" else none)
    report, record = recorded(request)
    assert [one.method for one in record.repairs] == ["aidd"] * 3 != report.filled_by[0]


def test_every_variation_has_its_own(damaged, tiny_pipeline, capsys):
    tiny_pipeline.save_pretrained("model")
    command = "inpaint in.wav out.wav --gap 1 1.1 --model model --seed 1 --variations 3 --report r.json"
    assert main([*command.split(), "--difference", "d.wav"]) == 0
    assert "r-3.json: 1 repair, the lowest confidence is 0." in capsys.readouterr().out
    records = [read_record(f"r-{number}.json") for number in (1, 2, 3)]
    for number, record in enumerate(records, 1):
        assert (record.variation, record.num_variations) == (number, 3)
        assert (record.output.path, record.difference) == (f"out-{number}.wav", f"d-{number}.wav")
        assert record.model == "model" and {"torch", "aidd"} <= record.versions.keys()
    (first, *others) = [record.repairs[0] for record in records]
    assert len({one.after_sha256 for one in (first, *others)}) == 3
    assert all(one.disagreement_db > 0 for one in (first, *others))


def test_records_come_back_as_they_were_written(damaged):
    _, record = recorded(RepairRequest(gaps=[(1.0, 1.2)], detect=["dropouts"], method="janssen"), difference="ü d.wav")
    write_record("r.json", record)
    assert read_record("r.json") == record
    assert json.loads(Path("r.json").read_text()) == asdict(record)


# What is done to a record, and what the error must say after the file's name.
CHANGES = [
    (lambda r: r.pop("seed"), "seed: expected schema, versions, .*, got no seed"),
    (lambda r: r.update(hum=1), "hum: expected schema, .*, got a field 'hum'"),
    (lambda r: r.update(schema="aidd-repair-record-2"), 'schema: expected "aidd-repair-record-1", got "aidd-repair-'),
    (lambda r: r.update(sampling_rate=8000.0), "sampling_rate: expected an integer of at least 1, got 8000.0"),
    (lambda r: r.update(channels=True), "channels: expected an integer of at least 1, got true"),
    (lambda r: r.update(seed=-1), r"seed: expected an integer in \[0, "),
    (lambda r: r.update(variation=2), r"variation: expected an integer in \[1, 1\], got 2"),
    (lambda r: r.update(versions=[]), "versions: expected an object of versions by packages, got list"),
    (lambda r: r.update(repairs={}), "repairs: expected a list, got dict"),
    (lambda r: r["versions"].update(aidd=1), "versions.aidd: expected a text, got 1"),
    (lambda r: r["input"].update(sha256="12"), 'input.sha256: expected 64 hexadecimal digits, got "12"'),
    (lambda r: r["output"].pop("path"), "output.path: expected path, sha256, .*, got no path"),
    (lambda r: r["repairs"][0].update(number=2), r"repairs\[0\].number: expected an integer in \[1, 1\], got 2"),
    (lambda r: r["repairs"][0].update(confidence=1.1), r"repairs\[0\].confidence: expected a number in \[0, 1\], got"),
    (lambda r: r["repairs"][0].update(channels=[]), r"repairs\[0\].channels: expected a list of at least 1, got list"),
    (
        lambda r: r["repairs"][0].update(channels=[1, 0]),
        r"repairs\[0\].channels: expected each channel once",
    ),
    (lambda r: r["repairs"][0].update(channels=[2]), r"repairs\[0\].channels: expected an integer in \[0, 1\], got 2"),
    (lambda r: r["repairs"][0].update(reasons=["given", 3]), r"repairs\[0\].reasons\[1\]: expected a text, got 3"),
    (lambda r: r["repairs"][0].update(stop=8_000), r"repairs\[0\].stop: expected an integer in \[8001, 32000\], got"),
    (lambda r: r["repairs"][0].update(seconds=2), r"repairs\[0\].seconds: expected 0.1, as its samples and the rate"),
    (lambda r: r["repairs"][0].update(boxes=[[1, 2, 3]]), r"repairs\[0\].boxes\[0\]: expected a list of at least 4"),
    (
        lambda r: r["repairs"][0].update(boxes=[[2, 1, 0, 1]]),
        r"repairs\[0\].boxes\[0\]: expected lowest and highest Hz",
    ),
    (lambda r: r["repairs"].reverse(), r"repairs\[0\].number: expected an integer in \[1, 1\], got 2"),
    (
        lambda r: r["repairs"][1].update(start=8_700, start_seconds=1.0875, seconds=2.0125),
        r"repairs\[1\].start: expected repairs of channel 0 in order and apart, got 8700 after one up to 8800",
    ),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=[message[:40] for _, message in CHANGES])
def test_what_is_no_record_is_refused_at_its_place(damaged, change, message):
    _, record = recorded(RepairRequest(gaps=[(1.0, 1.1), (3.0, 3.1)], method="linear"))
    data = copy.deepcopy(asdict(record))
    change(data)
    Path("r.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=f"^r.json: cannot be read as a record of repairs: {message}"):
        read_record("r.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("[]", "the file: expected an object, got list"),
        ('{"schema": 1, "schema": 1}', "expected each field once, got 'schema' 2 times"),
        ('{"schema": NaN}', "expected finite numbers, got NaN"),
        ("\xff", "codec can't decode"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, text, message):
    (tmp_path / "r.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=re.escape(message)):
        read_record(tmp_path / "r.json")
    with pytest.raises(ValueError, match="no such file"):
        read_record(tmp_path / "none.json")


def test_random_damage_never_passes_unnoticed_and_never_crashes(damaged):
    """A byte of the file is changed: it is refused in words, or read as what it says."""
    _, record = recorded(RepairRequest(gaps=[(1.0, 1.1), (3.0, 3.1)], method="linear"))
    write_record("r.json", record)
    text = Path("r.json").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged_text = bytearray(text)
        damaged_text[rng.integers(len(text))] = rng.integers(256)
        Path("r.json").write_bytes(damaged_text)
        try:
            read = read_record("r.json")
        except ValueError as error:
            assert str(error).startswith("r.json: ")
        else:
            assert asdict(read) == json.loads(damaged_text)


def test_the_page_describes_every_field():
    page = PAGE.read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    assert described == {field.name for kind in (RecordedFile, Repair, RepairRecord) for field in fields(kind)}


@pytest.mark.parametrize(
    ("path", "message"),
    [("r.txt", "r.txt: expected a name that ends in .json"), ("none/r.json", "none/r.json: no such folder: none")],
)
def test_a_record_that_cannot_be_written_is_refused_before_the_work(damaged, capsys, path, message):
    assert main(["inpaint", "in.wav", "out.wav", "--gap", "1", "1.1", "--report", path]) == 2
    assert capsys.readouterr().err == f"aidd: error: --report {message}\n"
    assert not (damaged / "out.wav").exists()
