"""The log-mel spectrogram that VGGish reads."""

import numpy as np

from ...signals.measures.spectrograms import magnitude_spectrogram, mel_filterbank


SAMPLING_RATE = 16_000
WINDOW_LENGTH, HOP_LENGTH, N_FFT = 400, 160, 512
N_MELS = 64


def log_mel(audio: np.ndarray) -> np.ndarray:
    """
    Natural log of mel magnitudes plus 0.01: frames of 25 ms every 10 ms, 64 bands from 125 to 7500 Hz.

    Args:
        audio: float `(..., samples)` at 16 kHz, samples at least 400.

    Returns:
        `(..., 1 + (samples - 400) // 160, 64)`.
    """
    spectrogram = magnitude_spectrogram(audio, window_length=WINDOW_LENGTH, hop_length=HOP_LENGTH, n_fft=N_FFT)
    filterbank = mel_filterbank(N_FFT // 2 + 1, N_MELS, sampling_rate=SAMPLING_RATE, f_min=125, f_max=7500)
    return np.log(spectrogram @ filterbank + 0.01)
