"""
Signals of known components: pure functions of a number of samples, a rate and a generator.

Those of `SYNTHETIC_SIGNALS` have a peak of `PEAK`. All are float64 `(num_samples,)`.
"""

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter


PEAK = 0.5
# First and last frequency of [`saturating_chirp`], and its bursts a second.
CHIRP_HERTZ = (200.0, 4_000.0)
BURSTS_HERTZ = 1.5
# Formants of the vowel a, as Peterson & Barney measured them in men (Journal of the Acoustical Society of America 24,
# 1952), and their bandwidths, all in Hz.
FORMANTS = ((730.0, 90.0), (1_090.0, 110.0), (2_440.0, 170.0))


def saturating_chirp(num_samples: int, sampling_rate: int) -> np.ndarray:
    """
    A sine that rises linearly from 200 Hz to 4 kHz, in bursts, 1.5 a second, that swell to 0.1 and are louder than
    0.05 for a third of the time. Nothing is drawn.
    """
    time = np.arange(num_samples) / sampling_rate
    return 0.1 * np.sin(np.pi * BURSTS_HERTZ * time) ** 4 * np.sin(_sweep(time, *CHIRP_HERTZ))


def chirp(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> np.ndarray:
    """A sine whose frequency goes linearly from one of 200 to 500 Hz to one of 2 to 5 kHz, modulated in amplitude."""
    time = np.arange(num_samples) / sampling_rate
    phase = _sweep(time, generator.uniform(200, 500), generator.uniform(2_000, 5_000))
    modulation = 0.6 + 0.4 * np.cos(2 * np.pi * generator.uniform(1, 4) * time + generator.uniform(0, 2 * np.pi))
    return _to_peak(modulation * np.sin(phase + generator.uniform(0, 2 * np.pi)))


def vibrato_tones(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Two harmonic tones of 150 to 500 Hz, ten partials each that fall by 1 / k, with a vibrato of 4 to 7 Hz."""
    time = np.arange(num_samples) / sampling_rate
    signal = np.zeros(num_samples)
    for _ in range(2):
        pitch, rate = generator.uniform(150, 500), generator.uniform(4, 7)
        # 20 to 60 cents to a side.
        depth = pitch * (2 ** (generator.uniform(20, 60) / 1200) - 1)
        phase = 2 * np.pi * pitch * time + depth / rate * np.sin(2 * np.pi * rate * time)
        for partial in range(1, 11):
            signal += np.sin(partial * phase + generator.uniform(0, 2 * np.pi)) / partial
    return _to_peak(signal)


def clicks_and_tones(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Three steady sines of 200 to 3,000 Hz, and some eight clicks a second, bursts of noise that decay in 2 ms."""
    time = np.arange(num_samples) / sampling_rate
    signal = sum(
        0.3 * np.sin(2 * np.pi * generator.uniform(200, 3_000) * time + generator.uniform(0, 2 * np.pi))
        for _ in range(3)
    )
    starts = generator.random(num_samples) < 8 / sampling_rate
    length = round(0.02 * sampling_rate)
    decay = np.exp(-np.arange(length) / (0.002 * sampling_rate))
    clicks = np.convolve(starts, decay)[:num_samples] * generator.standard_normal(num_samples)
    return _to_peak(signal + clicks)


def formant_noise(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> np.ndarray:
    """White noise through resonances at the formants of a sung a, louder and softer a few times a second."""
    noise, time = generator.standard_normal(num_samples), np.arange(num_samples) / sampling_rate
    signal = np.zeros(num_samples)
    for centre, bandwidth in FORMANTS:
        radius = np.exp(-np.pi * bandwidth / sampling_rate)
        signal += lfilter(
            [1 - radius], [1, -2 * radius * np.cos(2 * np.pi * centre / sampling_rate), radius**2], noise
        )
    rate, phase = generator.uniform(2, 5), generator.uniform(0, 2 * np.pi)
    return _to_peak((0.6 + 0.4 * np.cos(2 * np.pi * rate * time + phase)) * signal)


SYNTHETIC_SIGNALS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    function.__name__: function for function in (chirp, vibrato_tones, clicks_and_tones, formant_noise)
}


def _sweep(time: np.ndarray, first_hertz: float, last_hertz: float) -> np.ndarray:
    """The phase of a sine whose frequency rises linearly, from the first sample to the last."""
    return 2 * np.pi * (first_hertz * time + (last_hertz - first_hertz) * time**2 / (2 * time[-1]))


def _to_peak(signal: np.ndarray) -> np.ndarray:
    return PEAK / np.abs(signal).max() * signal
