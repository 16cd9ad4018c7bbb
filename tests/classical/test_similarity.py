import json
import tracemalloc
from functools import partial

import numpy as np
import pytest

from aidd import RepairRequest, repair_file
from aidd.classical.recording_features import recording_features
from aidd.classical.similarity import similarity, similarity_in_parts
from aidd.classical.source_search import find_sources
from aidd.cli.main import main
from aidd.masks.gaps import find_gaps
from aidd.signals.blocks import read_stretches
from aidd.signals.files import read_audio, write_audio
from aidd.signals.samples import sample_recordings


RATE = 8_000


def snr(audio: np.ndarray, restored: np.ndarray, mask: np.ndarray) -> float:
    return 10 * np.log10(np.square(audio[mask]).sum() / np.square((audio - restored)[mask]).sum())


def test_a_periodic_piece_comes_back_to_the_sample():
    period = np.random.default_rng(0).normal(size=RATE + 17)
    audio = np.tile(period, 5)
    mask = np.zeros(len(audio), bool)
    mask[20_000:22_400] = True
    sources = []
    restored = similarity(np.where(mask, np.nan, audio), mask, sampling_rate=RATE, observe=sources.append)
    (source,) = sources
    assert (source.start, source.stop) == (20_000, 22_400) and source.likeness == pytest.approx(1)
    assert (source.source_start - source.start) % len(period) == 0
    np.testing.assert_allclose(restored, audio, atol=1e-9)


@pytest.mark.parametrize("start", [0.2, 2.8, 3.2, 4.2, 6.8])
def test_what_comes_again_near_an_end_of_the_recording_is_found(start):
    """The second of context that would lie beyond an end is not needed."""
    verse = np.random.default_rng(0).normal(size=4 * RATE) * (1 + np.sin(np.arange(4 * RATE) / RATE * 9))
    audio, mask = np.tile(verse, 2), np.zeros(8 * RATE, bool)
    mask[round(start * RATE) : round((start + 0.5) * RATE)] = True
    sources = []
    restored = similarity(np.where(mask, np.nan, audio), mask, sampling_rate=RATE, observe=sources.append)
    assert abs(sources[0].source_start - sources[0].start) == 4 * RATE
    np.testing.assert_allclose(restored, audio, atol=1e-9)


def test_a_section_of_music_that_comes_again_fills_a_gap_in_it_in_all_channels():
    recording = read_audio(next(iter(sample_recordings().values())))
    rate = recording.sampling_rate
    music = recording.samples.mean(0)[: 24 * rate]
    section = music[3 * rate : 7 * rate]
    noise = 0.02 * np.std(section) * np.random.default_rng(0).normal(size=len(section))
    audio = np.stack([1.0, 0.5])[:, None] * np.concatenate([music, section + noise, music[8 * rate : 10 * rate]])
    start = 26 * rate
    mask = np.zeros(audio.shape[-1], bool)
    mask[start : start + round(0.75 * rate)] = True
    sources = []
    restored = similarity(np.where(mask, np.nan, audio), mask, sampling_rate=rate, observe=sources.append)
    assert sources[0].source_start == 5 * rate
    for channel in range(2):
        assert snr(audio[channel], restored[channel], mask) > 15
    assert np.array_equal(restored[:, ~mask], audio[:, ~mask])


def test_noise_is_refused_and_so_is_what_is_too_short():
    noise, mask = np.random.default_rng(0).normal(size=60 * RATE), np.zeros(60 * RATE, bool)
    mask[200_000:203_000] = True
    with pytest.raises(ValueError, match=r"surroundings of the gap from 25\.000 to 25\.375 s.*likeness of 0\.[0-4]"):
        similarity(noise, mask, sampling_rate=RATE)
    with pytest.raises(ValueError, match="no place is long enough"):
        similarity(noise[199_000:205_000], mask[199_000:205_000], sampling_rate=RATE)


def test_the_report_of_a_repair_says_what_was_taken_from_where(tmp_path, capsys):
    audio = 0.1 * np.tile(np.random.default_rng(0).normal(size=RATE), 6)
    write_audio(tmp_path / "in.wav", audio[None], sampling_rate=RATE, subtype="FLOAT")
    arguments = [str(tmp_path / "in.wav"), str(tmp_path / "out.wav"), "--gap", "2.5", "2.8", "--method", "similarity"]
    assert main(["inpaint", *arguments, "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert (source["start"], source["stop"]) == (20_000, 22_400) and source["likeness"] == pytest.approx(1)
    assert (source["source_start"] - 20_000) % RATE == 0
    assert main(["inpaint", *arguments]) == 0
    assert f"the gap at 2.500 s is like {source['source_start'] / RATE:.3f} s" in capsys.readouterr().out
    np.testing.assert_allclose(read_audio(tmp_path / "out.wav").samples[0], audio, atol=1e-6)


@pytest.fixture(scope="module")
def repeated():
    """Stereo at 24 kHz in which 4 s of music come again, float32, and gaps in both times they are played."""
    recording = read_audio(next(iter(sample_recordings().values())))
    rate = recording.sampling_rate
    music = recording.samples.mean(0)[: 24 * rate]
    noise = 0.002 * np.std(music) * np.random.default_rng(0).normal(size=4 * rate)
    mono = np.concatenate([music, music[3 * rate : 7 * rate] + noise, music[8 * rate : 10 * rate]])
    audio = np.stack([mono, 0.5 * np.roll(mono, 40)]).astype(np.float32).astype(np.float64)
    mask = np.zeros(audio.shape, bool)
    mask[:, 26 * rate : round(26.3 * rate)] = True
    mask[1, 4 * rate : round(4.2 * rate)] = True
    mask[0, round(6.2 * rate) : round(6.3 * rate)] = mask[1, round(6.25 * rate) : round(6.35 * rate)] = True
    mask[0, round(6.4 * rate) : round(6.45 * rate)] = True
    return audio, mask, rate


def test_the_same_is_found_whatever_the_size_of_blocks(repeated):
    audio, mask, rate = repeated
    gaps = find_gaps(mask.any(0))
    read, extent = partial(map, lambda stretch: audio[:, slice(*stretch)]), {"num_samples": audio.shape[1]}
    one, *others = (
        recording_features(read, gaps, **extent, sampling_rate=rate, block_samples=size) for size in (10**9, 1, 9_001)
    )
    assert 0.9 < one[1].mean() < 1 and not one[0][~one[1]].any()
    np.testing.assert_allclose(one[0][one[1]].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(one[0][one[1]].std(0), 1, atol=1e-5)
    for features, valid in others:
        np.testing.assert_allclose(features, one[0], atol=1e-4)
        assert np.array_equal(valid, one[1])
    whole, *in_blocks = (
        find_sources(read, gaps, **extent, sampling_rate=rate, block_samples=size) for size in (10**9, 1, 9_001)
    )
    for found in in_blocks:
        assert [one.source_start for one in found] == [one.source_start for one in whole]
        assert [one.likeness for one in found] == pytest.approx([one.likeness for one in whole], abs=1e-5)


def test_parts_of_a_file_are_filled_as_the_whole_is(repeated, tmp_path):
    audio, mask, rate = repeated
    sources = []
    expected = similarity(audio, mask, sampling_rate=rate, observe=sources.append)
    assert [one.start for one in sources] == find_gaps(mask.any(0))[:, 0].tolist()
    write_audio(tmp_path / "in.wav", audio, sampling_rate=rate, subtype="FLOAT")
    np.save(tmp_path / "mask.npy", mask)
    request = RepairRequest(masks=[tmp_path / "mask.npy"], method="similarity", subtype="DOUBLE")
    report = repair_file(tmp_path / "in.wav", tmp_path / "out.wav", request)
    assert report.sources == sources
    assert np.array_equal(read_audio(tmp_path / "out.wav").samples, expected)


def test_memory_beyond_a_block_is_that_of_the_features(tmp_path):
    rate, peaks, sizes = 24_000, [], []
    for minutes in (1, 3):
        audio = 0.1 * np.tile(np.random.default_rng(0).normal(size=(2, 5 * rate)), 12 * minutes)
        write_audio(tmp_path / "in.wav", audio, sampling_rate=rate, subtype="PCM_16")
        gaps, extent = np.array([[20 * rate, 21 * rate]]), {"num_samples": audio.shape[1], "sampling_rate": rate}
        sizes.append(audio.nbytes)
        del audio
        tracemalloc.start()
        similarity_in_parts(partial(read_stretches, tmp_path / "in.wav"), gaps, **extent)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.1 * (sizes[1] - sizes[0])


def test_a_file_without_anything_alike_is_refused_by_its_name(tmp_path):
    noise = 0.1 * np.random.default_rng(0).normal(size=(1, 60 * RATE))
    write_audio(tmp_path / "in.wav", noise, sampling_rate=RATE, subtype="PCM_16")
    request = RepairRequest(gaps=[(25.0, 25.375)], method="similarity")
    with pytest.raises(ValueError, match=r"in\.wav: expected a part .* of the gap from 25\.000 to 25\.375 s"):
        repair_file(tmp_path / "in.wav", tmp_path / "out.wav", request)
    assert not (tmp_path / "out.wav").exists()
