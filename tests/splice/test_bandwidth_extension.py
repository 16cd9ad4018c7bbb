import numpy as np
import pytest

from aidd.signals.bands import erb_transform
from aidd.splice.bandwidth_extension import band_below, bridge_weights, extend_band
from aidd.splice.surroundings import Surroundings


RATE = 44_100
LENGTH = RATE // 2
# A model's band ends here.
HERTZ = 12_000.0


def noise(seed: int, num_samples: int = LENGTH) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=num_samples)


def around(before: np.ndarray, after: np.ndarray) -> Surroundings:
    return Surroundings(len(before), len(before) + LENGTH, before, after)


def extended(surroundings: Surroundings, continued=None, filling=None, extension=None) -> np.ndarray:
    """The first variation."""
    continued = np.zeros(LENGTH) if continued is None else continued
    filling, extension = (np.zeros(LENGTH) if one is None else one for one in (filling, extension))
    arguments = filling[None], continued, extension[None], surroundings
    return extend_band(*arguments, sampling_rate=RATE, lowest_hertz=HERTZ)[0]


def levels_above(signal: np.ndarray, parts: int = 10) -> np.ndarray:
    """Levels above 12.5 kHz in equal parts of a signal, in dB of those of white noise of power 1."""
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(len(signal), 1 / RATE)
    high = np.fft.irfft(spectrum * (frequencies > 12_500), len(signal))
    share = np.mean(frequencies > 12_500)
    return 10 * np.log10([np.mean(part**2) / share for part in np.array_split(high, parts)])


def test_weights_are_those_of_kriging_with_an_exponential_covariance():
    for length in (0.1, 1.0, 5.0):
        along = np.linspace(0, 1, 11)
        distances = length * np.stack([along, 1 - along])
        between = np.exp(-length * np.array([[0, 1], [1, 0]]))
        expected = np.linalg.solve(between, np.exp(-distances))
        np.testing.assert_allclose(bridge_weights(along, length), expected, atol=1e-12)


def test_weights_are_straight_lines_in_short_gaps_and_forget_the_edges_in_long_ones():
    along = np.linspace(0, 1, 5)
    np.testing.assert_allclose(bridge_weights(along, 1e-4), [1 - along, along], atol=1e-8)
    left, right = bridge_weights(along, 1e4)
    np.testing.assert_allclose(left, [1, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(right, left[::-1], atol=1e-12)


def test_white_surroundings_give_a_level_that_is_theirs_throughout():
    for gain in (0.01, 0.5):
        result = extended(around(gain * noise(1), gain * noise(2)), extension=0.7 * gain * noise(0))
        np.testing.assert_allclose(levels_above(result), 20 * np.log10(gain), atol=1.0)


def test_levels_leave_one_edge_and_arrive_at_the_other_and_are_the_mean_in_decibels_between():
    before, after = noise(1, 2 * RATE), 0.1 * noise(2, 2 * RATE)
    # The last 100 ms before the gap are 20 dB louder than the rest.
    before[: -RATE // 10] *= 0.1
    level = levels_above(extended(around(before, after), extension=0.3 * noise(0)), 25)
    # A frame of 21 ms sees the first 20 ms, in which the level falls by some 3 dB.
    assert level[0] == pytest.approx(-2, abs=2)
    assert level[-1] == pytest.approx(-20, abs=1.5)
    # The mean is -19 dB, as a twentieth of what is measured is loud. Of the 19 dB to the edge's level, 250 ms leave
    # exp(-2.5), 1.6 dB.
    assert level[11:14].mean() == pytest.approx(-17.4, abs=0.8)


def test_noise_has_the_power_that_the_continuation_lacks():
    surroundings = around(noise(1), noise(2))
    for amplitude in (0.0, 0.5, 0.8):
        continued = amplitude * noise(3)
        result = extended(surroundings, continued=continued, extension=noise(0))
        np.testing.assert_allclose(levels_above(result), 0, atol=1.2)
        spectra = [erb_transform(RATE).stft(one)[erb_transform(RATE).f >= HERTZ] for one in (result, continued)]
        together = np.sum(spectra[0] * spectra[1].conj()).real / np.sum(np.square(np.abs(spectra[0])))
        assert together == pytest.approx(amplitude**2, abs=0.05)


def test_a_tone_goes_on_without_noise():
    time = np.arange(3 * LENGTH) / RATE
    tone = np.sin(2 * np.pi * 14_000 * time)
    before, inside, after = np.split(tone, 3)
    result = extended(around(before, after), continued=inside, filling=inside, extension=noise(0))
    assert 10 * np.log10(np.mean(inside**2) / np.mean((result - inside) ** 2)) > 25


def test_the_band_below_stays_as_it_is():
    surroundings = around(noise(1), noise(2))
    filling = noise(4)
    result = extended(surroundings, continued=0.5 * filling, filling=filling, extension=noise(0))
    below = np.fft.rfftfreq(LENGTH, 1 / RATE) < HERTZ - 500
    change = np.abs(np.fft.rfft(result - filling))
    assert np.sqrt(np.mean(change[below] ** 2)) < 0.02 * np.sqrt(np.mean(change[~below] ** 2))


@pytest.mark.parametrize("num_samples", [4000, 4001, 4003])
def test_tones_belong_to_the_band_below_or_to_the_one_above(num_samples):
    time = np.arange(num_samples) / RATE
    low, high = np.sin(2 * np.pi * 9000 * time), np.sin(2 * np.pi * 15_000 * time)
    below = band_below(low + high, sampling_rate=RATE, lowest_hertz=HERTZ)
    assert len(below) == num_samples
    # At its ends, a tone that is cut off has all frequencies.
    assert np.abs(below - low)[200:-200].max() < 0.01


def test_silence_stays_silent():
    silence = np.zeros(RATE)
    assert np.abs(extended(around(silence, silence), extension=noise(0))).max() < 1e-12


def test_a_filling_without_two_edges_is_left_as_it_is():
    filling = noise(0)[None]
    for before, after in ((noise(1, 500), noise(2)), (noise(1), np.zeros(LENGTH)), (np.zeros(0), noise(2))):
        options = {"sampling_rate": RATE, "lowest_hertz": HERTZ}
        assert extend_band(filling, filling[0], filling, around(before, after), **options) is filling


def test_each_variation_has_its_own_noise():
    fillings, extensions = np.zeros((2, LENGTH)), np.stack([noise(3), noise(4)])
    options = {"sampling_rate": RATE, "lowest_hertz": HERTZ}
    surroundings = around(noise(1), noise(2))
    both = extend_band(fillings, np.zeros(LENGTH), extensions, surroundings, **options)
    np.testing.assert_allclose(both[1], extended(surroundings, extension=extensions[1]), atol=1e-12)
    assert abs(np.corrcoef(both)[0, 1]) < 0.05
