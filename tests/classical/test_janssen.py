import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from aidd.classical.janssen import janssen
from aidd.evaluation.metrics import snr_in_gap
from aidd.signals.autoregressive import least_error, linear_prediction


MODEL = np.poly([0.95 * np.exp(1j * w) for w in (0.3, -0.3, 1.1, -1.1)]).real


def process(num_samples: int, seed: int = 0) -> np.ndarray:
    return lfilter([1], MODEL, np.random.default_rng(seed).normal(size=num_samples + 500))[500:]


def dense(signal: np.ndarray, missing: np.ndarray, error_filter: np.ndarray) -> np.ndarray:
    """The same minimum by least squares with the whole matrices of the forward and backward prediction errors."""
    order = len(error_filter) - 1
    matrix = np.zeros((len(signal) - order, len(signal)))
    for row in range(len(matrix)):
        matrix[row, row : row + order + 1] = error_filter[::-1]
    matrix = np.concatenate([matrix, matrix[::-1, ::-1]])
    restored = signal.copy()
    restored[missing] = np.linalg.lstsq(matrix[:, missing], -matrix[:, ~missing] @ signal[~missing], rcond=None)[0]
    return restored


MASKS = {
    "one gap": [(200, 260)],
    "two gaps coupled by the model": [(200, 230), (233, 250)],
    "two gaps apart": [(100, 130), (300, 330)],
    "at the start": [(0, 20)],
    "at the end": [(580, 600)],
    "single samples": [(i, i + 1) for i in range(50, 550, 3)],
}


@pytest.mark.parametrize("name", MASKS)
def test_least_error_agrees_with_a_dense_solution(name):
    signal, missing = process(600), np.zeros(600, bool)
    for start, end in MASKS[name]:
        missing[start:end] = True
    ours = least_error(np.where(missing, 7.0, signal), missing, MODEL)
    theirs = dense(np.where(missing, 0.0, signal), missing, MODEL)
    assert np.array_equal(ours[~missing], signal[~missing])
    assert np.linalg.norm((ours - theirs)[missing]) < 1e-8 * np.linalg.norm(theirs[missing])


def test_iterations_agree_with_the_dense_method():
    signal, missing = process(900), np.zeros(900, bool)
    missing[400:430] = True
    ours = janssen(signal, missing, sampling_rate=1000, order=8, num_iterations=3, context_seconds=1.0)
    theirs = np.where(missing, np.interp(np.arange(900), np.flatnonzero(~missing), signal[~missing]), signal)
    for _ in range(3):
        theirs = dense(theirs, missing, linear_prediction(theirs, 8))
    assert np.linalg.norm((ours - theirs)[missing]) < 1e-8 * np.linalg.norm(theirs[missing])


def test_what_is_predicted_up_to_rounding_has_a_model_too():
    # A few coefficients predict signals as smooth as these: rounding decides which equations are singular.
    for num_samples in range(480, 520):
        assert np.isfinite(linear_prediction(np.hanning(num_samples) ** 4, 60)).all()


def test_linear_prediction_finds_the_model():
    np.testing.assert_allclose(linear_prediction(process(200_000), 4), MODEL, atol=0.02)


def test_a_long_process_is_recovered_to_the_level_of_its_innovation():
    signal, missing = process(20_000), np.zeros(20_000, bool)
    missing[5000:15_000:10] = True
    restored = janssen(signal, missing, sampling_rate=20_000, order=4)
    # Interpolating one sample between intact ones errs by the innovation over the norm of the model.
    error = (restored - signal)[missing]
    assert np.std(error) == pytest.approx(1 / np.linalg.norm(MODEL), rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_filling_has_a_smaller_error(seed):
    signal, missing = process(500), np.zeros(500, bool)
    missing[np.random.default_rng(seed).integers(500, size=60)] = True
    best = least_error(signal, missing, MODEL)
    other = best + 1e-3 * np.where(missing, np.random.default_rng(seed).normal(size=500), 0)
    energies = [
        np.sum(np.convolve(filling, MODEL, "valid") ** 2) + np.sum(np.convolve(filling, MODEL[::-1], "valid") ** 2)
        for filling in (best, other, signal)
    ]
    assert energies[0] < min(energies[1:])


def test_sinusoids_are_interpolated():
    time = np.arange(24_000) / 24_000
    signal = sum(np.sin(2 * np.pi * f * time + f) for f in (220.0, 441.3, 997.0))
    missing = np.zeros(24_000, bool)
    missing[12_000:12_120] = True
    assert snr_in_gap(signal, janssen(signal, missing, sampling_rate=24_000), missing) > 30


@pytest.mark.parametrize("where", [slice(0, 300), slice(0, 800), slice(31_700, 32_000), slice(0, 2000, 2)])
def test_gaps_at_the_ends_and_every_other_sample_stay_at_the_level_of_the_signal(where):
    time = np.arange(32_000) / 16_000
    signal = 0.3 * np.sin(2 * np.pi * 330 * time) + 0.01 * np.random.default_rng(0).normal(size=32_000)
    missing = np.zeros(32_000, bool)
    missing[where] = True
    assert np.abs(janssen(signal, missing, sampling_rate=16_000)).max() < 0.6


def test_silence_and_gaps_without_context_are_filled():
    missing = np.zeros(3000, bool)
    missing[1000:1100] = True
    np.testing.assert_array_equal(janssen(np.zeros(3000), missing, sampling_rate=8000), np.zeros(3000))
    almost_all = np.ones(50, bool)
    almost_all[20] = False
    with pytest.warns(UserWarning, match="marked as missing"):
        assert janssen(torch.ones(50), torch.tensor(almost_all), sampling_rate=8000).isfinite().all()


def test_orders_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must be at least 1, got 0 and 10"):
        janssen(np.ones(10), np.arange(10) == 5, sampling_rate=8000, order=0)
