import warnings

import numpy as np
import pytest

from aidd.audio_io import Audio
from aidd.commands.damage import detect, warn_of_silence_beside


RATE = 24_000


def damaged(*gaps: tuple[int, int]) -> tuple[Audio, np.ndarray]:
    """Noise with silent gaps, and their mask."""
    samples = 0.1 * np.random.default_rng(0).normal(size=(2, 24_000))
    mask = np.zeros(24_000, bool)
    for start, end in gaps:
        samples[:, start:end] = 0
        mask[start:end] = True
    return Audio(samples, RATE, "FLOAT", "WAV"), mask


@pytest.mark.parametrize("left", [24, 600])
def test_silence_left_beside_a_gap_is_told_of(left):
    source, mask = damaged((10_000, 14_000))
    mask[10_000 : 10_000 + left] = False
    with pytest.warns(UserWarning, match=f"{left // 24} ms of the dropout from 0.417 s to 0.583 s are not marked"):
        warn_of_silence_beside(source, mask)


def test_nothing_is_told_of_gaps_marked_whole_or_silence_elsewhere():
    source, mask = damaged((10_000, 14_000), (18_000, 18_100))
    mask[18_000:18_100] = False
    source.samples[:, 12_000] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_silence_beside(source, mask)


def test_a_dropouts_edge_is_no_click():
    source, mask = damaged((10_000, 10_500))
    time = np.arange(24_000) / RATE
    source.samples[:] = np.sin(2 * np.pi * 440 * time) + 0.01 * source.samples
    source.samples[:, mask] = 0
    source.samples[0, 5000:5003] += 0.5
    found, _ = detect(["dropouts", "clicks"], source)
    assert found["dropouts"][:, mask].mean() > 0.99
    assert found["clicks"][0, 5000:5003].all()
    assert not found["clicks"][:, 9000:11_500].any()
