import numpy as np
import pytest

from aidd.evaluation.metrics import share_in_tune


RATE = 24_000
TIME = np.arange(2 * RATE) / RATE


def tone(pitch: float) -> np.ndarray:
    return sum(np.sin(2 * np.pi * pitch * k * TIME + k) / k for k in range(1, 7))


@pytest.mark.parametrize("pitch", [110, 220, 233, 440, 523])
def test_a_tone_is_in_tune_with_itself_and_not_with_its_neighbours(pitch):
    assert share_in_tune(tone(pitch), pitch, sampling_rate=RATE) > 0.999
    assert share_in_tune(tone(pitch * 2 ** (15 / 1200)), pitch, sampling_rate=RATE) > 0.99
    for semitones in (-1, 1):
        assert share_in_tune(tone(pitch * 2 ** (semitones / 12)), pitch, sampling_rate=RATE) < 0.05


def test_noise_is_hardly_in_tune_and_silence_is_not():
    noise = np.random.default_rng(0).normal(size=len(TIME))
    assert share_in_tune(noise, 440, sampling_rate=RATE) < 0.15
    assert share_in_tune(0 * noise, 440, sampling_rate=RATE) == 0


def test_the_more_noise_the_less_is_in_tune_and_level_does_not_matter():
    noise = np.random.default_rng(0).normal(size=len(TIME))
    shares = [share_in_tune(tone(440) + amount * noise, 440, sampling_rate=RATE) for amount in (0, 0.3, 1, 3)]
    assert shares == sorted(shares, reverse=True)
    assert share_in_tune(1e-3 * tone(440), 440, sampling_rate=RATE) == pytest.approx(shares[0])


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="16 periods"):
        share_in_tune(TIME[:1000], 110, sampling_rate=RATE)
    with pytest.raises(ValueError, match="up to 12000"):
        share_in_tune(TIME, 2000, sampling_rate=RATE)
    with pytest.raises(ValueError, match="shape"):
        share_in_tune(np.stack([TIME, TIME]), 440, sampling_rate=RATE)
