import time

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from aidd.classical.sinusoidal import sinusoidal
from aidd.signals.files import read_audio
from aidd.signals.samples import sample_recordings
from aidd.splice.surroundings import power_spectrum


RATE = 24_000
TIME = np.arange(3 * RATE) / RATE
PARTIALS = np.arange(1, 9)[:, None]


def restore(audio: np.ndarray, mask: np.ndarray, rate: int = RATE) -> np.ndarray:
    """Restored audio, whatever lies under the mask."""
    damaged = np.where(mask, np.nan, audio)
    return sinusoidal(damaged, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0))


def snr(audio: np.ndarray, restored: np.ndarray, mask: np.ndarray) -> float:
    return 10 * np.log10(np.square(audio[mask]).sum() / np.square((audio - restored)[mask]).sum())


STEADY = 0.1 * np.sum(np.sin(2 * np.pi * 220 * PARTIALS * TIME + PARTIALS) / PARTIALS, axis=0)
SIGNALS = {
    "steady": STEADY,
    "gliding": 0.1 * np.sum(np.sin(2 * np.pi * PARTIALS * (220 * TIME + 20 * TIME**2) + PARTIALS) / PARTIALS, axis=0),
    "decaying": 0.1 * np.sum(np.exp(-(1 + PARTIALS) * TIME) * np.sin(2 * np.pi * 220 * PARTIALS * TIME), axis=0),
    "chirp": 0.1 * np.sin(2 * np.pi * (200 * TIME + 475 * TIME**2)),
    # As `saturating_chirp` of examples/studies has them: the second is at its loudest in the middle of the gap.
    "bursts of a chirp": 0.1 * np.sin(1.5 * np.pi * TIME) ** 4 * np.sin(2 * np.pi * (200 * TIME + 475 * TIME**2)),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_sinusoids_come_back_whether_steady_gliding_or_decaying(name):
    mask = np.abs(TIME - 1) < 0.15
    assert snr(SIGNALS[name], restore(SIGNALS[name], mask), mask) > 25


@pytest.mark.parametrize("gap", [(0, 2_400), (len(TIME) - 2_400, len(TIME))])
def test_steady_partials_die_towards_an_end_of_the_recording_in_phase_with_its_edge(gap):
    mask = np.zeros(len(TIME), bool)
    mask[slice(*gap)] = True
    restored = restore(STEADY, mask)
    nearest = mask & (np.abs(np.arange(len(TIME)) - (gap[1] if gap[0] == 0 else gap[0])) < 240)
    assert snr(STEADY, restored, nearest) > 20
    assert np.square(restored[mask]).mean() == pytest.approx(np.square(STEADY[mask]).mean() / 2, rel=0.1)


def test_silence_stays_silent_and_music_dies_towards_it():
    mask = np.abs(TIME - 1) < 0.15
    assert not restore(np.zeros(len(TIME)), mask).any()
    restored = restore(np.where(TIME < 1, STEADY, 0), mask)
    # It has died away by the last hundredth of the gap.
    assert np.abs(restored[mask][-72:]).max() < 0.2 * np.abs(STEADY).max()


def test_noise_stays_noise():
    noise = lfilter([1, 0.5], [1, -0.8], np.random.default_rng(0).normal(size=len(TIME)))
    mask = np.abs(TIME - 1.5) < 0.5
    inside = restore(noise, mask)[mask][1_000:-1_000]
    expected, measured = power_spectrum(noise[~mask], 256), power_spectrum(inside, 256)
    np.testing.assert_allclose(np.log10(measured[3:-3]), np.log10(expected[3:-3]), atol=0.3)


def test_three_quarters_of_a_second_at_44_kilohertz_take_less_than_half_a_second():
    rate = 44_100
    recording = read_audio(next(iter(sample_recordings().values())))
    samples = recording.samples.mean(0)
    audio = np.interp(np.arange(3 * rate) / rate, np.arange(len(samples)) / recording.sampling_rate, samples)
    mask = np.zeros(len(audio), bool)
    mask[rate : rate + round(0.75 * rate)] = True
    seconds = []
    for _ in range(3):
        began = time.process_time()
        restore(audio, mask, rate)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.5
