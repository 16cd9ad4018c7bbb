import numpy as np
import pytest
import torch

from aidd import METHODS
from aidd.classical import linear, sparse
from aidd.classical.sparse import a_spain, keep_largest, learn_basis, least_magnitudes
from aidd.evaluation.metrics import snr_in_gap
from aidd.signals.stft import analyse, tight_hann


RATE, HOP = 8000, 32
RNG = np.random.default_rng(0)


def sinusoids(*frequencies: float) -> np.ndarray:
    time = np.arange(8000) / RATE
    return sum(0.3 * np.sin(2 * np.pi * frequency * time + frequency) for frequency in frequencies)


def gap(*gaps: tuple[int, int]) -> np.ndarray:
    missing = np.zeros(8000, bool)
    for start, end in gaps:
        missing[start:end] = True
    return missing


def complex_noise(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


# Bins of the default window lie 10 Hz apart.
@pytest.mark.parametrize("frequencies", [(440.0, 700.0, 1200.0), (220.0, 441.3, 997.7), (313.1, 2718.3)])
@pytest.mark.parametrize("milliseconds", [10, 20])
def test_sinusoids_on_and_off_the_grid_are_recovered(frequencies, milliseconds):
    signal, missing = sinusoids(*frequencies), gap((4000, 4000 + 8 * milliseconds))
    snr = snr_in_gap(signal, sparse(signal, missing, sampling_rate=RATE), missing)
    assert snr > 30 and snr > 20 + snr_in_gap(signal, linear(signal, missing, sampling_rate=RATE), missing)


def test_learning_the_dictionary_pays_on_partials_that_one_coefficient_cannot_hold():
    signal, missing = sinusoids(220.0, 441.3, 997.7), gap((4000, 4240))
    learned, plain = (
        snr_in_gap(signal, sparse(signal, missing, sampling_rate=RATE, num_learning_steps=steps), missing)
        for steps in (10, 0)
    )
    assert learned > plain + 6


@pytest.mark.parametrize(
    "gaps",
    [[(0, 80)], [(7920, 8000)], [(1000, 1080), (1200, 1280), (5000, 5080)], [(i, i + 1) for i in range(0, 8000, 5)]],
)
def test_gaps_anywhere_are_filled(gaps):
    signal, missing = sinusoids(441.3, 997.7), gap(*gaps)
    restored = sparse(signal, missing, sampling_rate=RATE)
    np.testing.assert_array_equal(restored[~missing], signal[~missing])
    assert snr_in_gap(signal, restored, missing) > 10


@pytest.mark.filterwarnings("ignore:.*marked as missing")
@pytest.mark.parametrize("gaps", [[(1000, 4000)], [(0, 7000)], [(0, 4000), (4001, 8000)]])
def test_gaps_longer_than_a_window_and_without_context_stay_at_the_level_of_the_signal(gaps):
    restored = sparse(sinusoids(441.3), gap(*gaps), sampling_rate=RATE)
    assert np.isfinite(restored).all() and np.abs(restored).max() < 1


def test_silence_stays_silence_and_values_under_the_mask_are_not_read():
    missing = gap((1000, 1100))
    np.testing.assert_array_equal(sparse(np.zeros(8000), missing, sampling_rate=RATE), np.zeros(8000))
    signal = sinusoids(441.3)
    restored = sparse(signal, missing, sampling_rate=RATE)
    poisoned = torch.tensor(np.where(missing, np.nan, signal))
    again = METHODS["sparse"](poisoned, torch.tensor(missing), sampling_rate=RATE)
    np.testing.assert_array_equal(again.numpy(), restored)


def test_the_scale_of_the_signal_does_not_matter():
    signal, missing = sinusoids(441.3, 997.7), gap((4000, 4100))
    loud, quiet = (sparse(scale * signal, missing, sampling_rate=RATE) / scale for scale in (2.0**10, 2.0**-20))
    np.testing.assert_allclose(loud, quiet, atol=1e-9)


@pytest.mark.parametrize("sparsity_step", [1, 7, 64])
def test_every_result_is_consistent_with_what_is_known(sparsity_step):
    signal, missing = RNG.normal(size=10 * HOP), np.zeros(10 * HOP, bool)
    missing[4 * HOP : 6 * HOP] = True
    known = np.where(missing, 0, signal)
    restored = a_spain(known, missing, HOP, learn_basis(complex_noise(2 * HOP + 1, 5), 3), sparsity_step, 1e-9)
    np.testing.assert_array_equal(restored[~missing], signal[~missing])


def test_the_largest_coefficients_are_kept_in_every_frame():
    coefficients = complex_noise(9, 4)
    kept = keep_largest(coefficients, 3)
    assert ((kept != 0).sum(0) == 3).all() and (kept[kept != 0] == coefficients[kept != 0]).all()
    assert (np.abs(kept[1:-1]).max(0) == np.abs(coefficients[1:-1]).max(0)).all()
    np.testing.assert_array_equal(keep_largest(np.array([[1.3], [1.0], [0.0]]), 1), [[0], [1], [0]])


def test_the_learned_basis_is_unitary_and_makes_the_frames_sparser():
    frames = analyse(sinusoids(220.0, 441.3, 997.7)[: 12 * HOP], tight_hann(HOP), HOP)
    sums = [np.abs(frames).sum()]
    for steps in (1, 3, 10):
        basis = learn_basis(frames, steps)
        np.testing.assert_allclose((basis @ basis.conj().T).toarray(), np.eye(2 * HOP + 1), atol=1e-5)
        np.testing.assert_array_equal(basis[[0, -1]].toarray(), np.eye(2 * HOP + 1)[[0, -1]])
        sums.append(np.abs(basis @ frames).sum())
    assert sums[0] > sums[1] > sums[2] >= sums[3] and sums[3] < 0.8 * sums[0]
    np.testing.assert_array_equal(learn_basis(0 * frames, 5).toarray(), np.eye(2 * HOP + 1))


def test_steps_agree_with_a_dense_solution():
    frames = complex_noise(6, 8)
    columns = []
    for n in range(5):
        for entry in (1, 1j):
            matrix = np.zeros((6, 6), complex)
            matrix[n, n + 1], matrix[n + 1, n] = entry, np.conj(entry)
            columns.append((1j * matrix @ frames / np.sqrt(np.abs(frames))).ravel())
    system, right = np.stack(columns, 1), -(frames / np.sqrt(np.abs(frames))).ravel()
    dense = np.linalg.lstsq(
        np.concatenate([system.real, system.imag]), np.concatenate([right.real, right.imag]), rcond=None
    )[0]
    np.testing.assert_allclose(least_magnitudes(frames), dense[::2] + 1j * dense[1::2], atol=1e-6)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"sparsity_step": 0}, "sparsity_step of at least 1"),
        ({"tolerance": 0.0}, "positive tolerance"),
        ({"num_learning_steps": -1}, "num_learning_steps of at least 0"),
        ({"window_seconds": 0.0009}, "at least 8 samples long"),
    ],
)
def test_bad_arguments_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        sparse(np.ones(8000), gap((10, 20)), sampling_rate=RATE, **option)
