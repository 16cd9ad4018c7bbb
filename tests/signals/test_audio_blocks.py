"""Regions of a file are what the whole file holds there."""

import io

import numpy as np
import pytest

from aidd.signals.blocks import AudioReader, writing_audio
from aidd.signals.files import read_audio, write_audio


FILES = [
    ("a.wav", "PCM_24"),
    ("a.wav", "ULAW"),
    ("a.flac", "PCM_16"),
    ("a.ogg", "VORBIS"),
    ("a.opus", "OPUS"),
    ("a.mp3", "MPEG_LAYER_III"),
]


@pytest.mark.parametrize(("name", "subtype"), FILES)
def test_regions_are_those_of_the_whole(tmp_path, name, subtype):
    """In lossy files too, which give other samples after a jump; regions overlap and leave some out."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 48_000)).clip(-3, 3)
    write_audio(tmp_path / name, noise, sampling_rate=48_000, subtype=subtype)
    whole = read_audio(tmp_path / name).samples
    with AudioReader(tmp_path / name) as reader:
        for start, stop in ((0, 100), (50, 5000), (4000, 4500), (4000, 20_000), (30_000, 30_000), (30_001, 90_000)):
            assert np.array_equal(reader.read(start, stop), whole[:, start:stop])
        with pytest.raises(ValueError, match="in the order of their starts, got 30000 after 30001"):
            reader.read(30_000, 30_010)
        assert reader.read(90_000, 91_000).shape == (2, 0)


@pytest.mark.parametrize(("name", "subtype"), FILES[:3])
def test_a_jump_in_a_lossless_file_changes_no_sample(tmp_path, name, subtype):
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 48_000)).clip(-3, 3)
    write_audio(tmp_path / name, noise, sampling_rate=48_000, subtype=subtype)
    whole = read_audio(tmp_path / name).samples
    with AudioReader(tmp_path / name) as reader:
        assert reader.num_samples == 48_000
        for start in (30_000, 100, 47_990, 60_000):
            reader.jump(start)
            assert np.array_equal(reader.read(start, start + 100), whole[:, start : start + 100])


def test_content_is_read_as_a_file_is_and_named_as_asked(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 1000)).clip(-3, 3)
    write_audio(tmp_path / "a.flac", noise, sampling_rate=8000, subtype="PCM_16")
    with AudioReader(io.BytesIO((tmp_path / "a.flac").read_bytes()), name="row 3") as reader:
        assert np.array_equal(reader.read(0, 1000), read_audio(tmp_path / "a.flac").samples)
        reader.read(500, 600)
        with pytest.raises(ValueError, match="row 3: expected regions in the order of their starts, got 0 after 500"):
            reader.read(0, 10)


def test_blocks_make_the_file_that_the_whole_makes(tmp_path):
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 5000)) * 0.9
    write_audio(tmp_path / "whole.flac", samples, sampling_rate=1000, subtype="PCM_24")
    paths = [tmp_path / "a.flac", tmp_path / "b.flac"]
    with writing_audio(paths, sampling_rate=1000, subtype="PCM_24", channels=2) as writers:
        for start in range(0, 5000, 321):
            for writer in writers:
                writer.write(samples[:, start : start + 321])
        assert not any(path.exists() for path in paths)
    assert all(path.read_bytes() == (tmp_path / "whole.flac").read_bytes() for path in paths)


def test_the_peak_is_told_of_all_blocks(tmp_path):
    with (
        pytest.raises(ValueError, match="samples reach 3, beyond the range of PCM_16"),
        writing_audio([tmp_path / "a.wav"], sampling_rate=1000, subtype="PCM_16", channels=1) as (writer,),
    ):
        for peak in (0.5, 2.0, 0.1, -3.0, 1.0):
            writer.write(np.full((1, 10), peak))
    assert not list(tmp_path.iterdir())
