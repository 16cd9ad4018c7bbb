import numpy as np
import pytest
import torch

from aidd.splice.edge_lines import put_lines_under
from aidd.splice.surroundings import surroundings_of


RATE = 24_000
GAP = (RATE, RATE + RATE // 2)


def noise(seed: int, num_samples: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num_samples)


def tone() -> np.ndarray:
    time = np.arange(5 * RATE // 2) / RATE
    return 0.1 * sum(np.sin(2 * np.pi * 233 * k * time + k) / k for k in range(1, 7)) + 1e-3 * noise(1, len(time))


def put(generated: np.ndarray, amount: float, signal: np.ndarray | None = None) -> np.ndarray:
    signal = tone() if signal is None else signal
    missing = np.zeros(len(signal), bool)
    missing[slice(*GAP)] = True
    surroundings = surroundings_of(np.where(missing, np.nan, signal), missing, GAP)
    generator = torch.Generator().manual_seed(0)
    return put_lines_under(generated, surroundings, sampling_rate=RATE, amount=amount, generator=generator)


def levels(signal: np.ndarray) -> np.ndarray:
    """Levels of the tenths of the gap, in dB."""
    return 20 * np.log10([part.std() for part in np.array_split(signal[slice(*GAP)], 10)])


def share_in_lines(signal: np.ndarray) -> float:
    """Share of the power in the middle of the gap that lies within 15 Hz of multiples of 233 Hz."""
    middle = signal[GAP[0] + 2000 : GAP[1] - 2000]
    power = np.square(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))))
    frequencies = np.fft.rfftfreq(len(middle), 1 / RATE)
    near = np.abs(frequencies - 233 * np.clip(np.round(frequencies / 233), 1, 6)) < 15
    return power[near].sum() / power.sum()


def test_a_tone_runs_through_what_was_generated_at_its_levels():
    # Noise in the bands of the tone, which fades.
    generated = np.zeros(5 * RATE // 2)
    spectrum = np.fft.rfft(noise(0, len(generated)))
    frequencies = np.fft.rfftfreq(len(generated), 1 / RATE)
    generated = np.fft.irfft(spectrum * (np.abs(frequencies - 800) < 700), len(generated))
    generated *= np.linspace(1, 0.1, len(generated))
    filled = put(generated, 1.0)
    assert share_in_lines(generated) < 0.3 < 0.8 < share_in_lines(filled)
    assert np.abs(levels(filled) - levels(generated)).max() < 2.5 and np.ptp(levels(generated)) > 3
    half = put(generated, 0.7)
    assert share_in_lines(generated) < share_in_lines(half) < share_in_lines(filled)
    assert half[slice(*GAP)].std() == pytest.approx(generated[slice(*GAP)].std(), rel=0.15)


def test_nothing_changes_outside_the_gap_and_at_no_amount():
    generated = noise(0, 5 * RATE // 2)
    assert put(generated, 0.0) is generated
    filled = put(generated, 1.0)
    outside = np.ones(len(generated), bool)
    outside[slice(*GAP)] = False
    assert np.array_equal(filled[outside], generated[outside]) and not np.array_equal(filled, generated)


def test_silence_on_a_side_or_generated_silence_is_left_as_it_is():
    generated, signal = noise(0, 5 * RATE // 2), tone()
    before = signal.copy()
    before[: GAP[0]] = 0
    assert put(generated, 1.0, before) is generated
    assert np.array_equal(put(np.zeros(len(generated)), 1.0), np.zeros(len(generated)))


def test_the_same_generator_gives_the_same_lines():
    generated = noise(0, 5 * RATE // 2)
    assert np.array_equal(put(generated, 0.7), put(generated, 0.7))
