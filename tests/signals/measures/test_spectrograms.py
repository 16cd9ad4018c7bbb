import numpy as np
import pytest

from aidd.signals.measures.spectrograms import frames_touching, hann, magnitude_spectrogram, mel_filterbank


def test_windows_half_overlapped_sum_to_one():
    window = hann(12)
    np.testing.assert_allclose(window[:6] + window[6:], 1, rtol=1e-12)
    assert window[0] == 0 and window[6] == 1


def test_a_spectrogram_is_the_dft_of_each_windowed_frame():
    signal = np.random.default_rng(0).normal(size=(2, 23))
    spectrogram = magnitude_spectrogram(signal, window_length=8, hop_length=3, n_fft=10)
    assert spectrogram.shape == (2, 6, 6)
    kernel = np.exp(-2j * np.pi * np.outer(np.arange(6), np.arange(8)) / 10)
    for frame in range(6):
        expected = np.abs((signal[:, 3 * frame : 3 * frame + 8] * hann(8)) @ kernel.T)
        np.testing.assert_allclose(spectrogram[:, frame], expected, atol=1e-12)


def test_mel_triangles_are_one_at_their_centres_and_sum_to_one_between():
    weights = mel_filterbank(2001, 10, sampling_rate=8000, f_min=200, f_max=3000)
    frequencies = np.linspace(0, 4000, 2001)
    assert weights.min() == 0 and weights.max(0) == pytest.approx(1, abs=0.05)
    centres = frequencies[weights.argmax(0)]
    assert (np.diff(np.diff(centres)) > 0).all()
    between = (frequencies > centres[0]) & (frequencies < centres[-1])
    np.testing.assert_allclose(weights.sum(1)[between], 1, rtol=1e-9)
    assert not weights[(frequencies <= 200) | (frequencies >= 3000)].any()
    # 1000 Hz is close to 1000 mel.
    edges = 700 * np.expm1(np.array([990, 1010]) / 1127)
    narrow = mel_filterbank(4001, 1, sampling_rate=8000, f_min=edges[0], f_max=edges[1])
    assert np.linspace(0, 4000, 4001)[narrow[:, 0].argmax()] == pytest.approx(1000, abs=2)


def test_frames_that_touch_a_mask_are_those_that_read_it():
    mask = np.zeros((2, 23), bool)
    mask[1, 7] = True
    touching = frames_touching(mask, window_length=8, hop_length=3)
    # Frames start at 0, 3, 6, 9, ...; sample 7 is in those from 0, 3 and 6.
    assert not touching[0].any() and touching[1].tolist() == [True, True, True, False, False, False]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at least 8 samples long, one window, got 7"):
        magnitude_spectrogram(np.zeros(7), window_length=8, hop_length=2)
    for f_min, f_max in ((-1, 100), (100, 100), (100, 4001)):
        with pytest.raises(ValueError, match="expected 0 <= f_min < f_max <= 4000"):
            mel_filterbank(65, 4, sampling_rate=8000, f_min=f_min, f_max=f_max)
    with pytest.raises(ValueError, match=r"64 mel bands .* too many for 65 bins"):
        mel_filterbank(65, 64, sampling_rate=8000, f_min=20, f_max=4000)
