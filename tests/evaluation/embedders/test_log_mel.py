import numpy as np

from aidd.evaluation.embedders.log_mel import log_mel


def test_a_tone_is_loudest_in_its_band_and_silence_is_the_offset():
    audio = np.stack([np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000), np.zeros(16_000)])
    spectra = log_mel(audio)
    assert spectra.shape == (2, 98, 64)
    np.testing.assert_array_equal(spectra[1], np.log(0.01))
    mel = 1127 * np.log1p(np.array([125, 1000, 7500]) / 700)
    band = round((mel[1] - mel[0]) / (mel[2] - mel[0]) * 65 - 1)
    assert (spectra[0].argmax(-1) == band).all()
    # Its magnitude is half of the window's sum, 200, and its share of the band close to 1.
    magnitudes = np.exp(spectra[0, :, band])
    assert magnitudes.min() > 50 and magnitudes.max() < 300
