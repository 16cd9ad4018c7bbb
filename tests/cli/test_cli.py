import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from diffusers.utils import logging as diffusers_logging
from processes import python
from transformers.utils import logging as transformers_logging

from aidd import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL, METHODS, __version__
from aidd.cli.info import model_facts
from aidd.cli.main import main
from aidd.masks.gaps import mask_from_seconds
from aidd.signals.files import read_audio


RATE = 8_000
NUM_SAMPLES = 8_013


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with a stereo file `in.wav` of 1.001625 s, PCM_24, and other things to get wrong."""
    monkeypatch.chdir(tmp_path)
    samples = np.random.default_rng(0).integers(-(2**23), 2**23, (NUM_SAMPLES, 2)) << 8
    sf.write("in.wav", samples.astype(np.int32), RATE, subtype="PCM_24")
    sf.write("float.wav", samples / 2**31, RATE, subtype="FLOAT")
    sf.write("loud.wav", np.full(100, 1.5), RATE, subtype="FLOAT")
    sf.write("broken.wav", np.where(np.arange(100) == 50, np.nan, 0), RATE, subtype="FLOAT")
    np.save("short.npy", np.zeros(NUM_SAMPLES - 1, bool))
    np.save("three.npy", np.zeros((3, NUM_SAMPLES), bool))
    np.save("none.npy", np.zeros(NUM_SAMPLES, bool))
    np.save("all.npy", np.ones(NUM_SAMPLES, bool))
    np.save("numbers.npy", np.zeros(NUM_SAMPLES))
    (tmp_path / "labels.txt").write_text("0.5\t0.4\twrong\n")
    (tmp_path / "notes.wav").write_text("no audio")
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo("pipe.wav")
    return tmp_path


def run(command):
    return main(["inpaint", *command.split()])


def assert_restored(path, mask, source="in.wav"):
    """The file is the source outside the mask, as integers to the bit, and what the method gives inside."""
    before, after = (sf.read(name, dtype="int32", always_2d=True)[0].T for name in (source, path))
    mask = np.broadcast_to(mask, before.shape)
    assert np.array_equal(before[~mask], after[~mask])
    expected = METHODS["linear"](read_audio(source).samples, mask, sampling_rate=RATE)
    assert np.abs(read_audio(path).samples - expected).max() <= 0.5 / 2**23


def test_gaps_are_filled_and_the_rest_is_kept(folder, capsys):
    assert run("in.wav out.wav --method linear --gap 0 0.01 --gap 0.5 0.75 --gap 0.9 1.001625") == 0
    mask = mask_from_seconds([0, 0.5, 0.9], [0.01, 0.75, 1.001625], num_samples=NUM_SAMPLES, sampling_rate=RATE)
    assert_restored("out.wav", mask)
    info = sf.info("out.wav")
    assert (info.samplerate, info.channels, info.subtype, info.format) == (RATE, 2, "PCM_24", "WAV")
    output = capsys.readouterr()
    assert re.fullmatch(
        r"in\.wav: 3 gaps by linear\nout\.wav: 3 gaps filled, 0\.362 s in all, in \d+\.\d s\n", output.out
    )
    assert not output.err


def test_masks_and_gaps_unite(folder):
    mask = np.zeros((2, NUM_SAMPLES), bool)
    mask[0, 100:200] = True
    np.save("mask.npy", mask)
    (folder / "labels.txt").write_text("0.25\t0.30\tdropout\n")
    assert run("in.wav a.wav --method linear --mask mask.npy --gap 0.5 0.6") == 0
    assert_restored("a.wav", mask | mask_from_seconds(0.5, 0.6, num_samples=NUM_SAMPLES, sampling_rate=RATE))
    assert run("in.wav b.wav --method linear --mask labels.txt") == 0
    labels = mask_from_seconds(0.25, 0.3, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    assert_restored("b.wav", labels)
    assert run("in.wav c.wav --method linear --mask mask.npy --mask labels.txt") == 0
    assert_restored("c.wav", mask | labels)


def test_a_mask_of_one_channel_is_for_all(folder):
    mask = np.arange(NUM_SAMPLES)[None] // 100 == 5
    np.save("mask.npy", mask)
    assert run("in.wav out.wav --method linear --mask mask.npy") == 0
    assert_restored("out.wav", mask)


def test_formats(folder, capsys):
    # A lossless subtype carries over to another format that has it.
    assert run("in.wav out.flac --method linear --gap 0.5 0.6") == 0
    assert_restored("out.flac", mask_from_seconds(0.5, 0.6, num_samples=NUM_SAMPLES, sampling_rate=RATE))
    assert sf.info("out.flac").subtype == "PCM_24"
    # A variant of the format that the suffix allows is kept.
    sf.write("extensible.wav", np.zeros((100, 2)), RATE, format="WAVEX", subtype="PCM_16")
    assert run("extensible.wav out.wav --method linear --gap 0.001 0.002") == 0
    assert sf.info("out.wav").format == "WAVEX"
    assert run("in.wav out.wav --method linear --gap 0.5 0.6 --subtype FLOAT") == 0
    assert sf.info("out.wav").subtype == "FLOAT"
    assert not capsys.readouterr().err
    assert run("in.wav out.ogg --method linear --gap 0.5 0.6 --subtype VORBIS") == 0
    assert "aidd: warning: VORBIS is lossy" in capsys.readouterr().err


@pytest.fixture
def damaged_tones(folder):
    """
    `damaged.wav`, PCM_16: the left channel with a dropout and a click, the right one clipped, each at its own place;
    returns the masks of dropouts, clicks and clipping. And `clean.wav` without damage.
    """
    time = np.arange(4 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 330 * k * time + k) / k for k in range(1, 5)) * (1 + 0.2 * np.sin(5 * time)) / 4
    noise = np.random.default_rng(0).standard_normal((2, len(time)))
    clean = np.round((tones + 1e-3 * noise) * 2**15) / 2**15
    damaged, masks = clean.copy(), np.zeros((3, *clean.shape), bool)
    damaged[0, 8_000:8_100], masks[0, 0, 8_000:8_100] = 0, True
    damaged[0, 16_000:16_003] += [0.25, -0.25, 0.25]
    masks[1, 0, 16_000:16_003] = True
    damaged[1], masks[2, 1] = clean[1].clip(-0.375, 0.375), np.abs(clean[1]) >= 0.375
    for name, audio in (("damaged.wav", damaged), ("clean.wav", clean)):
        sf.write(name, (audio.T * 2**15).astype(np.int16), RATE, subtype="PCM_16")
    return masks


def test_damage_is_found_and_filled(folder, damaged_tones, capsys):
    assert run("damaged.wav out.wav --method janssen --detect clipping,dropouts,clicks --gap 3.9 3.95") == 0
    assert re.fullmatch(
        r"damaged\.wav: dropouts: 1 gap found, 0\.013 s in all\n"
        r"damaged\.wav: clicks: 1 gap found, 0\.000 s in all\n"
        r"damaged\.wav: clipping: \d+ gaps found, \d\.\d{3} s in all\n"
        r"damaged\.wav: (\d+) gaps by janssen\n"
        r"out\.wav: \1 gaps filled, \d\.\d{3} s in all, in \d+\.\d s\n",
        capsys.readouterr().out,
    )
    mask = damaged_tones.any(0) | mask_from_seconds(3.9, 3.95, num_samples=4 * RATE, sampling_rate=RATE)
    clean, before, after = (read_audio(name).samples for name in ("clean.wav", "damaged.wav", "out.wav"))
    assert np.array_equal(before[~mask], after[~mask])
    for kind in damaged_tones:
        assert np.abs(after - clean)[kind].mean() < 0.2 * np.abs(before - clean)[kind].mean()
    # Interpolated without its bounds, a peak may come out below the value it was clipped at.
    assert (np.abs(after[1, damaged_tones[2, 1]]) >= 0.375).all()
    assert run("damaged.wav linear.wav --method linear --detect clipping") == 0
    assert np.array_equal(read_audio("linear.wav").samples, before)


def test_a_kind_that_is_not_asked_for_is_left(folder, damaged_tones, capsys):
    assert run("damaged.wav out.wav --method linear --detect dropouts") == 0
    assert capsys.readouterr().out.startswith("damaged.wav: dropouts: 1 gap found")
    before, after = (read_audio(name).samples for name in ("damaged.wav", "out.wav"))
    assert np.array_equal(before[~damaged_tones[0]], after[~damaged_tones[0]])
    # Given gaps are filled, too, where nothing is found.
    assert run("clean.wav out.wav --method linear --detect dropouts --gap 0.5 0.6") == 0
    assert capsys.readouterr().out.startswith(
        "clean.wav: dropouts: 0 gaps found, 0.000 s in all\nclean.wav: 1 gap by linear\nout.wav: 1 gap filled"
    )


def test_nothing_found_has_an_exit_code_of_its_own(folder, damaged_tones, capsys):
    assert run("clean.wav out.wav --method linear --detect dropouts,clicks,clipping") == 3
    output = capsys.readouterr()
    expected = "clean.wav: found no dropouts and no clicks and no clipping, and no other gap is given"
    assert output.err == f"aidd: error: {expected}\n" and not output.out
    assert not (folder / "out.wav").exists()


@pytest.mark.parametrize("method", ["auto", "janssen"])
def test_peaks_beyond_the_subtype_name_another(folder, capsys, method):
    time = np.arange(RATE) / RATE
    audio = (1.5 * np.sin(2 * np.pi * 220 * time)).clip(-1, 1 - 2**-15)
    sf.write("clipped.wav", (audio * 2**15).astype(np.int16), RATE, subtype="PCM_16")
    assert run(f"clipped.wav out.wav --method {method} --detect clipping") == 2
    assert "beyond the range of PCM_16, which is [-1, 1); choose --subtype FLOAT" in capsys.readouterr().err
    assert run(f"clipped.wav out.wav --method {method} --detect clipping --subtype FLOAT") == 0
    assert read_audio("out.wav").samples.max() > 1


def test_a_mask_that_looks_inverted_is_warned_of(folder, capsys):
    assert run("in.wav out.wav --method linear --gap 0.1 0.9") == 0
    assert re.fullmatch(r"aidd: warning: 80% of a channel is marked .*\n", capsys.readouterr().err)
    assert run("in.wav out.wav --method linear --gap 0 1") == 0
    assert "warning: 99% of a channel" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_file(folder):
    assert run("in.wav a.wav --method linear --gap 0.5 0.6 --seed 3") == 0
    assert run("in.wav b.wav --method linear --gap 0.5 0.6 --seed 3") == 0
    assert (folder / "a.wav").read_bytes() == (folder / "b.wav").read_bytes()


@pytest.fixture
def tiny_model(folder, tiny_pipeline):
    tiny_pipeline.save_pretrained(folder / "model")


def test_variations_are_numbered_and_reproducible(folder, tiny_model, capsys):
    command = "in.wav {} --gap 0.5 0.6 --model model --subtype FLOAT --variations 2 --seed 1"
    assert run(command.format("a.wav")) == run(command.format("b.wav")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["in.wav", "a-1.wav", "a-2.wav", "in.wav", "b-1.wav", "b-2.wav"]
    assert not (folder / "a.wav").exists()
    mask = mask_from_seconds(0.5, 0.6, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    before, first, second = (read_audio(name).samples for name in ("in.wav", "a-1.wav", "a-2.wav"))
    for variation in (first, second):
        assert np.array_equal(variation[:, ~mask], before[:, ~mask])
    assert not np.array_equal(first[:, mask], second[:, mask])
    for number in (1, 2):
        # Not the files' bytes: libsndfile writes the time into float WAV files.
        assert np.array_equal(read_audio(f"a-{number}.wav").samples, read_audio(f"b-{number}.wav").samples)


def test_the_choice_is_printed_and_kept_to(folder, tiny_model, capsys):
    short = mask_from_seconds([0.1, 0.2], [0.103, 0.205], num_samples=NUM_SAMPLES, sampling_rate=RATE)
    both = short | mask_from_seconds(0.5, 0.6, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    gaps = "--gap 0.1 0.103 --gap 0.2 0.205 --gap 0.5 0.6 --subtype FLOAT"
    assert run(f"in.wav out.wav {gaps} --model model --seed 0") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "in.wav: 2 gaps by janssen, 1 gap by aidd"
    said = r"out\.wav: 3 gaps filled, 0\.108 s in all, in \d+\.\d s, after \d+\.\d s of loading the model"
    assert re.fullmatch(said, lines[1])
    before, after = (read_audio(name).samples for name in ("in.wav", "out.wav"))
    assert np.array_equal(before[:, ~both], after[:, ~both])
    start = mask_from_seconds(0, 0.5, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    expected = METHODS["janssen"](before[:, start], short[start], sampling_rate=RATE)
    assert np.abs(after[:, start] - expected).max() < 1e-6
    # Another method is not chosen for anyone.
    assert run("in.wav linear.wav --gap 0.1 0.103 --method linear") == 0
    assert capsys.readouterr().out.startswith("in.wav: 1 gap by linear\nlinear.wav: 1 gap filled")


def test_best_says_what_it_tried_and_takes_what_came_nearest(folder, tiny_model, tones, capsys):
    music = tones(6 * RATE, RATE, 2)
    sf.write("music.wav", music.T, RATE, subtype="FLOAT")
    options = "music.wav out.wav --gap 1 1.003 --gap 2 2.1 --gap 2.5 2.61 --method best --seed 0"
    assert run(f"{options} --candidates aidd,linear,lines --model model --json") == 0
    report = json.loads(capsys.readouterr().out)
    (trial,) = report["trials"]
    assert trial["gaps"] == [[2 * RATE, 2 * RATE + 800], [20_000, 20_880]]
    assert trial["rounds"] == len(trial["pseudo_gaps"]) == 4
    scores = {name: one["score"] for name, one in trial["scores"].items()}
    chosen = min(scores, key=scores.get)
    assert list(scores) == ["aidd", "linear", "lines"] and trial["chosen"] == chosen != "linear"
    assert report["filled_by"] == [["janssen", chosen, chosen]] * 2
    assert report["model"] == ("model" if chosen == "aidd" else None)
    assert len(trial["scores"]["linear"]["chroma"]) == 4 and trial["scores"]["linear"]["refusal"] is None
    # A user's eyes see the same, and no candidate with a model means no model.
    assert run(f"{options} --candidates linear,lines") == 0
    printed = capsys.readouterr().out
    assert "music.wav: 2.000 s and 1 more: lines, by trial on 4 pseudo-gaps (dB, the lower, the better: " in printed
    assert "loading" not in printed
    # Without time, nothing is compared.
    assert run(f"{options} --candidates linear,lines --trial-seconds 0 --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["trials"][0]["chosen"] == "linear" and report["trials"][0]["rounds"] == 0
    (warning,) = report["warnings"]
    assert "the trials took all of their 0 s: 4 pseudo-gaps were left untried, and nothing was compared" in warning
    assert run(f"{options} --dry-run") == 0
    assert "1 gap by janssen, 2 gaps by best" in capsys.readouterr().out


def test_the_model_is_adapted_for_the_repair_alone(folder, tiny_model, tones, capsys):
    pytest.importorskip("peft")
    sf.write("music.wav", tones(8 * RATE, RATE, 2).T, RATE, subtype="FLOAT")
    options = "--gap 4 4.2 --model model --seed 0"
    assert run(f"music.wav out.wav {options} --adapt 0 --save-adapter saved --json") == 0
    report = json.loads(capsys.readouterr().out)
    adaptation = report["adaptation"]
    assert adaptation["steps"] == 1 and adaptation["cross_entropy"] <= adaptation["cross_entropy_before"]
    assert run(f"music.wav again.wav {options} --adapter saved") == 0
    assert "the model was adapted by" in capsys.readouterr().out
    assert np.array_equal(*(read_audio(name).samples for name in ("out.wav", "again.wav")))
    # Nothing to adapt, and nothing to adapt to.
    assert run("music.wav out.wav --gap 4 4.004 --model model --adapt 1") == 2
    assert "--adapt must be left out where no gap needs a token model" in capsys.readouterr().err
    assert run("in.wav out.wav --gap 0.4 0.6 --model model --adapt 1") == 2
    assert "too little intact and audible music, in windows of " in capsys.readouterr().err


def test_a_gap_beyond_the_model_is_refused_before_the_model_is_loaded(folder, capsys, monkeypatch):
    sf.write("long.wav", 0.1 * np.random.default_rng(0).standard_normal(6 * RATE), RATE, subtype="PCM_16")
    monkeypatch.setattr("aidd.repair.recipe.pipeline_for", None)
    for method in ("auto", "aidd"):
        assert run(f"long.wav out.wav --gap 0.5 0.6 --gap 2 4 --method {method}") == 2
        assert capsys.readouterr().err == (
            f"aidd: error: --fallback must be given for the gap from 2.000 to 4.000 s: {method} fills gaps of up to "
            "1.40 s; envelope_noise, for one, fills longer ones, without a model\n"
        )
    # What is all beyond the model needs none.
    assert run("long.wav out.wav --gap 2 4 --fallback lines") == 0
    assert capsys.readouterr().out.startswith("long.wav: 1 gap by lines\n")


def test_a_fallback_fills_what_is_beyond_the_model_alone(folder, tiny_model, capsys):
    options = "--gap 0.1 0.18 --gap 0.3 0.75 --model model --seed 0 --subtype FLOAT"
    assert run(f"in.wav out.wav {options} --fallback linear --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["filled_by"] == [["aidd", "linear"]] * 2 and report["loading_seconds"] > 0
    before, after = (read_audio(name).samples for name in ("in.wav", "out.wav"))
    mask = mask_from_seconds(0.3, 0.75, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    assert np.abs(after - METHODS["linear"](before, mask, sampling_rate=RATE))[:, mask].max() < 1e-6


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(folder, damaged_tones, capsys):
    before = sorted(folder.iterdir())
    command = "damaged.wav out.wav --detect dropouts,clicks --gap 3.0 3.1 --gap 3.5 3.515 --dry-run"
    assert run(command) == 0
    said = capsys.readouterr().out
    assert re.search(r"dropouts +1 +15\.0 +0\.013 +0\.312% +0\.0125\n", said)
    assert "nothing is written: 2 gaps by continuation, 1 gap by janssen, 1 gap by aidd\n" in said
    assert "3.0000 to 3.1000 s, channel 2: aidd" in said
    assert run(f"{command} --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["outputs"] == [] and report["densities"]["clicks"]["gaps"] == 1
    assert report["filled_by"] == [["continuation", "janssen", "aidd", "continuation"], ["aidd", "continuation"]]
    assert sorted(folder.iterdir()) == before
    assert run("clean.wav out.wav --detect dropouts --dry-run") == 3
    # What a repair would refuse is refused.
    assert run("damaged.wav out.xyz --detect dropouts --dry-run") == 2


def test_broadband_crackle_is_refused(folder, capsys):
    draw, time = np.random.default_rng(0), np.arange(8 * RATE) / RATE
    music = 0.2 * np.sin(2 * np.pi * 330 * time) + 1e-4 * draw.standard_normal(len(time))
    music[2 * RATE :][draw.random(6 * RATE) < 50 / RATE] += 0.1
    sf.write("crackle.wav", music, RATE, subtype="PCM_16")
    assert run("crackle.wav out.wav --detect clicks --method linear") == 2
    assert re.search(r"\d+ clicks a second from .* are broadband crackle", capsys.readouterr().err)
    assert run("crackle.wav out.wav --detect clicks --method linear --dry-run --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["densities"]["clicks"]["per_minute"] > 1200 and "broadband crackle" in report["warnings"][0]
    assert (report["gaps"], report["filled_by"]) == ([[]], [[]]) and len(report["found"]["clicks"][0]) > 100
    assert run("crackle.wav out.wav --detect clicks --method linear --dry-run") == 0
    assert capsys.readouterr().out.endswith("crackle.wav: nothing would be filled\n")


def test_a_lossy_file_says_why_its_dropouts_are_not_found(folder, damaged_tones, capsys):
    audio = read_audio("damaged.wav").samples
    sf.write("damaged.ogg", np.clip(audio.T, -1, 1), RATE, subtype="VORBIS", format="OGG")
    assert run("damaged.ogg out.wav --subtype PCM_16 --detect dropouts --method linear") == 3
    assert "which VORBIS does not keep" in capsys.readouterr().err


def test_long_gaps_are_the_models(folder, tiny_model):
    for method in ("auto", "aidd"):
        command = f"in.wav {method}.wav --gap 0.5 0.6 --model model --seed 0 --method {method} --subtype FLOAT"
        assert run(command) == 0
    assert np.array_equal(read_audio("auto.wav").samples, read_audio("aidd.wav").samples)


def test_short_gaps_need_no_model(folder, tiny_model, capsys):
    shutil.rmtree(folder / "model" / "codec")
    assert run("in.wav out.wav --gap 0.5 0.505 --model model --subtype FLOAT") == 0
    assert capsys.readouterr().out.startswith("in.wav: 1 gap by janssen\n")
    program = "import sys; from aidd.cli.main import main; code = main(); sys.exit(code or ('torch' in sys.modules))"
    command = [sys.executable, "-c", program, "inpaint", "in.wav", "other.wav", "--gap", "0.5", "0.505"]
    assert subprocess.run([*command, "--subtype", "FLOAT"], capture_output=True).returncode == 0


@pytest.fixture
def spectrogram_model(folder, tiny_spectrogram_pipeline):
    tiny_spectrogram_pipeline().save_pretrained(folder / "spectrogram")


def test_the_spectrogram_model_is_a_method_like_others(folder, spectrogram_model, capsys):
    command = "in.wav {} --gap 0.5 0.53 --method spectrogram_repaint --model spectrogram --subtype FLOAT --seed {}"
    assert run(command.format("a.wav", 1)) == run(command.format("b.wav", 2) + " --variations 2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["in.wav", "a.wav", "in.wav", "b-1.wav", "b-2.wav"]
    mask = mask_from_seconds(0.5, 0.53, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    before, *after = (read_audio(name).samples for name in ("in.wav", "a.wav", "b-1.wav", "b-2.wav"))
    for number, restored in enumerate(after):
        assert np.array_equal(restored[:, ~mask], before[:, ~mask])
        for other in (before, *after[:number]):
            assert not np.array_equal(restored[:, mask], other[:, mask])


def test_a_model_of_waveforms_is_given_and_fills_as_its_pipeline_does(folder, tiny_cqtdiff_pipeline, capsys):
    tiny_cqtdiff_pipeline.save_pretrained(folder / "cqtdiff")
    command = "in.wav {} --gap 0.5 0.53 --method cqtdiff --model cqtdiff --subtype DOUBLE --seed {}"
    assert run(command.format("a.wav", 1)) == run(command.format("b.wav", 2) + " --variations 2") == 0
    assert "in.wav: 1 gap by cqtdiff" in capsys.readouterr().out
    mask = mask_from_seconds(0.5, 0.53, num_samples=NUM_SAMPLES, sampling_rate=RATE)
    before, *after = (read_audio(name).samples for name in ("in.wav", "a.wav", "b-1.wav", "b-2.wav"))
    for number, restored in enumerate(after):
        assert np.array_equal(restored[:, ~mask], before[:, ~mask])
        for other in (before, *after[:number]):
            assert not np.array_equal(restored[:, mask], other[:, mask])
    options = {"sampling_rate": RATE, "generator": torch.Generator().manual_seed(1)}
    assert np.allclose(tiny_cqtdiff_pipeline(before, mask, **options).audios, after[0], atol=1e-6)


@pytest.mark.parametrize(
    ("method", "model", "message"),
    [
        (
            "spectrogram_repaint",
            "model",
            "SpectrogramRePaintPipeline: expected a pipeline of class SpectrogramRePaintPipeline, got AIDDPipeline",
        ),
        (
            "aidd",
            "spectrogram",
            "AIDDPipeline: expected a pipeline of class AIDDPipeline, got SpectrogramRePaintPipeline",
        ),
        (
            "auto",
            "spectrogram",
            "AIDDPipeline: expected a pipeline of class AIDDPipeline, got SpectrogramRePaintPipeline",
        ),
    ],
)
def test_the_other_kind_of_model_is_refused(folder, tiny_model, spectrogram_model, capsys, method, model, message):
    assert run(f"in.wav out.wav --gap 0.5 0.58 --method {method} --model {model}") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"aidd: error: {model}: cannot be loaded as {message}") and error.count("\n") == 1


def test_variations_never_replace_the_input(folder, tiny_model, capsys):
    (folder / "in.wav").rename("in-2.wav")
    assert run("in-2.wav in.wav --gap 0.5 0.6 --model model --variations 2") == 2
    assert "in-2.wav: the output is the input" in capsys.readouterr().err


def damage(path, **settings):
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


# What is done to a folder, and what the line on stderr must say.
DAMAGES = [
    ("truncated weights", lambda m: os.truncate(m / "codec/model.safetensors", 1000), "SafetensorError: "),
    ("empty weights", lambda m: os.truncate(m / "transformer/model.safetensors", 0), "SafetensorError: "),
    ("no weights", lambda m: (m / "codec/model.safetensors").unlink(), "model.safetensors"),
    ("wrong sizes", lambda m: damage(m / "transformer/config.json", hidden_size=32), "mismatched|do not belong"),
    ("no configuration", lambda m: (m / "codec/config.json").unlink(), "holds no configuration in codec"),
    ("no part", lambda m: shutil.rmtree(m / "codec"), "codec|model.safetensors"),
    ("a word for a number", lambda m: damage(m / "codec/config.json", codebook_size="x"), "expected int, got str"),
    ("a word for an option", lambda m: damage(m / "model_index.json", guard_tokens="x"), "guard_tokens must be"),
    ("an unknown library", lambda m: damage(m / "model_index.json", codec=["none", "Codec"]), "got one of none"),
    ("an index of half a line", lambda m: (m / "model_index.json").write_text("{"), "not a valid JSON file"),
    ("an index of nothing", lambda m: (m / "model_index.json").write_text("{}"), "KeyError: "),
    ("an index that is a list", lambda m: (m / "model_index.json").write_text("[]"), "TypeError: "),
]


@pytest.mark.parametrize(("change", "message"), [pytest.param(*case[1:], id=case[0]) for case in DAMAGES])
def test_a_damaged_model_is_one_line_too(folder, tiny_model, capsys, change, message):
    change(folder / "model")
    libraries = (diffusers_logging, transformers_logging)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    assert run("in.wav out.wav --gap 0.5 0.6 --model model") == 2
    output = capsys.readouterr()
    assert not output.out and not (folder / "out.wav").exists()
    assert re.fullmatch(rf"aidd: error: model: cannot be loaded as AIDDPipeline: .*({message}).*\n", output.err)
    assert len(output.err) < 400
    assert before == [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]


def test_libraries_do_not_speak_for_the_command(folder, tiny_model):
    # Left alone, transformers draws its progress, and tables the parts that do not fit. A process of its own, as
    # logs go to the stderr that was there when the library was imported.
    damage(folder / "model/transformer/config.json", hidden_size=32)
    command = ["inpaint", "in.wav", "out.wav", "--gap", "0.5", "0.6", "--model", "model"]
    done = python.run("-m", "aidd.cli.main", *command)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("aidd: error: model: cannot be loaded") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "code", "stderr"),
    [(signal.SIGTERM, 143, "aidd: error: ended by SIGTERM\n"), (signal.SIGINT, 130, "aidd: error: interrupted\n")],
)
def test_signals_leave_everything_as_it_was(folder, number, code, stderr):
    # Minutes of noise, which take seconds to encode.
    sf.write("long.wav", 0.1 * np.random.default_rng(0).standard_normal(15 * 60 * RATE), RATE)
    (folder / "out.ogg").write_bytes(b"precious")
    before = sorted(folder.iterdir())
    command = "inpaint long.wav out.ogg --subtype VORBIS --method linear --gap 0.5 0.6"
    process = python.start("-m", "aidd.cli.main", *command.split())
    while not list(folder.glob(".aidd-*.part")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    output = process.communicate()
    assert process.returncode == code and output == ("", stderr)
    assert sorted(folder.iterdir()) == before and (folder / "out.ogg").read_bytes() == b"precious"


def test_handlers_of_signals_are_given_back(folder):
    handler = signal.getsignal(signal.SIGTERM)
    assert run("in.wav a.wav --method linear --gap 0.5 0.6") == 0
    assert signal.getsignal(signal.SIGTERM) is handler
    # Other threads can set none, and need not.
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run("in.wav b.wav --method linear --gap 0.5 0.6")))
    thread.start()
    thread.join()
    assert codes == [0]


def test_info(folder, capsys):
    assert main(["info", "in.wav", "float.wav"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "in.wav: 8000 Hz, 2 channels, 1.001625 s (8013 samples), WAV PCM_24",
        "float.wav: 8000 Hz, 2 channels, 1.001625 s (8013 samples), WAV FLOAT",
    ]
    # The system refuses such a name, and the next file is shown.
    assert main(["info", f"{'a' * 300}.wav", "in.wav"]) == 2
    assert capsys.readouterr().out.startswith("in.wav: 8000 Hz")
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert (
        output.startswith(f"aidd {__version__}\n")
        and "torch 2" in output
        and f"methods: {', '.join(METHODS)}\n" in output
    )
    for methods, model in (("aidd, auto, best", DEFAULT_MODEL), ("spectrogram_repaint", DEFAULT_SPECTROGRAM_MODEL)):
        (line,) = re.findall(rf"^default model of {methods}: (.*)$", output, re.MULTILINE)
        assert line.endswith(f"in {model}" if os.path.isdir(model) else f"(expected in {model})")
    assert output.splitlines()[-1].startswith("cqtdiff needs a folder with a CQTDiffPipeline, as none comes with")


def test_the_console_entry(folder):
    command = ["inpaint", "in.wav", "out.wav", "--method", "linear", "--gap", "0.5"]
    # The script that installing the package makes, beside the Python that it is installed in.
    script = Path(sys.executable).with_name("aidd")
    done = subprocess.run([script, *command, "0.6"], capture_output=True, text=True, check=False)
    assert (
        done.returncode == 0
        and done.stdout.startswith("in.wav: 1 gap by linear\nout.wav: 1 gap filled")
        and not done.stderr
    )
    done = python.run("-m", "aidd.cli.main", *command, "60")
    assert done.returncode == 2 and not done.stdout and done.stderr.count("\n") == 1


# The arguments of `aidd inpaint`, and what the line on stderr must say.
BAD_INPUTS = [
    ("", "arguments are required: IN, OUT"),
    ("in.wav", "arguments are required: OUT"),
    ("in.wav out.wav --method linear", "no gap given: say what is missing with --gap START END or --mask FILE"),
    ("none.wav out.wav --method linear --gap 0.1 0.2", "none.wav: no such file"),
    ("notes.wav out.wav --method linear --gap 0.1 0.2", "notes.wav: cannot be read as audio"),
    ("folder.wav out.wav --method linear --gap 0.1 0.2", "folder.wav: is a folder, expected a file"),
    ("pipe.wav out.wav --method linear --gap 0.1 0.2", "pipe.wav: is not a regular file"),
    ("in.wav pipe.wav --method linear --gap 0.1 0.2", "pipe.wav: is not a regular file"),
    ("broken.wav out.wav --method linear --gap 0.001 0.002", "1 samples that are not finite"),
    ("in.wav in.wav --method linear --gap 0.1 0.2", "in.wav: the output is the input"),
    ("in.wav ../{folder}/in.wav --method linear --gap 0.1 0.2", "the output is the input, which is never written to"),
    ("in.wav none/out.wav --method linear --gap 0.1 0.2", "there is no folder none"),
    ("in.wav folder.wav --method linear --gap 0.1 0.2", "folder.wav: is a folder"),
    ("in.wav out.xyz --method linear --gap 0.1 0.2", "out.xyz: expected a file name that ends in one of"),
    ("in.wav out --method linear --gap 0.1 0.2", "got no suffix"),
    (
        "in.wav out.mp3 --method linear --gap 0.1 0.2",
        "WAV PCM_24 does not carry over to MP3; choose --subtype MPEG_LAYER_III",
    ),
    (
        "float.wav out.flac --method linear --gap 0.1 0.2",
        "WAV FLOAT does not carry over to FLAC; choose --subtype PCM_24 or PCM_16",
    ),
    (
        "in.wav out.wav --method linear --gap 0.1 0.2 --subtype PCM_17",
        "WAV files hold no PCM_17; choose --subtype PCM_24, PCM_16 or FLOAT",
    ),
    ("loud.wav out.wav --method linear --gap 0.001 0.002 --subtype PCM_16", "beyond the range of PCM_16"),
    ("in.wav out.wav --method linear --gap 0.2", "argument --gap: expected 2 arguments"),
    (
        "in.wav out.wav --method linear --gap 0.1 b",
        "argument --gap: expected a time in seconds, such as 62.5, or as 1:02.5 or 0:01:02.5, got 'b'",
    ),
    ("in.wav out.wav --method linear --gap 0.2 0.1", "gap from 0.2 s to 0.1 s: the start must be before the end"),
    ("in.wav out.wav --method linear --gap 0.2 0.2", "the start must be before the end"),
    ("in.wav out.wav --method linear --gap -0.2 0.1", "the start must not be negative"),
    ("in.wav out.wav --method linear --gap 0.2 1.1", "after the signal, which is 1.001625 s long"),
    ("in.wav out.wav --method linear --gap nan 1", "expected a time in seconds, such as 62.5"),
    ("in.wav out.wav --method linear --gap 0 1e999", "start and end must be finite"),
    ("in.wav out.wav --method linear --gap 0 1.001625", "everything is missing"),
    ("in.wav out.wav --method linear --mask none.txt", "none.txt: no such file"),
    ("in.wav out.wav --method linear --mask in.wav", "in.wav: expected a boolean array (.npy) or an Audacity label"),
    ("in.wav out.wav --method linear --mask short.npy", "short.npy: expected a bool array of shape (8013,)"),
    ("in.wav out.wav --method linear --mask numbers.npy", "numbers.npy: expected a bool array"),
    ("in.wav out.wav --method linear --mask three.npy", "three.npy: expected a mask of 2 channels, or of 1 for all"),
    ("in.wav out.wav --method linear --mask none.npy --mask short.npy", "short.npy: expected a bool array"),
    ("in.wav out.wav --method linear --mask all.npy", "everything is missing"),
    ("in.wav out.wav --method linear --mask labels.txt", "labels.txt, line 1: gap from 0.5 s to 0.4 s"),
    ("in.wav out.wav --method magic --gap 0.1 0.2", "expected a method out of aidd, "),
    ("in.wav out.wav --method magic:fill --gap 0.1 0.2", "magic:fill: no module named magic can be imported"),
    ("in.wav out.wav --method json:nothing --gap 0.1 0.2", "json:nothing: module json has no function nothing"),
    ("in.wav out.wav --gap 0.1 0.2 --model nowhere", "nowhere: no such model folder"),
    ("in.wav out.wav --method spectrogram_repaint --gap 0.1 0.2 --model nowhere", "nowhere: no such model folder"),
    (
        "in.wav out.wav --method cqtdiff --gap 0.1 0.2",
        "--model must be given for cqtdiff: it needs a folder with a CQTDiffPipeline, as none comes with the package: "
        "examples/train_cqtdiff.py and examples/assemble_cqtdiff_pipeline.py make one",
    ),
    ("in.wav out.wav --gap 0.1 0.2 --model ./a/b", "./a/b: no such model folder"),
    ("in.wav out.wav --gap 0.1 0.2 --model folder.wav", "folder.wav: the folder holds no pipeline"),
    ("in.wav out.wav --gap 0.1 0.2 --model in.wav", "in.wav: no such model folder"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --model a/b", "--model must be left out for linear"),
    (
        "in.wav out.wav --method linear --gap 0.1 0.2 --variations 2",
        "--variations must be 1 for linear; the methods aidd, auto, best, cqtdiff and spectrogram_repaint give",
    ),
    ("in.wav out.wav --gap 0.1 0.105 --variations 2", "--variations must be 1 where no gap needs the model: "),
    ("in.wav out.wav --gap 0.1 0.2 --variations 0", "--variations must be at least 1, got 0"),
    ("in.wav out.wav --gap 0.1 0.2 --variations two", "argument --variations: invalid int value"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --seed -1", "--seed must lie in [0, 2^63), got -1"),
    (
        "in.wav out.wav --method linear --detect dropouts,wow",
        "--detect must be kinds out of dropouts, clicks, clipping, got 'wow'",
    ),
    ("in.wav out.wav --method linear --detect clipping,", "must be kinds out of dropouts, clicks, clipping, got ''"),
    ("in.wav out.wav --method linear --detect clicks --sensitivity 20", "--sensitivity must lie in [0.1, 10] false"),
    ("in.wav out.wav --gap 0.1 0.2 --fallback aidd", "--fallback must be a method without a model, got aidd"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --adapt 5", "--adapt must be left out for linear, which has no"),
    ("in.wav out.wav --gap 0.1 0.2 --adapt -1", "--adapt must be finite and at least 0, got -1"),
    (
        "in.wav out.wav --gap 0.1 0.2 --adapt 1 --method best",
        "--adapt must be left out for best: the model would have",
    ),
    ("in.wav out.wav --gap 0.1 0.2 --save-adapter a", "--save-adapter must be left out where nothing is learned"),
    ("in.wav out.wav --gap 0.1 0.2 --adapt 1 --adapter a", "--adapter must be left out where one is learned"),
    ("in.wav out.wav --gap 0.1 0.2 --adapter a --method linear", "--adapter must be left out for linear"),
    (
        "in.wav out.wav --gap 0.1 0.2 --candidates lines",
        "--candidates must be left out for auto: it is best",
    ),
    ("in.wav out.wav --gap 0.1 0.2 --trial-seconds 9", "--trial-seconds must be left out for auto"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --candidates lines,auto", "got auto, which chooses among others"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --candidates lines,lines", "one or more different methods, got ["),
    ("in.wav out.wav --gap 0.1 0.2 --method best --candidates cqtdiff", "--candidates must come with their model"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --trial-seconds -1", "--trial-seconds must be at least 0, got -1"),
    ("in.wav out.wav --gap 0.1 0.2 --method best --fallback lines", "--fallback must be left out for best"),
    ("in.wav out.wav --method linear --gap 0.1 0.2 --unknown", "unrecognized arguments: --unknown"),
]


@pytest.mark.parametrize(("command", "message"), BAD_INPUTS)
def test_bad_input_is_one_line_and_exit_code_2(folder, capsys, command, message, record_property):
    before = sorted(folder.iterdir())
    try:
        code = run(command.format(folder=folder.name))
    except SystemExit as stop:
        code = stop.code
    output = capsys.readouterr()
    assert code == 2 and not output.out
    assert output.err.startswith("aidd: error: ") and output.err.count("\n") == 1
    assert message in output.err
    record_property("message", output.err.strip())
    # Nothing was written.
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [[], ["repair"], ["info", "none.wav"], ["info", "--all"]])
def test_other_commands_explain_themselves_too(folder, capsys, arguments):
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2 and error.startswith("aidd: error: ") and error.count("\n") == 1


def test_facts_of_a_model(folder, tiny_model, tiny_pipeline):
    lines = "\n".join(model_facts(folder / "model"))
    for part in ("codec", "transformer"):
        num_parameters = sum(tensor.numel() for tensor in getattr(tiny_pipeline, part).state_dict().values())
        assert re.search(rf"  {part}: \w+, {num_parameters / 1e6:.1f} M parameters, .*codebook_size 32", lines)
    assert "sampling_rate 24000" in lines and "scheduler: MaskedDiscreteScheduler" in lines
    assert "none in this installation" in model_facts(folder / "nowhere")[0]


def test_facts_of_a_folder_that_holds_a_model(folder, tiny_model, capsys):
    assert main(["info", "model", "in.wav"]) == 0
    model, *_, audio = capsys.readouterr().out.splitlines()
    assert model.startswith("model, ") and audio.startswith("in.wav: ")


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 1}'])
def test_a_damaged_model_has_no_facts(folder, tiny_model, capsys, content):
    (folder / "model" / "transformer" / "config.json").write_text(content)
    assert main(["info", "model"]) == 2
    assert re.fullmatch(r"aidd: error: model: cannot be read as a pipeline: .*\n", capsys.readouterr().err)


def test_what_is_too_long_is_said_with_its_place(folder, tiny_model, capsys):
    assert run("in.wav out.wav --gap 0.3 0.75 --model model") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("aidd: error: in.wav, from 0.300 to 0.750 s: the AIDD model fills gaps of up to 0.")
    assert "got one of 0.45 s" in said and not (folder / "out.wav").exists()


def test_facts_of_a_model_of_spectrograms(folder, spectrogram_model):
    first, *parts = model_facts(folder / "spectrogram")
    assert first.startswith("spectrogram, 0.")
    assert [line.split(",")[0] for line in parts] == [
        "  front_end: SpectrogramFrontEnd",
        "  scheduler: DDPMScheduler",
        "  unet: UNet2DModel",
    ]
    for part, facts in zip(
        parts, ("sampling_rate 24000, n_fft 62", "v_prediction", "sample_size [32, 64]"), strict=True
    ):
        assert facts in part


def test_what_was_done_is_told_as_json(folder, capsys):
    assert run("in.wav out.wav --method linear --gap 0.5 0.75 --seed 3 --json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report.pop("seconds") >= 0
    assert report == {
        "version": __version__,
        "input": "in.wav",
        "outputs": ["out.wav"],
        "sampling_rate": RATE,
        "channels": 2,
        "num_samples": NUM_SAMPLES,
        "method": "linear",
        "model": None,
        "seed": 3,
        "gaps": [[[4_000, 6_000]], [[4_000, 6_000]]],
        "filled_by": [["linear"], ["linear"]],
        "found": {},
        "boxes": [],
        "other_frequencies_db": None,
        "densities": {},
        "loading_seconds": 0.0,
        "sources": [],
        "trials": [],
        "adaptation": None,
        "exit_code": 0,
        "errors": [],
        "warnings": [],
    }


@pytest.mark.parametrize(("end", "used"), [(0.503, None), (0.515, None), (0.6, "model")])
def test_a_model_is_told_of_where_it_had_a_part(folder, tiny_pipeline, capsys, end, used):
    tiny_pipeline.save_pretrained(folder / "model")
    capsys.readouterr()
    assert run(f"in.wav out.wav --method auto --model model --gap 0.5 {end} --subtype FLOAT --json") == 0
    assert json.loads(capsys.readouterr().out)["model"] == used


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_repair_is_drawn(folder, suffix):
    pytest.importorskip("matplotlib")
    gaps = "--gap 0 0.01 --gap 0.5 0.75 --subtype FLOAT"
    assert run(f"in.wav out.wav --method linear {gaps} --plot repair.{suffix}") == 0
    picture = (folder / f"repair.{suffix}").read_bytes()
    assert picture.startswith({"png": b"\x89PNG", "svg": b"<?xml"}[suffix])
    # Gaps alone differ: what is drawn depends on what was filled in.
    assert run(f"in.wav out.wav --method janssen {gaps} --plot other.{suffix}") == 0
    assert (folder / f"other.{suffix}").read_bytes() != picture


def test_each_gap_is_drawn_on_its_own_up_to_a_number(folder):
    pytest.importorskip("matplotlib")
    gaps = " ".join(f"--gap {0.05 * number} {0.05 * number + 0.001 * number}" for number in range(1, 15))
    assert run(f"in.wav out.wav --method linear {gaps} --plot repair.svg") == 0
    # Texts of an SVG stand in comments.
    texts = re.findall(r"<!-- (.*?) -->", (folder / "repair.svg").read_text())
    titles = [text for text in texts if re.fullmatch(r"\d+\.\d{4} s, [\d.]+ ms", text)]
    assert len(titles) == 12 and titles[1] == "0.1000 s, 2 ms"
    assert any("12 of 14 gaps" in text for text in texts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("picture.pdf", "a picture's name"),
        ("nowhere/picture.png", "no such folder: nowhere"),
        ("sub.png", "is a folder"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_before_any_work(folder, capsys, name, said):
    (folder / "sub.png").mkdir()
    assert run(f"in.wav out.wav --method linear --gap 0.5 0.75 --plot {name}") == 2
    assert said in capsys.readouterr().err and not (folder / "out.wav").exists()


@pytest.mark.parametrize("option", ["--plot locked/a.png", "--report locked/a.json", "--difference locked/a.wav"])
def test_what_cannot_be_written_beside_the_recording_is_said_before_any_work(folder, capsys, monkeypatch, option):
    (folder / "locked").mkdir(mode=0o555)
    if os.geteuid() == 0:
        # Root may write everywhere; what the permissions say to everyone else.
        monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o222))
    assert run(f"in.wav out.wav --method linear --gap 0.5 0.75 {option}") == 2
    assert capsys.readouterr().err == f"aidd: error: {option}: no permission to write to locked\n"
    assert not (folder / "out.wav").exists()
