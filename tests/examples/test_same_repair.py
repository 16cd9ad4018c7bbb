"""The Space, the command line and the script for data sets follow one recipe: they write the same file."""

import sys

import numpy as np
import pytest
import soundfile as sf
from scripts import EXAMPLES, load, run

from aidd.cli.main import main


@pytest.fixture
def space(monkeypatch):
    """The Space's module without a page."""
    monkeypatch.syspath_prepend(EXAMPLES / "space")
    import repair

    yield repair
    del sys.modules["repair"], sys.modules["gaps"]


@pytest.mark.parametrize(("method", "rate"), [("auto", 24_000), ("sparse", 8_000)])
def test_space_command_line_and_script_write_the_same_file(space, tiny_pipeline, tones, tmp_path, method, rate):
    """A dropout that is found, two longer gaps and a scratch of 2 ms that are marked."""
    archive, model = tmp_path / "archive", tmp_path / "model"
    archive.mkdir()
    tiny_pipeline.save_pretrained(model)
    samples = tones(2 * rate, rate, channels=2)
    samples[:, 5 * rate // 6 :][:, : rate // 80] = 0
    sf.write(archive / "damaged.wav", np.round(samples.T * 2**15).astype(np.int16), rate, subtype="PCM_16")
    (archive / "damaged.txt").write_text("0.4\t0.48\tgap\n1.2\t1.24\tgap\n1.5\t1.502\tscratch\n")

    with_model = ["--model", str(model)] if method == "auto" else []
    options = ["--detect", "dropouts", "--method", method, *with_model]
    run("inpaint_dataset", "--audio_dir", archive, "--output_dir", tmp_path / "script", "--device", "cpu", *options)
    seed = load("inpaint_dataset").seed_of(0, "archive/damaged.wav")

    output = tmp_path / "command.wav"
    masks = ["--mask", str(archive / "damaged.txt"), "--seed", str(seed)]
    assert main(["inpaint", str(archive / "damaged.wav"), str(output), *masks, *options]) == 0

    recording = space.find(space.open_recording(archive / "damaged.wav"), ["dropouts"])
    request = space.request_for(method, seed, 1, tiny_pipeline)
    found = sys.modules["gaps"].found_lines(recording.damage, recording.scan)
    lines = "\n".join(["0.4 0.48", "1.2 1.24", "1.5 1.502", *map(str, found)])
    report, _ = space.repair(recording, lines, tmp_path, request)
    fillers = ["aidd", "continuation", "u_phain", "janssen"] if method == "auto" else [method] * 4
    assert report.filled_by[0] == fillers

    files = [tmp_path / "script" / "audio" / "archive" / "damaged.wav", output, tmp_path / "damaged-repaired.wav"]
    first, *others = [path.read_bytes() for path in files]
    assert others == [first, first] and first != (archive / "damaged.wav").read_bytes()
