import numpy as np
import soundfile as sf

from aidd.evaluation.protocols.segments import read_segments


def test_segments_are_evenly_spread_mono_and_not_silent(tmp_path):
    audio = np.zeros((20 * 8000, 2))
    audio[:, 0] = 0.5 * np.sin(np.arange(len(audio)) / 10)
    audio[8 * 8000 : 15 * 8000] = 0
    sf.write(tmp_path / "a.wav", audio, 8000, subtype="DOUBLE")
    found = list(read_segments(tmp_path / "a.wav", 3))
    length = round(4.17 * 8000)
    starts = np.linspace(0, len(audio) - length, 5).astype(int)[1:-1]
    loud = [start for start in starts if np.abs(audio[start : start + length]).max() > 0]
    assert [start for start, _, _ in found] == loud and len(loud) >= 1
    for start, segment, rate in found:
        assert rate == 8000
        np.testing.assert_allclose(segment, audio[start : start + length].mean(1))


def test_a_short_recording_has_none(tmp_path):
    sf.write(tmp_path / "a.wav", np.ones(8000), 8000)
    assert not list(read_segments(tmp_path / "a.wav", 3))
