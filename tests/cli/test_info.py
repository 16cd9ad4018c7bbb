"""`aidd info`: what it says of the package, of files and of models."""

import os
import re

import pytest

from aidd import DEFAULT_MODEL, DEFAULT_SPECTROGRAM_MODEL, METHODS, __version__
from aidd.cli.info import model_facts
from aidd.cli.main import main


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
