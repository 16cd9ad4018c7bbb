import numpy as np
import pytest
from synthetic_signals import PEAK, SYNTHETIC_SIGNALS, saturating_chirp

from aidd.signals.stft import Grid, stft


RATE = 24_000
GRID = Grid(RATE, 1022, 511)


def power(signal):
    return np.square(np.abs(stft(signal, GRID)))


@pytest.mark.parametrize("kind", SYNTHETIC_SIGNALS)
def test_signals_are_drawn_and_of_the_peak(kind):
    one, same, other = (SYNTHETIC_SIGNALS[kind](RATE, RATE, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.shape == (RATE,) and np.abs(one).max() == pytest.approx(PEAK)
    assert np.array_equal(one, same) and not np.allclose(one, other)


def test_a_chirp_rises():
    for signal in (SYNTHETIC_SIGNALS["chirp"](RATE, RATE, np.random.default_rng(0)), saturating_chirp(RATE, RATE)):
        spectrum = power(signal)
        loud = spectrum.sum(0) > 0.01 * spectrum.sum(0).max()
        assert (np.diff(spectrum.argmax(0)[loud]) >= 0).all()


def test_the_saturating_chirp_leaves_more_than_half_of_its_frames_intact():
    frames = np.abs(saturating_chirp(2 * RATE, RATE)).reshape(-1, 240).max(1)
    assert 0.25 < (frames > 0.05).mean() < 0.4 and np.abs(frames).max() <= 0.1


def test_vibrato_moves_partials_about_their_place():
    """A partial's frequency goes up and down: its spectrum is wider than that of a steady one."""
    spectrum = power(SYNTHETIC_SIGNALS["vibrato_tones"](RATE, RATE, np.random.default_rng(3)))
    # Neighbours of the strongest bin take over as the pitch moves.
    high = slice(40, 120)
    assert len(np.unique(spectrum[high].argmax(0))) > 2
    assert spectrum[:256].sum() > 0.99 * spectrum.sum()


def test_clicks_are_wide_and_tones_are_narrow():
    spectrum = power(SYNTHETIC_SIGNALS["clicks_and_tones"](2 * RATE, RATE, np.random.default_rng(0)))
    above = spectrum[200:].sum(0)
    # No tone lies there: loud at clicks alone.
    assert above.max() > 1000 * np.median(above)
    assert np.median(spectrum, axis=1).argmax() < 3_000 / RATE * GRID.n_fft + 2


def test_formants_stand_out_of_the_noise():
    spectrum = power(SYNTHETIC_SIGNALS["formant_noise"](2 * RATE, RATE, np.random.default_rng(0))).mean(1)

    def level(hertz):
        place = round(hertz * GRID.n_fft / RATE)
        return spectrum[place - 2 : place + 3].mean()

    assert level(730) > 3 * level(300) and level(2_440) > 3 * level(3_500) and level(2_440) > 2 * level(1_800)
