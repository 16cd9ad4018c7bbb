"""What is found in a file block by block is what is found in the whole array."""

import numpy as np
import pytest
import soundfile as sf

from aidd.detection import find_clicks, find_clipping, find_dropouts
from aidd.detection.clipping import clipping_bounds
from aidd.detection.runs import RunFinder, find_runs, level_around
from aidd.masks.gaps import gaps_of
from aidd.repair.damage import apart_from, find_damage
from aidd.repair.scan import scan_audio
from aidd.signals.files import read_audio


RATE = 8_000


@pytest.fixture
def damaged(tmp_path):
    """
    Four seconds: a channel with dropouts, one of them of a second, and clicks, a clipped one, one of silence, one that
    stands still at its highest value from its start, and noise.
    """
    time = np.arange(4 * RATE) / RATE
    draw = np.random.default_rng(0)
    tones = sum(np.sin(2 * np.pi * 330 * k * time + k) / k for k in range(1, 5)) * (1 + 0.2 * np.sin(5 * time)) / 4
    channels = tones + 1e-3 * draw.standard_normal((5, len(time)))
    for start in range(400, len(time) - 400, 1500):
        channels[0, start : start + 3] += draw.choice([-0.3, 0.3], 3)
        channels[0, start + 700 : start + 700 + draw.integers(4, 90)] = channels[0, start + 699] * (start % 2)
    channels[0, 2 * RATE : 3 * RATE] = 0
    channels[1] = channels[1].clip(-0.3, 0.3)
    channels[2] = 0
    channels[3, :9000] = 0.75
    channels[4] = draw.standard_normal(len(time)) / 10
    sf.write(tmp_path / "in.wav", np.round(channels.T * 2**15).astype(np.int16), RATE, subtype="PCM_16")
    return tmp_path / "in.wav"


@pytest.mark.parametrize("block_samples", [1, 1_000, 7_777, 2**18])
def test_a_file_has_the_damage_of_the_array(damaged, block_samples):
    audio = read_audio(damaged).samples
    damage = find_damage(scan_audio(damaged), block_samples=block_samples)
    mask, lower, upper = find_clipping(audio)
    expected = {
        "dropouts": find_dropouts(audio, sampling_rate=RATE),
        "clicks": find_clicks(audio, sampling_rate=RATE),
        "clipping": mask,
    }
    for kind, of_kind in expected.items():
        assert of_kind.any()
        for channel, gaps in zip(of_kind, getattr(damage, kind), strict=True):
            assert np.array_equal(gaps, gaps_of(channel)), kind
    bounds = clipping_bounds(audio, damage.ceilings, damage.floors)
    assert all(np.array_equal(one, other) for one, other in zip(bounds, (mask, lower, upper), strict=True))
    assert not any(map(len, find_damage(scan_audio(damaged), ["dropouts"]).clicks))


@pytest.mark.parametrize("longest", [1, 3, 50])
@pytest.mark.parametrize("min_samples", [1, 4])
def test_runs_are_found_whatever_the_blocks(longest, min_samples):
    """Against a search of the whole; blocks of one sample too, and runs longer than any block."""
    draw = np.random.default_rng(longest)
    for _ in range(20):
        signal = np.repeat(draw.integers(0, 3, 60), draw.choice([1, 1, 2, 5, 90], 60)).astype(float)
        expected = [
            (start, end, signal[start])
            for start, end in zip(*(edge.tolist() for edge in find_runs(signal)), strict=True)
            if end - start >= min_samples and signal[start] != 2 and level_around(signal, start, end, longest) > 1.0
        ]
        for length in (1, 7, 64, len(signal)):
            finder = RunFinder(
                min_samples=min_samples, longest=longest, threshold=1.0, wanted=lambda values: values != 2
            )
            for start in range(0, len(signal), length):
                finder.feed(signal[start : start + length])
            assert [run[:3] for run in finder.finish()] == expected


def test_a_long_run_takes_no_memory():
    finder = RunFinder(min_samples=4, longest=40, threshold=0.0, wanted=lambda values: values == 0)
    finder.feed(np.ones(100))
    for _ in range(1000):
        finder.feed(np.zeros(500))
        assert len(finder._before) + len(finder._after) <= 2 * 40
    finder.feed(np.ones(100))
    assert finder.finish() == [(100, 500_100, 0.0, True)]


def test_clicks_next_to_dropouts_are_none():
    clicks, dropouts = np.array([[5, 7], [10, 12], [31, 33], [50, 51]]), np.array([[12, 30], [49, 52]])
    assert apart_from(clicks, dropouts).tolist() == [[5, 7], [31, 33]]
