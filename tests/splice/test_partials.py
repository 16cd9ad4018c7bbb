import numpy as np
import pytest
import torch
from scipy.signal import periodogram

from aidd.splice.partials import cubic_phase, find_partials, match_partials, surrounding_lines
from aidd.splice.surroundings import surroundings_of


RATE = 24_000
PITCHES = (110, 147, 196, 220, 233, 262, 330, 392, 440, 523)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fill(signal: np.ndarray, gap: tuple[int, int], seed: int = 0) -> np.ndarray:
    missing = np.zeros(len(signal), bool)
    missing[slice(*gap)] = True
    damaged = np.where(missing, np.nan, signal)
    return surrounding_lines(surroundings_of(damaged, missing, gap), sampling_rate=RATE, generator=generator(seed))


def snr(reference: np.ndarray, estimate: np.ndarray) -> float:
    return 10 * np.log10(np.square(reference).sum() / np.square(reference - estimate).sum())


def tone(kind: str, pitch: float, seconds: float) -> np.ndarray:
    """Six partials: steady, decaying by 17 dB a second, or gliding by 2 % a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    turns = time + 0.01 * time**2 if kind == "gliding" else time
    decay = np.exp(-2 * time) if kind == "decaying" else 1.0
    return 0.1 * decay * sum(np.sin(2 * np.pi * pitch * k * turns + k) / k for k in range(1, 7))


@pytest.mark.parametrize("kind", ["steady", "decaying", "gliding"])
def test_partials_are_continued_in_phase_with_both_edges(kind):
    for pitch in PITCHES:
        for seconds in (0.1, 0.375):
            signal = tone(kind, pitch, seconds + 2)
            gap = (RATE, RATE + round(seconds * RATE))
            assert snr(signal[slice(*gap)], fill(signal, gap)) > 20, (kind, pitch, seconds)


def test_steady_tones_last_for_a_second():
    for pitch in PITCHES:
        signal = tone("steady", pitch, 3)
        assert snr(signal[RATE : 2 * RATE], fill(signal, (RATE, 2 * RATE))) > 25


def test_noise_stays_noise():
    # The periodogram of white noise is exponentially distributed: its deviation is its mean, and its flatness 0.56. Of
    # the filling it scatters more, as the spectra beside the gap were measured in a tenth of a second each.
    noise = np.random.default_rng(0).normal(size=4 * RATE)
    gap = (RATE, 3 * RATE)
    _, ours = periodogram(fill(noise, gap), RATE)
    _, theirs = periodogram(noise[slice(*gap)], RATE)
    for low, high in ((200, 1000), (1000, 4000), (4000, 11_000)):
        band, other = (power[2 * low : 2 * high] for power in (ours, theirs))
        assert abs(10 * np.log10(band.mean() / other.mean())) < 1
        assert 0.9 < band.std() / band.mean() < 1.7
        assert 0.3 < np.exp(np.log(band).mean()) / band.mean() < 0.6


def test_levels_run_from_one_edge_to_the_other_in_db():
    noise = np.random.default_rng(0).normal(size=4 * RATE)
    noise[2 * RATE :] *= 10
    levels = np.mean([np.square(fill(noise, (RATE, 3 * RATE), seed).reshape(10, -1)).mean(1) for seed in range(5)], 0)
    np.testing.assert_allclose(10 * np.log10(levels), np.linspace(1, 19, 10), atol=1)


def test_loudness_and_the_direction_of_time_do_not_matter():
    signal = tone("decaying", 262, 2.375)
    gap = (RATE, RATE + 9000)
    filled = fill(signal, gap)
    np.testing.assert_allclose(fill(8 * signal, gap), 8 * filled, atol=1e-6)
    reversed_gap = (len(signal) - gap[1], len(signal) - gap[0])
    assert snr(filled, fill(signal[::-1].copy(), reversed_gap)[::-1]) > 30


def test_what_stands_beside_one_side_alone_goes_on():
    signal = tone("steady", 262, 2)
    for gap in ((0, 4800), (2 * RATE - 4800, 2 * RATE)):
        assert snr(signal[slice(*gap)], fill(signal, gap)) > 20


def test_silence_stays_silent():
    assert not fill(np.zeros(RATE), (8000, 12_000)).any()
    silent_before = np.concatenate([np.zeros(RATE), tone("steady", 262, 1)])
    assert fill(silent_before, (RATE - 4800, RATE)).any()
    missing = np.ones(100, bool)
    nothing = surrounding_lines(
        surroundings_of(np.zeros(100), missing, (0, 100)), sampling_rate=RATE, generator=generator()
    )
    assert not nothing.any()


def test_one_sample_beside_a_gap_is_enough_for_an_answer():
    for length in (1, 2, 3, 100):
        signal = np.random.default_rng(0).normal(size=2 * length + 50)
        filled = fill(signal, (length, length + 50))
        assert np.isfinite(filled).all()


def test_partials_have_the_frequency_amplitude_and_phase_of_sinusoids():
    num_samples = 2040
    time = np.arange(num_samples) - num_samples // 2
    frequencies, amplitudes, phases = (440.3, 1234.5), (0.2, 0.05), (1.0, -2.0)
    signal = sum(
        amplitude * np.cos(2 * np.pi * frequency / RATE * time + phase)
        for frequency, amplitude, phase in zip(frequencies, amplitudes, phases, strict=True)
    )
    found = find_partials(signal, RATE)
    np.testing.assert_allclose(found.frequencies, frequencies, atol=0.05)
    np.testing.assert_allclose(found.amplitudes, amplitudes, rtol=0.01)
    np.testing.assert_allclose(found.phases, phases, atol=0.01)


def test_partials_of_both_sides_are_matched_once():
    time = np.arange(2040) / RATE
    before, after = (
        find_partials(sum(np.sin(2 * np.pi * f * time) for f in pitches), RATE)
        for pitches in ((440, 1000, 2000), (443, 3000, 2010))
    )
    assert sorted(match_partials(before, after), key=str) == sorted([(0, 0), (2, 1), (1, None), (None, 2)], key=str)


def test_the_cubic_has_phase_and_frequency_of_both_edges():
    rng = np.random.default_rng(0)
    for _ in range(100):
        span, phases = int(rng.integers(1, 5000)), rng.uniform(-3, 3, 2)
        speeds = rng.uniform(0.01, 1, 2)
        eps = 1e-4
        around = cubic_phase(np.array([0, eps, span - eps, span]), span, (0, 0), tuple(phases), tuple(speeds))
        np.testing.assert_allclose(np.cos(around[[0, 3]] - phases), 1, atol=1e-6)
        slopes = (around[1] - around[0]) / eps, (around[3] - around[2]) / eps
        # The frequency may bend by a turn over the gap, as the phases ask for.
        np.testing.assert_allclose(slopes, speeds, atol=1e-2)


def test_a_steady_frequency_measured_before_the_edge_has_no_bend():
    speed = 0.1
    positions = np.arange(-10, 1010)
    phase = cubic_phase(positions, 1000, (50, 70), (0.0, speed * (50 + 1000 + 70)), (speed, speed))
    np.testing.assert_allclose(np.cos(phase), np.cos(speed * (positions + 50)), atol=1e-6)
