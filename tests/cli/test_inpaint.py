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
from command_line import NUM_SAMPLES, RATE, assert_restored, run
from diffusers.utils import logging as diffusers_logging
from processes import python
from transformers.utils import logging as transformers_logging

from aidd import METHODS, __version__
from aidd.masks.gaps import mask_from_seconds
from aidd.signals.files import read_audio


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


def test_what_is_too_long_is_said_with_its_place(folder, tiny_model, capsys):
    assert run("in.wav out.wav --gap 0.3 0.75 --model model") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("aidd: error: in.wav, from 0.300 to 0.750 s: the AIDD model fills gaps of up to 0.")
    assert "got one of 0.45 s" in said and not (folder / "out.wav").exists()


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


@pytest.mark.parametrize("option", ["--plot locked/a.png", "--report locked/a.json", "--difference locked/a.wav"])
def test_what_cannot_be_written_beside_the_recording_is_said_before_any_work(folder, capsys, monkeypatch, option):
    (folder / "locked").mkdir(mode=0o555)
    if os.geteuid() == 0:
        # Root may write everywhere; what the permissions say to everyone else.
        monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o222))
    assert run(f"in.wav out.wav --method linear --gap 0.5 0.75 {option}") == 2
    assert capsys.readouterr().err == f"aidd: error: {option}: no permission to write to locked\n"
    assert not (folder / "out.wav").exists()
