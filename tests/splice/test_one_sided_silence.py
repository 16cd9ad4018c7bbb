"""Digital silence on one side of a gap tells nothing of the gap: the sounding side goes on into it at its level."""

import warnings

import numpy as np
import pytest
import torch

from aidd.classical import envelope_noise
from aidd.splice.ranking import edge_distance


RATE = 8000
GAP = 2400
BESIDE = 160  # samples next to the sounding edge whose levels are compared: 20 ms


def level(signal: np.ndarray) -> float:
    return 10 * np.log10(np.mean(signal**2) + 1e-30)


def damaged(num_silent: int, at_the_files_edge: bool, turned: bool, tones) -> tuple[np.ndarray, np.ndarray]:
    """Silence, a gap and music, or the other way round, and the mask; before the silence there may be music."""
    lead = 0 if at_the_files_edge else 2000
    audio = tones(lead + num_silent + GAP + 3000, RATE)[0]
    audio[lead : lead + num_silent] = 0
    mask = np.zeros(len(audio), bool)
    mask[lead + num_silent :][:GAP] = True
    return (audio[::-1].copy(), mask[::-1].copy()) if turned else (audio, mask)


def check(restored: np.ndarray, mask: np.ndarray, turned: bool) -> None:
    if turned:
        restored, mask = restored[::-1], mask[::-1]
    end = np.flatnonzero(mask)[-1] + 1
    assert level(restored[end - BESIDE : end]) == pytest.approx(level(restored[end : end + BESIDE]), abs=3)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("at_the_files_edge", [False, True])
def test_the_sounding_edge_goes_on_at_its_level(turned, at_the_files_edge, tones, tiny_pipeline):
    # The models see 0.1 s, and continue the third of it that is nearest to the gap.
    for num_silent in (1, 3, 50, 265, 267, 799, 8000):
        audio, mask = damaged(num_silent, at_the_files_edge, turned, tones)
        stereo = np.stack([audio, tones(len(audio), RATE)[0]])
        for fill in (envelope_noise, lambda *given, **options: tiny_pipeline(*given, **options).audios):
            for given in (audio, stereo):
                filled = fill(given, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(0))
                check(np.atleast_2d(filled)[0], mask, turned)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("gap", [240, 2400])
def test_noise_goes_on_at_its_level_and_fades_towards_the_silence(gap, turned):
    rng, levels = np.random.default_rng(0), []
    for seed in range(8):
        audio, mask = rng.normal(size=8000), np.zeros(8000, bool)
        audio[2000:4000] = 0
        mask[4000 : 4000 + gap] = True
        if turned:
            audio, mask = audio[::-1].copy(), mask[::-1].copy()
        restored = envelope_noise(audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(seed))
        filled = restored[mask][::-1] if turned else restored[mask]
        levels.append([level(part) for part in np.array_split(filled, 4)])
    first, second, third, last = np.mean(levels, axis=0)
    # The noise has power 1: a quarter of a sine has -13, -5, -1.6 and -.2 dB in its quarters.
    assert last == pytest.approx(0, abs=3)
    assert first < second < third < last and first == pytest.approx(-13, abs=5)


def test_a_faint_constant_beside_the_gap_tells_no_more_than_silence(tones):
    audio, mask = damaged(2000, False, False, tones)
    audio[2000:4000] = 1e-5
    restored = envelope_noise(audio, mask, sampling_rate=RATE, generator=torch.Generator().manual_seed(0))
    check(restored, mask, False)


def test_the_distance_to_a_silent_continuation_is_finite():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distances = [
            edge_distance(gain * np.ones(800), np.zeros(800), np.ones(800), sampling_rate=RATE) for gain in (0, 1, 2)
        ]
    assert distances[0] == 0 and np.isfinite(distances).all() and distances[1] < distances[2]
