import numpy as np
import soundfile as sf
from segments import read_segments

from aidd.evaluation.protocols.protocol import Protocol, read_item
from aidd.evaluation.protocols.selection import select_items


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


def test_one_gap_takes_the_segments_that_read_segments_does(tmp_path):
    rate = 2000
    audio = 0.1 * np.random.default_rng(0).standard_normal((60 * rate, 2))
    audio[20 * rate : 30 * rate] *= 1e-3
    sf.write(tmp_path / "a.wav", audio, rate, subtype="PCM_24")
    one_gap = Protocol.load("one_gap")
    selection = select_items(one_gap, {"x/a.wav": tmp_path / "a.wav"}, seed=0)
    expected = list(read_segments(tmp_path / "a.wav", 8))
    assert 0 < len(expected) < 8
    assert selection.left_out == {"short recordings": 0, "quiet segments": 8 - len(expected), "silent gaps": 0}
    assert len(selection.items) == 8 * len(expected)
    for item, (start, segment, _) in zip(selection.items[::8], expected, strict=True):
        assert item.start == start and item.sampling_rate == rate
        assert np.array_equal(read_item(item, {"x/a.wav": tmp_path / "a.wav"})[0], segment)
