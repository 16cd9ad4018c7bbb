"""The Space, the command line and the script for data sets follow one recipe: they write the same file."""

import sys

import numpy as np
import pytest
import soundfile as sf
from scripts import EXAMPLES, load, run

from aidd.cli.main import main


RATE = 24_000


@pytest.fixture
def space(monkeypatch):
    """The Space's module without a page."""
    monkeypatch.syspath_prepend(EXAMPLES / "space")
    import repair

    yield repair
    del sys.modules["repair"]


@pytest.mark.parametrize("method", ["auto", "sparse"])
def test_space_command_line_and_script_write_the_same_file(space, tiny_pipeline, tones, tmp_path, method):
    """A dropout that is found, a longer gap and a scratch of 2 ms that are marked."""
    archive, model = tmp_path / "archive", tmp_path / "model"
    archive.mkdir()
    tiny_pipeline.save_pretrained(model)
    samples = tones(3 * RATE, RATE, channels=2)
    samples[:, 24_000:24_300] = 0
    sf.write(archive / "damaged.wav", np.round(samples.T * 2**15).astype(np.int16), RATE, subtype="PCM_16")
    (archive / "damaged.txt").write_text("0.5\t0.55\tgap\n2.0\t2.002\tscratch\n")

    with_model = ["--model", str(model)] if method == "auto" else []
    options = ["--detect", "dropouts", "--method", method, *with_model]
    run("inpaint_dataset", "--audio_dir", archive, "--output_dir", tmp_path / "script", "--device", "cpu", *options)
    seed = load("inpaint_dataset").seed_of(0, "archive/damaged.wav")

    output = tmp_path / "command.wav"
    masks = ["--mask", str(archive / "damaged.txt"), "--seed", str(seed)]
    assert main(["inpaint", str(archive / "damaged.wav"), str(output), *masks, *options]) == 0

    recording = space.find(space.open_recording(archive / "damaged.wav"), ["dropouts"])
    request = space.request_for(method, seed, 1, tiny_pipeline)
    report, _ = space.repair(recording, "0.5 0.55\n2.0 2.002", tmp_path, request)
    assert report.filled_by[0] == (["aidd", "continuation", "janssen"] if method == "auto" else [method] * 3)

    files = [tmp_path / "script" / "audio" / "archive" / "damaged.wav", output, tmp_path / "damaged-repaired.wav"]
    first, *others = [path.read_bytes() for path in files]
    assert others == [first, first] and first != (archive / "damaged.wav").read_bytes()
