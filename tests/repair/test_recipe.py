"""From a damaged file to a repaired one: what is asked for, what is done, and what the report says of it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from aidd import METHODS, RepairRequest, repair_file
from aidd.cli.main import main
from aidd.masks.gaps import mask_of
from aidd.repair.adapting import learned_part
from aidd.repair.damage import UnmarkedSilenceWarning, find_damage
from aidd.repair.recipe import NothingToRepairError
from aidd.repair.request import RequestError
from aidd.repair.scan import scan_audio
from aidd.signals.files import read_audio


RATE = 8_000
USERS_METHODS = """
import numpy as np

seen = []


def silence(audio, mask, *, sampling_rate, generator=None):
    seen.append((audio.shape, sampling_rate))
    return np.where(mask, 0.0, audio)


def careless(audio, mask, *, sampling_rate, generator=None):
    return np.where(mask, 0.0, 0.999 * audio)
"""


@pytest.fixture
def damaged(tmp_path, tones, monkeypatch):
    """Four seconds in stereo with a dropout of 100 ms at 2 s in both channels, in the current folder."""
    monkeypatch.chdir(tmp_path)
    samples = tones(4 * RATE, RATE, channels=2)
    samples[:, 2 * RATE : 2 * RATE + 800] = 0
    sf.write("damaged.wav", np.round(samples.T * 2**15).astype(np.int16), RATE, subtype="PCM_16")
    return tmp_path / "damaged.wav"


def test_all_that_is_missing_is_filled_and_reported(damaged, tmp_path):
    (tmp_path / "labels.txt").write_text("0.5\t0.51\tscratch\n")
    request = RepairRequest(gaps=[(3.0, 3.1)], masks=["labels.txt"], detect=["dropouts"], method="linear", seed=3)
    report = repair_file(damaged, "out.wav", request)
    gaps = np.array([[4_000, 4_080], [16_000, 16_800], [24_000, 24_800]])
    assert all(np.array_equal(channel, gaps) for channel in report.gaps)
    assert report.filled_by == [["linear"] * 3] * 2 and report.model is None and report.outputs == ["out.wav"]
    assert [gaps.tolist() for gaps in report.found["dropouts"]] == [[[16_000, 16_800]]] * 2
    assert report.fillers() == "3 gaps by linear"
    before, after = read_audio(damaged), read_audio("out.wav")
    mask = mask_of(gaps, 0, 4 * RATE)
    expected = METHODS["linear"](before.samples, mask, sampling_rate=RATE)
    assert np.array_equal(before.samples[:, ~mask], after.samples[:, ~mask])
    assert np.abs(after.samples - expected).max() <= 0.5 / 2**15
    assert (after.subtype, after.format) == (before.subtype, before.format)


def test_the_command_line_prints_the_report(damaged, capsys):
    request = RepairRequest(gaps=[(3.0, 3.1)], detect=["dropouts", "clicks"], method="janssen")
    report = repair_file("damaged.wav", "out.wav", request).to_dict()
    command = "inpaint damaged.wav out.wav --gap 3 3.1 --detect clicks,dropouts --method janssen --json"
    assert main(command.split()) == 0
    printed = json.loads(capsys.readouterr().out)
    assert isinstance(printed.pop("version"), str) and printed.pop("seconds") >= 0
    assert (printed.pop("exit_code"), printed.pop("errors"), printed.pop("warnings")) == (0, [], [])
    assert list(printed) == [name for name in report if name != "seconds"]
    assert printed == {name: value for name, value in report.items() if name != "seconds"}


def test_a_scan_and_its_damage_spare_the_search_and_change_nothing(damaged):
    scan, request = scan_audio(damaged), RepairRequest(detect=["dropouts"], method="linear")
    repair_file(damaged, "a.wav", request)
    repair_file(scan, "b.wav", request, damage=find_damage(scan, ["dropouts"]))
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    with pytest.raises(ValueError, match=re.escape("expected damage of the kinds ['dropouts'], got ['clicks']")):
        repair_file(scan, "c.wav", request, damage=find_damage(scan, ["clicks"]))


def test_nothing_to_repair_is_an_error_of_its_own(damaged, tmp_path):
    np.save("none.npy", np.zeros(4 * RATE, bool))
    for options, message in (
        ({}, "no gap is given"),
        ({"masks": ["none.npy"]}, "none.npy: nothing is marked as missing"),
        ({"detect": ["clicks"]}, "found no clicks, and no other gap is given"),
    ):
        with pytest.raises(NothingToRepairError, match=message) as caught:
            repair_file(damaged, "out.wav", RepairRequest(method="linear", **options))
        report = caught.value.report.to_dict()
        assert (report["outputs"], report["gaps"], report["filled_by"]) == ([], [[], []], [[], []])
        assert list(report["found"]) == list(options.get("detect", []))
    assert not (tmp_path / "out.wav").exists()


def test_a_dropout_that_is_marked_in_part_is_warned_of_with_the_option_that_helps(damaged, capsys):
    with pytest.warns(UnmarkedSilenceWarning, match="mark them too$") as warned:
        repair_file(damaged, "out.wav", RepairRequest(gaps=[(2.0, 2.05)], method="linear"))
    assert warned[0].filename == __file__
    assert main(["inpaint", "damaged.wav", "out.wav", "--gap", "2", "2.05", "--method", "linear"]) == 0
    assert capsys.readouterr().err.endswith("mark them too, or add --detect dropouts\n")


@pytest.mark.parametrize(
    ("options", "field", "problem"),
    [
        ({"detect": ["hum"]}, "detect", "must be kinds out of dropouts, clicks, clipping, got 'hum'"),
        ({"num_variations": 0}, "num_variations", "must be at least 1, got 0"),
        ({"seed": 2**63}, "seed", f"must lie in [0, 2^63), got {2**63}"),
        ({"method": "linear", "model": "a/b"}, "model", "must be left out for linear, which has none; "),
        ({"method": "linear", "num_variations": 2}, "num_variations", "must be 1 for linear; the methods aidd, "),
    ],
)
def test_what_cannot_be_met_is_refused_by_field(options, field, problem):
    with pytest.raises(RequestError, match=re.escape(f"{field} {problem}")) as caught:
        RepairRequest(gaps=[(1.0, 2.0)], **options)
    assert caught.value.field == field and caught.value.problem.startswith(problem)


@pytest.fixture
def users_methods(tmp_path, monkeypatch):
    (tmp_path / "users_fillers.py").write_text(USERS_METHODS)
    monkeypatch.syspath_prepend(tmp_path)
    import users_fillers

    users_fillers.seen.clear()
    return users_fillers


def test_a_users_method_fills_gaps_and_is_given_the_whole_recording(damaged, users_methods, capsys):
    command = "inpaint damaged.wav out.wav --gap 0.5 0.6 --gap 3 3.1 --method users_fillers:silence"
    assert main(command.split()) == 0
    assert capsys.readouterr().out.startswith("damaged.wav: 2 gaps by users_fillers:silence\n")
    assert users_methods.seen == [((2, 4 * RATE), RATE)]
    before, after = read_audio("damaged.wav").samples, read_audio("out.wav").samples
    assert (before != after).any(0).nonzero()[0].min() >= 4_000 and not after[:, 4_000:4_800].any()


def test_a_users_method_that_changes_intact_samples_is_an_error(damaged, users_methods, capsys, tmp_path):
    command = "inpaint damaged.wav out.wav --gap 0.5 0.6 --method users_fillers:careless"
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert "from 0.500 to 0.600 s: expected intact samples to come back as they were read, got " in error
    assert not (tmp_path / "out.wav").exists() and not list(tmp_path.glob(".aidd-*"))


def test_what_is_learned_of_a_long_recording_lies_about_its_gaps():
    gaps = np.array([[4_000, 4_100], [5_900, 6_000]])
    assert learned_part(gaps, 10_000, 20_000) == (0, 10_000)
    assert learned_part(gaps, 10_000, 2_000) == (4_000, 6_000)
    assert learned_part(gaps[:1] - 3_900, 10_000, 2_000) == (0, 2_000)
    assert learned_part(gaps[1:] + 3_900, 10_000, 2_000) == (8_000, 10_000)
