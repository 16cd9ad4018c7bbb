import numpy as np
import pytest

from aidd.splice import splice


RATE = 8000


def signal_and_mask(start: int = 4000, end: int = 5000, num_samples: int = 9000, seed: int = 0):
    signal = np.random.default_rng(seed).normal(size=num_samples)
    mask = np.zeros(num_samples, bool)
    mask[start:end] = True
    return signal, mask


@pytest.mark.parametrize("gap", [(4000, 5000), (0, 700), (8500, 9000), (4000, 4001), (1, 8999)])
def test_only_the_gap_changes(gap):
    signal, mask = signal_and_mask(*gap)
    damaged = np.where(mask, np.nan, signal)
    restored = splice(damaged, mask, np.ones(9000), gap, sampling_rate=RATE)
    assert np.array_equal(restored[~mask], signal[~mask])
    assert np.isfinite(restored).all()
    assert np.isnan(damaged[mask]).all()


def test_other_gaps_are_neither_read_nor_filled():
    signal, mask = signal_and_mask()
    mask[3900:3950] = True
    damaged = np.where(mask, np.nan, signal)
    restored = splice(damaged, mask, np.ones(9000), (4000, 5000), sampling_rate=RATE)
    assert np.isfinite(restored[4000:5000]).all() and np.isnan(restored[3900:3950]).all()


def test_the_middle_of_a_long_gap_is_the_generated_audio_where_levels_agree():
    signal, mask = signal_and_mask()
    generated = signal.copy()
    restored = splice(np.where(mask, np.nan, signal), mask, generated, (4000, 5000), sampling_rate=RATE)
    inner = slice(4000 + 400, 5000 - 400)
    np.testing.assert_allclose(restored[inner], signal[inner], rtol=1e-12)


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_level_follows_the_edges_whatever_the_generated_level(factor):
    signal, mask = signal_and_mask()
    expected = splice(np.where(mask, np.nan, signal), mask, signal, (4000, 5000), sampling_rate=RATE)
    restored = splice(np.where(mask, np.nan, signal), mask, factor * signal, (4000, 5000), sampling_rate=RATE)
    np.testing.assert_allclose(restored, expected, rtol=1e-9)


def test_gain_runs_from_one_edge_to_the_other_and_is_bounded():
    signal, mask = signal_and_mask()
    signal[5000:] *= 2
    generated = np.random.default_rng(1).normal(size=9000)
    generated[3600:4000] = signal[3600:4000]
    generated[5000:5400] = signal[5000:5400] / 2
    damaged = np.where(mask, np.nan, signal)
    restored = splice(damaged, mask, generated, (4000, 5000), sampling_rate=RATE)
    ratio = restored[4400:4600] / generated[4400:4600]
    np.testing.assert_allclose(ratio, np.geomspace(1, 2, 1000)[400:600], rtol=1e-9)
    restored = splice(damaged, mask, 1e-6 * generated, (4000, 5000), sampling_rate=RATE, max_gain=4.0)
    np.testing.assert_allclose(restored[4400:4600], 4e-6 * generated[4400:4600], rtol=1e-9)


def test_a_short_gap_is_filled_by_the_continuations_alone():
    time = np.arange(9000)
    tone = np.sin(0.3 * time) + 0.5 * np.sin(0.71 * time + 1)
    mask = np.zeros(9000, bool)
    mask[4000:4200] = True
    fillings = [
        splice(np.where(mask, np.nan, tone), mask, generated, (4000, 4200), sampling_rate=RATE)
        for generated in (np.zeros(9000), np.ones(9000))
    ]
    np.testing.assert_allclose(*fillings, atol=1e-6)
    assert np.abs(fillings[0][4000:4020] - tone[4000:4020]).max() < 0.2


def test_without_intact_context_the_generated_audio_stands_alone():
    mask = np.ones(100, bool)
    generated = np.random.default_rng(0).normal(size=100)
    restored = splice(np.full(100, np.nan), mask, generated, (0, 100), sampling_rate=RATE)
    np.testing.assert_allclose(restored, generated)


def test_arguments_that_do_not_fit_are_refused():
    signal, mask = signal_and_mask()
    with pytest.raises(ValueError, match="one length, got 9000, 9000, 10"):
        splice(signal, mask, np.ones(10), (4000, 5000), sampling_rate=RATE)
    with pytest.raises(ValueError, match="samples are all missing"):
        splice(signal, mask, signal, (3999, 5000), sampling_rate=RATE)
