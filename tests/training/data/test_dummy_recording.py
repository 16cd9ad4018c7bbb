import numpy as np
import soundfile as sf

from aidd.training.data.dummy_recording import write_dummy_recording


def test_the_recording_sounds_for_as_long_as_asked(tmp_path):
    write_dummy_recording(tmp_path / "data", 8000, seconds=1.5)
    audio, rate = sf.read(tmp_path / "data" / "tones.wav")
    assert (audio.shape, rate) == ((12_000,), 8000)
    assert 0.05 < np.abs(audio).max() < 1
