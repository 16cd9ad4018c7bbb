import json

import numpy as np
import pytest
import torch

from aidd.models.spectrogram import SpectrogramFrontEnd, predict
from aidd.signals.stft import stft


def noise(*shape: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("num_samples", [1, 2, 511, 1023, 30_000])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": 1.0, "emphasis_hz": float("inf"), "scale": 1.0},
        {"sampling_rate": 16_000, "n_fft": 64, "hop_length": 16, "compression": 0.25},
    ],
)
def test_the_inverse_gives_back_the_signal(num_samples, options):
    front_end = SpectrogramFrontEnd(**options)
    signal = noise(2, num_samples)
    image = front_end(signal)
    assert image.dtype == np.float32
    assert image.shape == (2, 2, *front_end.grid.shape(num_samples))
    np.testing.assert_allclose(front_end.inverse(image, num_samples), signal, atol=1e-6)


def test_compression_keeps_phases_and_takes_magnitudes_to_a_power():
    front_end = SpectrogramFrontEnd(compression=0.5, emphasis_hz=float("inf"), scale=3.0)
    signal = noise(5000)
    cells, (real, imaginary) = stft(signal, front_end.grid), front_end(signal)
    compressed = real + 1j * imaginary
    # Bins of the first and last frame may be as small as rounding errors.
    clear = np.abs(cells) > 1e-6
    np.testing.assert_allclose(np.abs(compressed), 3 * np.abs(cells) ** 0.5, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose((compressed / cells)[clear].imag, 0, atol=1e-4)
    # A louder signal is the same image, but for a factor.
    np.testing.assert_allclose(front_end(4 * signal), 2 * front_end(signal), rtol=1e-4, atol=1e-5)


def test_silence_is_zero_and_back():
    front_end = SpectrogramFrontEnd()
    image = front_end(np.zeros(3000))
    assert not image.any() and not front_end.inverse(image, 3000).any()


def test_imaginary_parts_of_the_outermost_bins_are_zero_and_not_read():
    front_end = SpectrogramFrontEnd(compression=1.0)
    image = front_end(noise(5000))
    assert np.abs(image[1, [0, -1]]).max() < 1e-6
    changed = image.copy()
    changed[1, [0, -1]] += 1
    assert np.array_equal(front_end.inverse(changed, 5000), front_end.inverse(image, 5000))


def test_coordinates_tell_frequency_and_parity():
    frequency, parity = SpectrogramFrontEnd().coordinates(5)
    assert frequency.shape == parity.shape == (512, 5)
    assert frequency[0, 0] == -1 and frequency[-1, -1] == 1 and (np.diff(frequency[:, 0]) > 0).all()
    assert set(parity[::2].ravel()) == {1} and set(parity[1::2].ravel()) == {-1}


def test_the_network_is_given_sample_and_coordinates(tiny_unet):
    unet = tiny_unet(8, 8)
    front_end = SpectrogramFrontEnd(n_fft=14, hop_length=7)
    coordinates, sample = torch.tensor(front_end.coordinates(8)), torch.randn(3, 2, 8, 8)
    with torch.no_grad():
        predicted = predict(unet, coordinates, sample, torch.tensor(7))
        alone = unet(torch.cat([sample[1], coordinates])[None], 7).sample
    assert predicted.shape == sample.shape
    torch.testing.assert_close(predicted[1:2], alone)


def test_save_and_load_are_inverse(tmp_path):
    front_end = SpectrogramFrontEnd(n_fft=510, hop_length=255, compression=0.5, scale=2.0)
    front_end.save_pretrained(tmp_path)
    loaded = SpectrogramFrontEnd.from_pretrained(tmp_path)
    assert loaded.to_dict() == front_end.to_dict()
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["hop_length"] == 255
    assert np.array_equal(loaded(noise(3000)), front_end(noise(3000)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": 0.0}, "compression must lie in"),
        ({"compression": 1.5}, "compression must lie in"),
        ({"scale": 0.0}, "must be positive"),
        ({"emphasis_hz": -1.0}, "must be positive"),
        ({"hop_length": 500}, "a divisor"),
    ],
)
def test_other_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpectrogramFrontEnd(**options)
