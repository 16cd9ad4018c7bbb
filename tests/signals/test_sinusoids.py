import numpy as np
import pytest

from aidd.signals.sinusoids import measure_sinusoids


RATE = 24_000


@pytest.mark.parametrize(
    ("hertz", "glide", "growth"), [(440, 0, 0), (440, 950, 0), (440, 950, 16), (2_000, -500, -30)]
)
def test_a_sinusoid_is_measured_whatever_its_glide_and_growth(hertz, glide, growth):
    time = (np.arange(2_040) - 1_020) / RATE
    frame = np.exp(growth * time) * np.cos(2 * np.pi * (hertz * time + glide / 2 * time**2) + 0.3)
    # The peak is known to half a bin only.
    measured = measure_sinusoids(frame, 2 * np.pi * (np.array([hertz]) + 4.0) / RATE)
    assert measured.found.all()
    assert measured.rates.imag * RATE / (2 * np.pi) == pytest.approx(hertz, abs=0.05)
    assert measured.rates.real * RATE == pytest.approx(growth, abs=0.2)
    assert measured.bends.imag * RATE**2 / np.pi == pytest.approx(glide, abs=5)


def test_the_level_is_that_of_the_middle_of_the_frame():
    time = np.arange(2_000) - 1_000
    for bin_number in np.linspace(50, 51, 5):
        frame = 0.3 * np.cos(2 * np.pi * bin_number / 2_000 * time + 1)
        measured = measure_sinusoids(frame, np.array([2 * np.pi * bin_number / 2_000]))
        assert np.exp(measured.levels) == pytest.approx(0.3, rel=0.02)


def test_a_steady_sinusoid_in_noise_counts_as_steady():
    generator, time = np.random.default_rng(0), np.arange(2_000) - 1_000
    growths = []
    for _ in range(50):
        frame = np.cos(0.2 * time) + generator.normal(size=2_000)
        measured = measure_sinusoids(frame, np.array([0.2]))
        growths.append(abs(measured.rates.real[0]) * 1_000)
    assert np.median(growths) < 0.02
