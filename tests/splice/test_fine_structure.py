import numpy as np
import pytest

from aidd.signals.bands import erb_bands
from aidd.splice.fine_structure import match_fine_structure
from aidd.splice.surroundings import power_spectrum, surroundings_of


RATE = 16_000
GAP = (16_000, 24_000)


def tones(frequencies: tuple[float, ...], num_samples: int = 40_000) -> np.ndarray:
    time = np.arange(num_samples) / RATE
    return sum(np.sin(2 * np.pi * frequency * time + frequency) for frequency in frequencies)


@pytest.fixture
def missing():
    mask = np.zeros(40_000, bool)
    mask[slice(*GAP)] = True
    return mask


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=40_000)


def match(generated, signal, missing, amount=1.0):
    surroundings = surroundings_of(np.where(missing, np.nan, signal), missing, GAP)
    return match_fine_structure(generated, surroundings, sampling_rate=RATE, amount=amount)


def power_around(signal: np.ndarray, frequency: float, width: float) -> float:
    inside = signal[slice(*GAP)]
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)))) ** 2
    frequencies = np.fft.rfftfreq(len(inside), 1 / RATE)
    return float(spectrum[np.abs(frequencies - frequency) < width].sum())


def test_power_gathers_where_there_are_lines_and_stays_in_its_band(missing):
    surroundings, generated = tones((1000.0, 3000.0)) + 0.03 * noise(1), noise()
    matched = match(generated, surroundings, missing)
    for frequency in (1000.0, 3000.0):
        share = [power_around(one, frequency, 20) / power_around(one, frequency, 150) for one in (generated, matched)]
        assert share[0] < 0.25 and share[1] > 0.6
        # Bands reach over one ERB to each side: from further away, a line gathers nothing.
        two_erb = 2 * (24.7 + 0.108 * frequency)
        before, after = (power_around(one, frequency, two_erb) for one in (generated, matched))
        assert after == pytest.approx(before, rel=0.25)


def test_the_course_in_time_stays(missing):
    swell = np.exp(np.linspace(-4, 4, 40_000))
    matched = match(noise() * swell, tones((1000.0, 3000.0)) + 0.1 * noise(1), missing)
    levels = [np.std(one[slice(*GAP)].reshape(8, 1000), axis=1) for one in (noise() * swell, matched)]
    assert np.log(levels[1] / levels[0]) == pytest.approx(0, abs=0.35)


def test_what_has_the_lines_already_stays(missing):
    music = tones((500.0, 1000.0, 3000.0)) + 0.1 * noise(1)
    inside = slice(*GAP)
    assert np.std((match(music, music, missing) - music)[inside]) < 0.05 * np.std(music[inside])


def test_the_more_the_amount_the_nearer_to_the_surroundings(missing):
    surroundings = tones((700.0, 1500.0)) + 0.1 * noise(1)
    bands = erb_bands(np.fft.rfftfreq(1024, 1 / RATE))

    def fine_structure(signal: np.ndarray) -> np.ndarray:
        power = power_spectrum(signal, 1024)
        return np.log(power / (power @ bands.T @ bands))

    distances = []
    for amount in (0.0, 0.3, 0.6, 1.0):
        matched = match(noise(), surroundings, missing, amount)
        distances.append(np.std(fine_structure(matched[slice(*GAP)]) - fine_structure(surroundings)))
    assert distances == sorted(distances, reverse=True)


def test_no_level_matters_and_nothing_changes_outside(missing):
    surroundings, generated = tones((700.0, 1500.0)) + 0.1 * noise(1), noise()
    matched = match(generated, surroundings, missing)
    assert np.array_equal(matched[~missing], generated[~missing])
    assert match(1e-3 * generated, 1e3 * surroundings, missing) == pytest.approx(1e-3 * matched, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("gap", [(0, 300), (39_000, 40_000), (20_000, 20_200)])
def test_gaps_may_be_short_and_lie_at_the_ends(gap):
    missing = np.zeros(40_000, bool)
    missing[slice(*gap)] = True
    signal = np.where(missing, np.nan, tones((700.0,)) + 0.1 * noise(1))
    surroundings = surroundings_of(signal, missing, gap)
    matched = match_fine_structure(noise(), surroundings, sampling_rate=RATE, amount=1.0)
    assert 0.3 < np.std(matched[slice(*gap)]) < 3 and np.array_equal(matched[~missing], noise()[~missing])


def test_nothing_to_go_by_changes_nothing(missing):
    generated = noise()
    assert np.array_equal(match(generated, tones((700.0,)), missing, amount=0.0), generated)
    everything = np.ones(40_000, bool)
    assert np.array_equal(match(generated, generated, everything), generated)
    silent = np.where(missing, 0.0, generated)
    assert np.array_equal(match(silent, generated, missing), silent)
    assert np.array_equal(match(generated, np.zeros(40_000), missing), generated)
