import hashlib
import os

import numpy as np
import pytest
import soundfile as sf

from aidd.signals.files import read_audio
from aidd.signals.recordings import file_sha256, read_excerpt, recording_length
from aidd.signals.resampling import resample


def write_noise(path, rate=8000, seconds=2.0, channels=2, **options):
    sf.write(path, 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels)), rate, **options)


FILES = [
    ("a.wav", {"subtype": "PCM_24"}),
    ("a.wav", {"subtype": "DOUBLE"}),
    ("a.flac", {}),
    ("a.ogg", {"subtype": "VORBIS"}),
    ("a.mp3", {}),
]


# MP3 has two channels at most.
@pytest.mark.parametrize(
    ("name", "options", "channels"),
    [(*file, channels) for file in FILES for channels in (1, 2, 3) if (file[0], channels) != ("a.mp3", 3)],
)
def test_excerpts_are_those_of_the_whole_recording(tmp_path, name, options, channels):
    write_noise(tmp_path / name, channels=channels, **options)
    whole = read_audio(tmp_path / name).samples.mean(0)
    assert recording_length(tmp_path / name) == (len(whole), 8000)
    for start, length in ((0, 100), (7001, 3000), (len(whole) - 10, 10), (0, len(whole))):
        excerpt = read_excerpt(tmp_path / name, start, length)
        # libsndfile rounds MP3's samples to float32 in ways that depend on how many are read at once.
        np.testing.assert_allclose(excerpt, whole[start : start + length], rtol=0, atol=1e-7 * (name == "a.mp3"))


@pytest.mark.parametrize(("from_rate", "to_rate"), [(8000, 12_000), (12_000, 8000), (11_025, 8000), (8001, 12_007)])
def test_excerpts_at_another_rate_are_those_of_the_recording_resampled_whole(tmp_path, from_rate, to_rate):
    write_noise(tmp_path / "a.wav", rate=from_rate, subtype="PCM_24")
    whole = resample(read_audio(tmp_path / "a.wav").samples.mean(0), from_rate, to_rate)
    assert recording_length(tmp_path / "a.wav", to_rate) == (len(whole), to_rate)
    for start, length in ((0, 100), (7001, 3000), (len(whole) - 10, 10), (0, len(whole))):
        excerpt = read_excerpt(tmp_path / "a.wav", start, length, sampling_rate=to_rate)
        np.testing.assert_allclose(excerpt, whole[start : start + length], atol=1e-12)


def test_what_cannot_be_read_is_named(tmp_path):
    write_noise(tmp_path / "a.wav")
    with pytest.raises(ValueError, match=r"a\.wav: expected samples 15990 to 16010 at 8000 Hz, the recording ends"):
        read_excerpt(tmp_path / "a.wav", 15_990, 20)
    (tmp_path / "b.wav").write_text("no audio")
    with pytest.raises(ValueError, match=r"b\.wav: cannot be read as audio"):
        recording_length(tmp_path / "b.wav")
    for read in (recording_length, file_sha256):
        with pytest.raises(ValueError, match=r"c\.wav: no such file"):
            read(tmp_path / "c.wav")


def test_digests_are_of_the_content_that_is_there_now(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        os.utime(path, ns=(0, len(content) * 10**9 + content[-1]))
        assert file_sha256(path) == file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_file_that_breaks_off_is_named(tmp_path):
    path = tmp_path / "a.flac"
    write_noise(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"a\.flac: (cannot be read as audio|expected samples)"):
        read_excerpt(path, 8000, 4000)
