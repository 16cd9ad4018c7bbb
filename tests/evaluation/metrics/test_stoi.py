import importlib.util
import math

import numpy as np
import pytest

from aidd.evaluation.metrics import estoi, stoi


RATE = 16_000
both = pytest.mark.parametrize("metric", [stoi, estoi])


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Noise in bands that come and go as syllables do, each at its own time."""
    generator, time = np.random.default_rng(0), np.arange(3 * RATE) / RATE
    bands = [
        np.sin(2 * np.pi * np.cumsum(f * (1 + 0.01 * generator.normal(size=len(time)))) / RATE)
        * (1 + np.sin(2 * np.pi * (3 + k / 4) * time + k))
        for k, f in enumerate((200, 500, 900, 1500, 2500, 3500))
    ]
    return 0.1 * np.sum(bands, 0)


@both
def test_the_reference_itself_is_1_and_longer_gaps_are_worse(metric, speech):
    values = []
    for length in (0.0, 0.1, 0.3, 0.6):
        gapped = speech.copy()
        gapped[RATE : RATE + round(length * RATE)] = 0
        values.append(metric(speech, gapped, sampling_rate=RATE))
    assert values[0] == pytest.approx(1, abs=1e-6) and values == sorted(values, reverse=True)
    assert values[-1] < 0.95


@both
def test_noise_is_the_worse_the_louder_and_level_does_not_matter(metric, speech):
    noise = np.random.default_rng(1).normal(size=len(speech))
    values = [metric(speech, speech + level * noise, sampling_rate=RATE) for level in (0.01, 0.1, 1.0)]
    assert values == sorted(values, reverse=True)
    assert metric(speech, 0.1 * speech, sampling_rate=RATE) == pytest.approx(1, abs=1e-6)


@both
def test_channels_are_averaged(metric, speech):
    noisy = speech + 0.1 * np.random.default_rng(2).normal(size=len(speech))
    stereo = metric(np.stack([speech] * 2), np.stack([noisy] * 2), sampling_rate=RATE)
    assert stereo == metric(speech, noisy, sampling_rate=RATE)


@both
def test_speech_too_short_or_silent_has_no_value(metric, speech):
    with pytest.raises(ValueError, match=r"expected 0.5 s or more, got 0.25 s"):
        metric(speech[:4000], speech[:4000], sampling_rate=RATE)
    mostly_silent = np.where(np.arange(len(speech)) < 3000, speech, 0)
    assert math.isnan(metric(mostly_silent, mostly_silent, sampling_rate=RATE))


def test_without_the_package_it_says_what_to_install(monkeypatch, speech):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "aidd\[speech\]"'):
        stoi(speech, speech, sampling_rate=RATE)
