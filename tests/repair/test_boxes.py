"""Holes in the spectrogram of a file: what is filled, what stays, and what is said of it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from aidd import RepairRequest, repair_file
from aidd.classical.cells import zeroing
from aidd.cli.main import main
from aidd.masks.cells import boxes as box_mask
from aidd.repair.boxes import change_elsewhere, changed_samples, evidence_of_boxes, own_grid
from aidd.repair.record import read_record
from aidd.repair.recorder import Recorder
from aidd.repair.revert import revert_repairs
from aidd.signals.files import read_audio
from aidd.signals.stft import stft


RATE = 8_000
SECONDS = 6


@pytest.fixture
def folder(tmp_path, tones, monkeypatch):
    """The current folder with six seconds in stereo and a beep of 2 kHz in them, from 3.0 to 3.2 s."""
    monkeypatch.chdir(tmp_path)
    samples = tones(SECONDS * RATE, RATE, 2)
    beep = slice(3 * RATE, 3 * RATE + RATE // 5)
    samples[:, beep] += 0.1 * np.sin(2 * np.pi * 2_000 * np.arange(RATE // 5) / RATE)
    sf.write("in.wav", samples.T, RATE, subtype="PCM_24")
    return tmp_path


def run(command):
    return main(["inpaint", *command.split()])


def power_in(path, low, high, start, end):
    grid = own_grid(RATE)
    audio = read_audio(path).samples
    cells = box_mask([(low, high, start, end)], audio.shape[-1], grid)
    return float(np.square(np.abs(stft(audio, grid)[:, cells])).sum())


@pytest.mark.parametrize("method", ["auto", "fading", "zeroing"])
def test_a_beep_is_taken_away_and_nothing_changes_outside_its_frames(folder, capsys, method):
    box = (1_900.0, 2_100.0, 3.0, 3.2)
    assert run(f"in.wav out.wav --box 1900 2100 3 3.2 --method {method}") == 0
    before, after = read_audio("in.wav").samples, read_audio("out.wav").samples
    changed = np.flatnonzero((before != after).any(0))
    grid = own_grid(RATE)
    first, last = changed_samples(box, num_samples=SECONDS * RATE, sampling_rate=RATE, grid=grid)
    assert first <= changed[0] and changed[-1] < last
    assert first >= 3 * RATE - grid.n_fft and last <= 3.2 * RATE + grid.n_fft
    assert power_in("out.wav", *box) < 0.02 * power_in("in.wav", *box)
    named = "log_magnitude" if method == "auto" else method
    assert re.fullmatch(
        rf"in\.wav: 1 box by {named}\nout\.wav: 1 box filled, in frames of 0\.\d{{3}} s in all, in \d+\.\d s\n"
        r"out\.wav: the change at other frequencies of these frames is \d+\.\d dB below what is there\n",
        capsys.readouterr().out,
    )


def test_regions_give_what_the_whole_recording_does(folder):
    boxes = [
        (1_900.0, 2_100.0, 1.0, 1.2),
        (0.0, 4_000.0, 4.5, 4.52),
        (500.0, 600.0, 5.9, 6.0),
        (300.0, 500.0, 0.0, 0.1),
    ]
    repair_file("in.wav", "out.wav", RepairRequest(boxes=boxes, method="zeroing", subtype="DOUBLE"))
    audio, grid = read_audio("in.wav").samples, own_grid(RATE)
    mask = box_mask(boxes, audio.shape[-1], grid)
    expected = zeroing(audio, mask, sampling_rate=RATE, grid=grid)
    assert np.abs(read_audio("out.wav").samples - expected).max() < 1e-12
    # What is said to change is what does.
    extent = {"num_samples": audio.shape[-1], "sampling_rate": RATE, "grid": grid}
    touched = np.zeros(audio.shape[-1], bool)
    for box in boxes:
        first, last = changed_samples(box, **extent)
        touched[first:last] = True
    assert np.array_equal(np.flatnonzero((expected != audio).any(0)), np.flatnonzero(touched))


def test_a_hum_lasts_as_long_as_the_recording(folder):
    assert run("in.wav out.wav --box 0 60 0 6 --method zeroing --json") == 0
    assert power_in("out.wav", 0, 60, 0, 6) < 0.5 * power_in("in.wav", 0, 60, 0, 6)


def test_spectral_labels_are_boxes(folder):
    Path("labels.txt").write_text("3,0\t3,2\tbeep\n\\\t1900,0\t2100,0\n")
    assert run("in.wav a.wav --mask labels.txt --report a.json") == run("in.wav b.wav --box 1900 2100 3 0:03.2") == 0
    assert np.array_equal(read_audio("a.wav").samples, read_audio("b.wav").samples)
    (repair,) = read_record("a.json").repairs
    assert repair.reasons == ["mask"] and repair.boxes == [[1900.0, 2100.0, 3.0, 3.2]]


def test_methods_of_gaps_fill_spectral_labels_at_all_frequencies_with_a_word(folder, capsys):
    Path("spectral.txt").write_text("3.0\t3.2\tbeep\n\\\t1900\t2100\n5.0\t5.1\n")
    Path("plain.txt").write_text("3.0\t3.2\tbeep\n5.0\t5.1\n")
    assert run("in.wav a.wav --mask spectral.txt --method linear") == 0
    assert "aidd: warning: 1 labels have frequencies: linear fills all frequencies" in capsys.readouterr().err
    assert run("in.wav b.wav --mask plain.txt --method linear") == 0
    assert np.array_equal(read_audio("a.wav").samples, read_audio("b.wav").samples)


def test_the_record_has_each_place_and_reverts_it(folder, capsys):
    command = "in.wav out.wav --box 1900 2100 3 3.2 --box 300 400 3.1 3.3 --box 100 200 1 1.5 --report r.json"
    assert run(f"{command} --difference d.wav --json") == 0
    answer, record = json.loads(capsys.readouterr().out), read_record("r.json")
    assert [len(one.boxes) for one in record.repairs] == [1, 2]
    changes = [one.other_frequencies_db for one in record.repairs]
    assert answer["other_frequencies_db"] == max(changes) and len(answer["boxes"]) == 3
    for one in record.repairs:
        assert (one.method, one.reasons, one.channels) == ("log_magnitude", ["given"], [0, 1])
        assert one.edge_distance_db is None and 0 < one.confidence < 1
    before, after = read_audio("in.wav").samples, read_audio("out.wav").samples
    revert_repairs("out.wav", record, record.repairs[:1], difference="d.wav")
    expected = after.copy()
    expected[:, : record.repairs[0].stop] = before[:, : record.repairs[0].stop]
    assert np.array_equal(read_audio("out.wav").samples, expected)
    assert main(["revert", "out.wav", "--report", "r.json", "--all"]) == 0
    assert np.array_equal(read_audio("out.wav").samples, before)


def test_gaps_and_boxes_are_filled_in_turn_and_taken_back_in_the_other_order(folder, capsys):
    audio = read_audio("in.wav").samples.copy()
    audio[:, 3 * RATE + 800 : 3 * RATE + 1_100] = 0
    sf.write("damaged.wav", audio.T, RATE, subtype="PCM_24")
    gaps = "--detect dropouts --method linear --report gaps.json --difference gaps.wav"
    boxes = "--box 1900 2100 3 3.2 --report boxes.json --difference boxes.wav"
    assert run(f"damaged.wav filled.wav {gaps}") == run(f"filled.wav out.wav {boxes}") == 0
    damaged, filled, out = (read_audio(name).samples for name in ("damaged.wav", "filled.wav", "out.wav"))
    (gap,), (box,) = read_record("gaps.json").repairs, read_record("boxes.json").repairs
    assert np.flatnonzero((filled != damaged).any(0)).tolist() == list(range(gap.start, gap.stop))
    assert power_in("out.wav", *box.boxes[0]) < 0.1 * power_in("filled.wav", *box.boxes[0])
    # The other way round the dropout is filled with what is left of the beep's frames, and is none any more.
    assert run("damaged.wav boxes_first.wav --box 1900 2100 3 3.2") == 0
    assert run("boxes_first.wav both.wav --detect dropouts") == 3

    back = [f"revert out.wav --report {name}.json --difference {name}.wav --all".split() for name in ("boxes", "gaps")]
    assert main(back[1]) == 2
    assert "out.wav: expected the samples of repair 1" in capsys.readouterr().err
    assert np.array_equal(read_audio("out.wav").samples, out)
    for command, expected in zip(back, (filled, damaged), strict=True):
        assert main(command) == 0
        assert np.array_equal(read_audio("out.wav").samples, expected)


def test_a_model_fills_boxes_up_to_its_frequencies(folder, tiny_spectrogram_pipeline, capsys):
    pipeline = tiny_spectrogram_pipeline()
    request = {"boxes": [(1_900.0, 2_100.0, 3.0, 3.02)], "method": "spectrogram_repaint", "model": pipeline, "seed": 0}
    recorder = Recorder()
    report = repair_file("in.wav", "a.wav", RepairRequest(**request), recorder=recorder)
    repair_file("in.wav", "b.wav", RepairRequest(**request))
    before, after = read_audio("in.wav").samples, read_audio("a.wav").samples
    assert np.array_equal(after, read_audio("b.wav").samples)
    (repair,) = recorder.record(report, 1).repairs
    changed = np.flatnonzero((before != after).any(0))
    assert len(changed) and repair.start <= changed[0] and changed[-1] < repair.stop
    assert abs(repair.start - 3 * RATE) < RATE / 4 and repair.seconds < 0.5
    pipeline.save_pretrained("model")
    sf.write("fast.wav", np.zeros(96_000), 96_000)
    highest = pipeline.sampling_rate / 2
    command = f"fast.wav out.wav --box 100 {highest + 1} 0.1 0.2 --method spectrogram_repaint --model model"
    assert run(command) == 2
    expected = (
        f"--box cannot be filled by spectrogram_repaint: expected a box .* within 0 to {highest:g} Hz and 0 to 1 s"
    )
    assert re.search(expected, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--box 300 200 1 2",
            "--box cannot be filled by log_magnitude: expected a box (lowest Hz, highest Hz, start,",
        ),
        (
            "--box 300 400 2 1",
            "within 0 to 4000 Hz and 0 to 6 s, the lower number first, got (300.0, 400.0, 2.0, 1.0)",
        ),
        ("--box 300 4001 1 2", "got (300.0, 4001.0, 1.0, 2.0)"),
        ("--box 300 400 5 6.1", "got (300.0, 400.0, 5.0, 6.1)"),
        ("--box 300 400 1 2 --gap 3 4", "--box must stand alone, without gaps; fill the gaps, and then the boxes in"),
        ("--box 300 400 1 2 --detect clicks", "--box must stand alone, without gaps"),
        ("--mask mixed.txt", "--box must stand alone, without gaps"),
        (
            "--box 300 400 1 2 --method linear",
            "--method must be auto, fading, log_magnitude, phain_tf, spectrogram_repaint or",
        ),
        ("--box 300 400 1 2 --variations 2 --method zeroing", "--variations must be 1 for zeroing"),
        ("--box 300 400 1 2 --variations 2", "--variations must be 1 for boxes, got 2"),
        ("--box 300 400 1 2 --model x --method fading", "--model must be left out for fading, which has none"),
        ("--gap 1 2 --method fading", "--method must be one that fills gaps, got fading, which fills boxes alone"),
    ],
)
def test_what_cannot_be_filled_is_refused(folder, capsys, options, message):
    Path("mixed.txt").write_text("3\t3.2\tbeep\n\\\t1900\t2100\n1\t1.1\tgap\n")
    assert run(f"in.wav out.wav {options}") == 2
    assert message in capsys.readouterr().err and not (folder / "out.wav").exists()


def test_samples_that_are_no_numbers_are_refused(folder, capsys):
    sf.write("broken.wav", np.where(np.arange(RATE) == 50, np.nan, 0), RATE, subtype="FLOAT")
    assert run("broken.wav out.wav --box 300 400 0.5 0.6") == 2
    assert "broken.wav: expected finite samples, got 1 that are not" in capsys.readouterr().err


def test_changes_elsewhere_are_relative_to_what_was_there():
    grid = own_grid(RATE)
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(2, RATE))
    mask = box_mask([(1_000.0, 1_500.0, 0.4, 0.6)], RATE, grid)
    assert change_elsewhere(audio, audio, mask, grid) is None
    assert change_elsewhere(np.zeros((2, RATE)), audio, mask, grid) is None
    assert change_elsewhere(audio, np.zeros((2, RATE)), mask, grid) == pytest.approx(0, abs=1e-9)
    assert change_elsewhere(audio, 1.1 * audio, mask, grid) == pytest.approx(-20, abs=1e-9)
    # Half of what is taken away at most spreads to cells that stay, see `fill_cells`.
    faded = zeroing(audio, mask, sampling_rate=RATE, grid=grid)
    assert -40 < change_elsewhere(audio, faded, mask, grid) < -5


@pytest.mark.parametrize("num_samples", [40, 100, 170, 171, 341, 400])
@pytest.mark.parametrize("method", ["log_magnitude", "zeroing"])
def test_recordings_of_few_frames(tmp_path, num_samples, method):
    """A frame has 342 samples at this rate; a shorter recording has one that is padded."""
    rng = np.random.default_rng(0)
    sf.write(tmp_path / "in.wav", 0.1 * rng.standard_normal(num_samples), RATE, subtype="PCM_24")
    request = RepairRequest(boxes=[(300, 1_500, 0, 0.9 * num_samples / RATE)], method=method)
    report = repair_file(tmp_path / "in.wav", tmp_path / "out.wav", request)
    assert report.num_samples == num_samples == read_audio(tmp_path / "out.wav").samples.shape[1]
    assert report.other_frequencies_db is not None


def test_evidence_says_what_is_known_and_how_level_a_box_goes_on():
    grid = own_grid(RATE)
    noise = np.random.default_rng(0).normal(size=(1, RATE))
    whole = box_mask([(0.0, RATE / 2, 0.4, 0.6)], RATE, grid)
    band = box_mask([(1_000.0, 1_500.0, 0.4, 0.6)], RATE, grid)
    assert evidence_of_boxes(noise, whole, grid).predicted_share == 0
    known = evidence_of_boxes(noise, band, grid)
    assert known.predicted_share == pytest.approx(1 - 500 / 4_000, abs=0.05) and known.level_step_db < 6
    silent = evidence_of_boxes(zeroing(noise, band, sampling_rate=RATE, grid=grid), band, grid)
    assert silent.level_step_db > 6 and silent.confidence < known.confidence
    assert evidence_of_boxes(np.zeros((1, RATE)), band, grid).confidence == 1
