import numpy as np
import pytest

from aidd.splice.steady import add_steady_partials
from aidd.splice.surroundings import surroundings_of


RATE = 24_000
PITCHES = (110, 147, 175, 220, 233, 262, 311, 349, 440, 523)


def noise(seed: int, num_samples: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num_samples)


def filled(signal: np.ndarray, seconds: float, filling: np.ndarray, amount: float = 1.0) -> np.ndarray:
    """What becomes of a filling of a gap that begins after a second."""
    missing = np.zeros(len(signal), bool)
    missing[RATE : RATE + round(seconds * RATE)] = True
    surroundings = surroundings_of(np.where(missing, np.nan, signal), missing, (RATE, RATE + round(seconds * RATE)))
    return add_steady_partials(np.atleast_2d(filling), surroundings, sampling_rate=RATE, amount=amount)


def tone(pitch: float, seconds: float, turn: float = 0.0) -> np.ndarray:
    """Six partials, whose phases jump by `turn` after a second and a half."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = turn * (time > 1.5)
    return 0.1 * sum(np.sin(2 * np.pi * pitch * k * time + k + phase) / k for k in range(1, 7))


def snr(reference: np.ndarray, estimate: np.ndarray) -> float:
    return 10 * np.log10(np.square(reference).sum() / np.square(reference - estimate).sum())


@pytest.mark.parametrize("seconds", [0.2, 1.0])
def test_steady_tones_are_put_through_a_filling(seconds):
    length = round(seconds * RATE)
    for pitch in PITCHES:
        signal, out_of_tune = tone(pitch, 2 + seconds), tone(1.02 * pitch, seconds)
        restored = filled(signal, seconds, out_of_tune)[0]
        assert snr(signal[RATE : RATE + length], out_of_tune) < 2, pitch
        assert snr(signal[RATE : RATE + length], restored) > 15, pitch


def test_tones_that_are_struck_again_are_left_to_the_filling():
    length = RATE
    for pitch in PITCHES:
        filling = 0.1 * noise(0, length)
        assert np.array_equal(filled(tone(pitch, 3, turn=2.5), 1.0, filling)[0], filling), pitch


def test_other_pitches_and_levels_are_left_to_the_filling():
    filling = 0.1 * noise(0, RATE)
    for after in (tone(227, 3), 0.01 * tone(220, 3)):
        signal = np.concatenate([tone(220, 3)[:RATE], after[RATE:]])
        assert np.array_equal(filled(signal, 1.0, filling)[0], filling)


def test_noise_stays_as_it_is():
    """What stands out of noise by chance is nowhere near a filling's power."""
    filling = noise(0, RATE)
    changes = [np.square(filled(noise(seed, 3 * RATE), 1.0, filling)[0] - filling).mean() for seed in range(1, 9)]
    assert np.mean(changes) < 0.01


def test_the_amount_is_a_share_of_the_amplitude():
    signal = tone(220, 3)
    # Well within the gap, as frames at its ends see intact audio.
    parts = [filled(signal, 1.0, np.zeros(RATE), amount)[0][1000:-1000] for amount in (0.0, 0.5, 1.0)]
    assert not parts[0].any()
    np.testing.assert_allclose(parts[1], 0.5 * parts[2], atol=1e-12)


@pytest.mark.parametrize("side", [slice(RATE), slice(2 * RATE, None)])
def test_nothing_is_put_through_where_one_side_is_silent_or_short(side):
    filling = 0.1 * noise(0, RATE)
    signal = tone(220, 3)
    signal[side] = 0
    assert np.array_equal(filled(signal, 1.0, filling)[0], filling)
    short = tone(220, 2 + 0.05)
    assert np.array_equal(filled(short, 1.0, filling)[0], filling)


def test_variations_are_changed_each_by_itself():
    signal, fillings = tone(220, 3), 0.1 * noise(0, 3 * RATE).reshape(3, RATE)
    together = filled(signal, 1.0, fillings)
    for one, filling in zip(together, fillings, strict=True):
        np.testing.assert_allclose(filled(signal, 1.0, filling)[0], one, atol=1e-12)
