"""A folder of recordings is repaired, by any number of processes, in one go or in several."""

import hashlib
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest
import soundfile as sf
from datasets import Audio, Dataset
from processes import python
from scripts import CPU, EXAMPLES, run, run_two_processes

from aidd.models.loading import weights_digest
from aidd.signals.files import read_audio


RATE = 24_000


def tones(seconds, channels=1):
    time = np.arange(round(seconds * RATE)) / RATE
    signal = sum(np.sin(2 * np.pi * 220 * k * time + k) / k for k in range(1, 6)) * np.exp(-2 * (time % 0.4))
    noise = 0.01 * np.random.default_rng(0).standard_normal((len(time), channels))
    return 0.2 * (signal[:, None] + noise)


@pytest.fixture
def archive(tmp_path, tiny_pipeline):
    """A tiny pipeline, and a folder: files with labels, an array, a dropout and nothing, and a bad file."""
    tiny_pipeline.save_pretrained(tmp_path / "model")
    folder = tmp_path / "archive"
    (folder / "below").mkdir(parents=True)
    for name, channels in (("labels.wav", 2), ("below/array.flac", 1), ("dropout.wav", 1), ("intact.wav", 1)):
        samples = tones(2.0, channels)
        if name == "dropout.wav":
            samples[20_000:21_000] = 0
        sf.write(folder / name, samples, RATE, subtype="PCM_16")
    (folder / "labels.txt").write_text("0.5\t0.6\tgap\n1.0\t1.001\tclick\n")
    np.save(folder / "below" / "array.npy", np.arange(2 * RATE) // 2400 == 9)
    (folder / "bad.wav").write_text("no audio")
    return folder


def options(archive, output, *more):
    model = archive.parent / "model"
    return ["--audio_dir", archive, "--model", model, "--output_dir", output, "--detect", "dropouts", *more]


def repair(archive, output, *more):
    with pytest.raises(SystemExit, match="1"):
        run("inpaint_dataset", *options(archive, output, "--device", "cpu", *more))
    return manifest(output)


def manifest(output):
    return {row["file"]: row for row in map(json.loads, (output / "manifest.jsonl").read_text().splitlines())}


def digests(output):
    files = [path for path in (output / "audio").rglob("*") if path.is_file()]
    return {path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_recording_is_repaired_and_has_a_row(archive, tmp_path):
    for name in ("intact.wav", "labels.wav"):
        (archive / name).chmod(0o600)
        os.utime(archive / name, (10**9, 10**9))
    rows = repair(archive, tmp_path / "out")
    assert {name: row.get("num_gaps") for name, row in rows.items()} == {
        "archive/bad.wav": None,
        "archive/below/array.flac": 1,
        "archive/dropout.wav": 1,
        "archive/intact.wav": 0,
        "archive/labels.wav": 2,
    }
    assert "bad.wav: cannot be read as audio" in rows["archive/bad.wav"]["error"]
    expected = {"error": None, "method": "auto", "seed": 0, "filled_seconds": 0.101, "recording_seconds": 2.0}
    assert expected.items() <= rows["archive/labels.wav"].items()
    assert len(rows["archive/labels.wav"]["model_digest"]) == 64
    for name in ("labels.wav", "below/array.flac", "dropout.wav"):
        row = rows[f"archive/{name}"]
        assert row["sha256"] == hashlib.sha256((archive / name).read_bytes()).hexdigest()
        before, after = read_audio(archive / name), read_audio(tmp_path / "out" / row["output"])
        changed = (before.samples != after.samples).any(0)
        assert 0.9 * row["filled_seconds"] < changed.sum() / RATE <= row["filled_seconds"] + 1e-9
        assert (before.subtype, before.format) == (after.subtype, after.format)
    copy = tmp_path / "out" / rows["archive/intact.wav"]["output"]
    assert copy.read_bytes() == (archive / "intact.wav").read_bytes()
    repaired = tmp_path / "out" / rows["archive/labels.wav"]["output"]
    assert [path.stat().st_mode & 0o777 for path in (copy, repaired)] == [0o600, 0o600]
    assert copy.stat().st_mtime == 10**9 != repaired.stat().st_mtime


def test_what_is_not_used_is_listed(archive, tmp_path, capsys):
    (archive / "labels.txt").rename(archive / "labels.TXT")
    (archive / "orphan.txt").write_text("0.5\t0.6\tgap\n")
    (archive / "phone.m4a").write_bytes(bytes(4) + b"ftypM4A ")
    (archive / "cover.jpg").write_bytes(b"picture")
    sf.write(archive / "labels.flac", tones(1.0), RATE, subtype="PCM_16")
    output = tmp_path / "out"
    rows = repair(archive, output)
    listed = [json.loads(line) for line in (output / "not_used.jsonl").read_text().splitlines()]
    assert [row["file"] for row in listed] == ["cover.jpg", "labels.TXT", "orphan.txt", "phone.m4a"]
    printed = capsys.readouterr().out
    assert "orphan.txt" in printed and "phone.m4a" in printed and "cover.jpg" not in printed
    for name in ("labels.wav", "labels.flac"):
        row = rows[f"archive/{name}"]
        assert row["num_gaps"] == 0 and "labels.TXT is not used: a mask that could" in row["warnings"][0]


def test_two_processes_write_what_one_does(archive, tmp_path):
    (archive / "bad.wav").unlink()
    run("inpaint_dataset", *options(archive, tmp_path / "one", "--device", "cpu"))
    run_two_processes(EXAMPLES / "inpaint_dataset.py", *options(archive, tmp_path / "two"))
    assert len(list((tmp_path / "two").glob("rows-*.jsonl"))) == 2
    assert digests(tmp_path / "one") == digests(tmp_path / "two") and len(digests(tmp_path / "one")) == 4
    times = ("seconds", "finished")
    one, two = (
        {name: {key: value for key, value in row.items() if key not in times} for name, row in rows.items()}
        for rows in map(manifest, (tmp_path / "one", tmp_path / "two"))
    )
    assert one == two


def test_a_killed_run_goes_on_where_it_stood(archive, tmp_path):
    whole = tmp_path / "whole"
    repair(archive, whole)
    output = tmp_path / "killed"
    command = [EXAMPLES / "inpaint_dataset.py", *options(archive, output, "--device", "cpu")]
    process = python.start(*command, **CPU)
    journal = output / "rows-0.jsonl"
    while process.poll() is None and not (journal.exists() and journal.read_text().count("\n") >= 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = journal.read_text()[: journal.read_text().rfind("\n") + 1]
    # Half a line, as a process leaves that is killed while it writes.
    journal.write_text(kept + '{"file": "archive/l')
    (output / "audio" / "archive" / ".aidd-0123456789abcdef.part").write_bytes(b"half a file")
    repair(archive, output)
    assert digests(output) == digests(whole)
    lines = journal.read_text()
    assert lines.startswith(kept)
    # The bad file is tried again; no other has two rows.
    names = [json.loads(line)["file"] for line in lines.splitlines()]
    assert sorted(names) == sorted([*manifest(whole), "archive/bad.wav"])


def test_only_what_has_changed_is_done_again(archive, tmp_path):
    output = tmp_path / "out"
    first = repair(archive, output)
    (archive / "labels.txt").write_text("0.5\t0.7\tgap\n")
    (output / first["archive/dropout.wav"]["output"]).unlink()
    sf.write(archive / "new.wav", tones(1.0), RATE, subtype="PCM_16")
    second = repair(archive, output)
    changed = {name for name in second if second[name] != first.get(name)}
    assert changed == {f"archive/{name}.wav" for name in ("labels", "dropout", "new", "bad")}
    assert second["archive/labels.wav"]["num_gaps"] == 1
    third = repair(archive, output, "--seed", 1)
    assert all(row["seed"] == 1 for row in third.values())


def test_a_data_set_is_repaired_too(archive, tmp_path):
    (tmp_path / "set").mkdir()
    rows = {"audio": [shutil.copy(archive / name, tmp_path / "set") for name in ("dropout.wav", "intact.wav")]}
    rows = {"audio": list(map(str, rows["audio"]))}
    Dataset.from_dict(rows).cast_column("audio", Audio()).to_parquet(tmp_path / "set" / "train.parquet")
    output = tmp_path / "out"
    run(
        *("inpaint_dataset", "--dataset_name", tmp_path / "set", "--split", "train", "--detect", "dropouts"),
        *("--cache_dir", tmp_path / "cache", "--method", "linear", "--output_dir", output, "--device", "cpu"),
    )
    assert [(name, row["num_gaps"], row["model_digest"]) for name, row in manifest(output).items()] == [
        ("set/train/0/dropout.wav", 1, None),
        ("set/train/1/intact.wav", 0, None),
    ]
    assert len(digests(output)) == 2


def test_the_spectrogram_model_repairs_too(tmp_path, tiny_pipeline, tiny_spectrogram_pipeline):
    pipes = {"aidd": tiny_pipeline, "spectrogram_repaint": tiny_spectrogram_pipeline()}
    parts = {"aidd": ("codec", "transformer"), "spectrogram_repaint": ("unet",)}
    (tmp_path / "archive").mkdir()
    sf.write(tmp_path / "archive" / "one.wav", tones(1.0, 2), RATE, subtype="PCM_16")
    (tmp_path / "archive" / "one.txt").write_text("0.5\t0.53\tgap\n")
    command = ("inpaint_dataset", "--audio_dir", tmp_path / "archive", "--device", "cpu", "--output_dir")
    for method, pipe in pipes.items():
        pipe.save_pretrained(tmp_path / "models" / method)
        output = tmp_path / method
        run(*command, output, "--method", method, "--model", tmp_path / "models" / method)
        weights = {
            f"{part}.{name}": value
            for part in parts[method]
            for name, value in getattr(pipe, part).state_dict().items()
        }
        (row,) = manifest(output).values()
        assert (row["error"], row["method"], row["model_digest"]) == (None, method, weights_digest(weights))
        before, after = (read_audio(path).samples for path in (tmp_path / "archive/one.wav", output / row["output"]))
        places = (before != after).any(0).nonzero()[0]
        assert places.min() >= 12_000 and places.max() < 12_720 and len(places) > 700
    with pytest.raises(ValueError, match="class SpectrogramRePaintPipeline, got AIDDPipeline"):
        run(*command, tmp_path / "no", "--method", "spectrogram_repaint", "--model", tmp_path / "models" / "aidd")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--audio_dir", "a", "--output_dir", "a/out"], "must not lie in --audio_dir"),
        (["--audio_dir", "a", "--output_dir", "b", "--split", "train"], "--split: a folder of audio files has none"),
        (["--dataset_name", "a/b", "--output_dir", "b"], "--split: needed"),
        (["--dataset_name", "a/b", "--output_dir", "b", "--split", "train"], "--detect: needed"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("inpaint_dataset", *arguments)
    assert message in capsys.readouterr().err
