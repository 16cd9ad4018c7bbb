import json

import numpy as np
import pytest

from aidd.classical.similarity import similarity
from aidd.cli.main import main
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
