import importlib.util

import numpy as np
import pytest

from aidd.evaluation.metrics import visqol


needs_visqol = pytest.mark.skipif(
    importlib.util.find_spec("visqol") is None, reason="the extra visqol is not installed"
)
RATE = 48_000


def music() -> np.ndarray:
    time = np.arange(2 * RATE) / RATE
    return sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 8)) * 0.1 * np.exp(-3 * (time % 0.5))


@needs_visqol
def test_the_reference_itself_is_best_and_noise_is_the_worse_the_louder():
    noise = np.random.default_rng(0).normal(size=2 * RATE)
    scores = [visqol(music(), music() + level * noise, sampling_rate=RATE) for level in (0, 1e-4, 1e-3, 1e-2)]
    assert scores == sorted(scores, reverse=True) and scores[0] > 4.5 and scores[-1] < 3.5


@needs_visqol
def test_channels_and_rates_do_not_matter():
    noisy = music() + 1e-3 * np.random.default_rng(0).normal(size=2 * RATE)
    mono = visqol(music(), noisy, sampling_rate=RATE)
    assert visqol(np.stack([music()] * 2), np.stack([noisy] * 2), sampling_rate=RATE) == pytest.approx(mono, abs=1e-6)
    assert 1 <= visqol(music()[::2], noisy[::2], sampling_rate=RATE // 2) <= 5


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "aidd\[visqol\]"'):
        visqol(music(), music(), sampling_rate=RATE)
