import numpy as np
import pytest

from aidd.signals.phase_advances import phase_advances, variation, variation_adjoint
from aidd.signals.stft import analyse, tight_hann


def sinusoid(frequency: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency * np.arange(4096) / 8000 + frequency)


def test_the_adjoint_of_the_variation_is_its_adjoint():
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(2, 9, 7)) + 1j * rng.normal(size=(2, 9, 7))
    differences = rng.normal(size=(2, 9, 6)) + 1j * rng.normal(size=(2, 9, 6))
    advances = np.exp(1j * rng.normal(size=(9, 6)))
    np.testing.assert_allclose(
        np.vdot(differences, variation(spectra, advances)), np.vdot(variation_adjoint(differences, advances), spectra)
    )


@pytest.mark.parametrize("frequency", [437.0, 1000.0, 3456.7])
def test_phases_advance_by_the_frequency_of_the_sinusoid_and_it_varies_no_more(frequency):
    window = tight_hann(128)
    signals = sinusoid(frequency)[None]
    advances = phase_advances(signals, window, 128)
    nearest = round(frequency * len(window) / 8000)
    np.testing.assert_allclose(
        np.angle(advances[nearest] * np.exp(-2j * np.pi * frequency * 128 / 8000)), 0, atol=1e-4
    )
    spectra = analyse(signals, window, 128)
    assert np.abs(variation(spectra, advances)).sum() < 1e-2 * np.abs(spectra).sum()


def test_channels_share_the_frequencies_of_the_louder_one():
    tone, hidden = sinusoid(437.0), np.random.default_rng(0).normal(size=4096)
    window = tight_hann(128)
    alone, shared = (
        phase_advances(tone[None], window, 128),
        phase_advances(np.stack([tone, 1e-6 * hidden]), window, 128),
    )
    np.testing.assert_allclose(shared[28], alone[28], atol=1e-4)
