import os

import numpy as np
import pytest
import soundfile as sf
from command_line import NUM_SAMPLES, RATE


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


@pytest.fixture
def tiny_model(folder, tiny_pipeline):
    tiny_pipeline.save_pretrained(folder / "model")


@pytest.fixture
def spectrogram_model(folder, tiny_spectrogram_pipeline):
    tiny_spectrogram_pipeline().save_pretrained(folder / "spectrogram")
