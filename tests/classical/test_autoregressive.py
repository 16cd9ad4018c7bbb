import numpy as np
import pytest
import torch
from scipy.signal import butter, lfilter, sosfilt

from aidd import METHODS
from aidd.classical.autoregressive import autoregressive
from aidd.evaluation.metrics import snr_in_gap
from aidd.signals.autoregressive import burg, extrapolate


def test_burg_finds_the_model_of_a_long_autoregressive_process():
    error_filter = np.poly([0.9, 0.6 + 0.6j, 0.6 - 0.6j]).real
    signal = lfilter([1], error_filter, np.random.default_rng(0).normal(size=200_000))
    np.testing.assert_allclose(burg(signal, 3), error_filter, atol=0.01)


def test_burg_agrees_with_its_definition_at_order_one():
    signal = np.random.default_rng(0).normal(size=50)
    reflection = -2 * signal[1:] @ signal[:-1] / (signal[1:] @ signal[1:] + signal[:-1] @ signal[:-1])
    np.testing.assert_allclose(burg(signal, 1), [1, reflection], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 10, 200])
def test_models_are_stable(order):
    signal = np.random.default_rng(1).normal(size=601).cumsum()
    assert np.abs(np.roots(burg(signal, order))).max() <= 1 + 1e-6


def test_a_sum_of_sinusoids_is_continued():
    time = np.arange(6000) / 24_000
    signal = sum(np.sin(2 * np.pi * f * time + f) for f in (220.0, 441.3, 997.0))
    continuation = extrapolate(signal[:4800], burg(signal[:4800], 512), 1200)
    error = continuation - signal[4800:]
    assert 10 * np.log10((signal[4800:] @ signal[4800:]) / (error @ error)) > 30


def test_extrapolation_satisfies_the_recursion():
    signal, error_filter = np.random.default_rng(2).normal(size=20), np.array([1, -0.5, 0.2, 0.1])
    whole = np.concatenate([signal, extrapolate(signal, error_filter, 30)])
    np.testing.assert_allclose(np.convolve(whole, error_filter)[20:50], 0, atol=1e-12)


def test_a_silent_signal_stays_silent():
    error_filter = burg(np.zeros(100), 10)
    assert np.array_equal(extrapolate(np.zeros(100), error_filter, 5), np.zeros(5))


@pytest.mark.parametrize("order", [0, 100])
def test_orders_that_do_not_fit_are_refused(order):
    with pytest.raises(ValueError, match=r"order must lie in \[1, samples - 1 = 99\]"):
        burg(np.ones(100), order)


def test_method_continues_sinusoids_over_50_ms():
    time = np.arange(48_000) / 24_000
    signal = sum(np.sin(2 * np.pi * f * time + f) for f in (220.0, 441.3, 997.0))
    missing = np.zeros(48_000, bool)
    for start in (0, 20_000, 30_000, 46_800):
        missing[start : start + 1200] = True
    restored = autoregressive(np.where(missing, np.nan, signal), missing, sampling_rate=24_000)
    assert np.array_equal(restored[~missing], signal[~missing])
    assert snr_in_gap(signal, restored, missing) > 30


def test_method_fills_gaps_without_context():
    missing = np.ones(30, bool)
    missing[10] = False
    with pytest.warns(UserWarning, match="marked as missing"), pytest.warns(UserWarning, match="too few for"):
        assert np.array_equal(autoregressive(np.ones(30), missing, sampling_rate=8000)[missing], np.zeros(29))


def test_orders_below_one_are_refused():
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        autoregressive(np.ones(10), np.arange(10) == 5, sampling_rate=8000, order=0)


@pytest.mark.parametrize("cutoff", [300, 1000, 4000])
@pytest.mark.parametrize("order", [4, 8, 12])
def test_what_is_low_passed_steeply_goes_on_at_its_level(order, cutoff, tones):
    """In float64 its stopband holds next to nothing, and models of high order would be unstable."""
    audio = tones(48_000, 24_000)[0] + 0.01 * np.random.default_rng(0).normal(size=48_000)
    audio = sosfilt(butter(order, cutoff, fs=24_000, output="sos"), audio)
    for length in (300, 2400, 12_000):
        mask = np.zeros(48_000, bool)
        mask[20_000 : 20_000 + length] = True
        for method in ("autoregressive", "envelope_noise", "lines", "sinusoidal"):
            restored = METHODS[method](audio, mask, sampling_rate=24_000, generator=torch.Generator().manual_seed(0))
            assert np.abs(restored[mask]).max() < 3 * np.abs(audio[15_000:35_000]).max(), method
