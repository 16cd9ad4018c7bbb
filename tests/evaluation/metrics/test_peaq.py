import importlib
import warnings
from dataclasses import astuple

import numpy as np
import pytest
from numpy.testing import assert_allclose

from aidd.evaluation.metrics.peaq import distortion_index, model_output_variables, objective_difference_grade
from aidd.evaluation.metrics.peaq.bands import CENTRES, EDGES, NUM_BANDS, poles, shares, to_bark, to_hertz
from aidd.evaluation.metrics.peaq.ear_model import (
    frames_of,
    outer_ear,
    power_spectra,
    smooth,
    spread_over_bands,
    spread_over_time,
)
from aidd.evaluation.metrics.peaq.model_output_variables import data_frames
from aidd.evaluation.metrics.peaq.pattern_differences import detection, modulation_differences, noise_loudness
from aidd.evaluation.metrics.peaq.patterns import adapt, modulation, total_loudness
from aidd.evaluation.metrics.peaq.peaq import HIGHEST, LOWEST
from aidd.evaluation.metrics.peaq.spectral_differences import bandwidths, harmonic_structure, noise_to_mask
from aidd.signals.resampling import resample


RATE = 48_000


@pytest.fixture
def music(tones):
    """1.5 s of decaying harmonics in a little noise, in stereo."""
    return tones(int(1.5 * RATE), RATE, 2)


def noise(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def grade(reference: np.ndarray, estimate: np.ndarray, sampling_rate: int = RATE) -> float:
    return objective_difference_grade(reference, estimate, sampling_rate=sampling_rate)


# Bands


def test_bands_are_those_of_the_standards_table():
    assert len(CENTRES) == NUM_BANDS == 109
    edges = to_hertz(EDGES)
    assert_allclose(edges[:6], [80.000, 103.445, 127.023, 150.762, 174.694, 198.849], atol=5e-4)
    assert_allclose(CENTRES[:4], [91.708, 115.216, 138.870, 162.702], atol=5e-4)
    assert_allclose([CENTRES[-1], edges[-1]], [17_690.045, 18_000.000], atol=2e-3)
    assert_allclose(to_hertz(to_bark(edges)), edges)


def test_bins_are_shared_out_among_bands_without_loss():
    bins = np.arange(1025) * RATE / 2048
    inside = (bins - RATE / 4096 >= 80) & (bins + RATE / 4096 <= 18_000)
    outside = (bins + RATE / 4096 <= 80) | (bins - RATE / 4096 >= 18_000)
    assert_allclose(shares().sum(1)[inside], 1)
    assert_allclose(shares().sum(1)[outside], 0)
    assert_allclose(shares().sum() * RATE / 2048, 18_000 - 80)


def test_low_bands_are_smoothed_longer_than_high_ones():
    assert np.all(np.diff(poles(0.008, 0.03)) < 0)
    # One hop of 64/3 ms.
    assert_allclose(np.interp(100, CENTRES, poles(0.008, 0.03)), np.exp(-64 / 3 / 30), rtol=5e-3)
    assert_allclose(poles(0.01, 0.01), np.exp(-64 / 3 / 10))


# Ear model


def test_frames_overlap_by_half_and_the_last_is_filled_up():
    for num_samples, num_frames in ((1, 1), (1023, 1), (2047, 1), (2048, 2), (3071, 2), (3072, 3)):
        frames = frames_of(np.arange(1.0, num_samples + 1)[None])
        assert frames.shape == (num_frames, 1, 2048)
        expected = np.arange(1.0, 1024 * (num_frames + 1) + 1)
        expected[num_samples:] = 0
        for index, frame in enumerate(frames[:, 0]):
            assert np.array_equal(frame, expected[1024 * index : 1024 * index + 2048])


def test_a_sine_of_full_scale_is_92_decibels():
    sine = np.sin(2 * np.pi * 1019.5 * np.arange(2048) / RATE)
    assert 10 * np.log10(power_spectra(sine).max()) == pytest.approx(92, abs=0.01)


def test_the_outer_ear_hears_best_near_3_kilohertz():
    decibels = 10 * np.log10(outer_ear()[1:])
    assert 2800 < (1 + np.argmax(decibels)) * RATE / 2048 < 3600
    # At 3 kHz, bin 128: -2.184 3^-0.8 + 6.5 e^-0.054 - 0.001 3^3.6.
    assert decibels[127] == pytest.approx(-0.906893 + 6.158309 - 0.052196, abs=1e-4)
    assert outer_ear()[0] == 0


def test_a_pattern_of_ones_is_not_changed_by_spreading():
    assert_allclose(spread_over_bands(np.ones((2, 109))), 1)


def test_spreading_is_what_its_sums_say():
    pattern = 10 ** np.random.default_rng(0).uniform(0, 9, 109)

    def spread(powers):
        excitation = np.zeros(109)
        for source, power in enumerate(powers):
            distances = 0.25 * (np.arange(109) - source)
            slope = 24 + 230 / CENTRES[source] - 2 * np.log10(power)
            shape = 10 ** (np.where(distances < 0, 27 * distances, -slope * distances) / 10)
            excitation += (power * shape / shape.sum()) ** 0.4
        return excitation**2.5

    assert_allclose(spread_over_bands(pattern), spread(pattern) / spread(np.ones(109)))


def test_excitation_outlasts_its_sound_as_long_as_the_pole_says():
    sound = np.ones((60, 109))
    sound[30:] = 0
    excitation = spread_over_time(sound)
    assert np.all(excitation >= sound)
    assert_allclose(excitation[:30], 1)
    ratios = excitation[31:34] / excitation[30:33]
    assert_allclose(ratios, np.broadcast_to(poles(0.008, 0.03), ratios.shape), rtol=1e-6)


def test_smoothing_answers_an_impulse_with_powers_of_the_pole():
    impulse = np.zeros((5, 2))
    impulse[1] = 1
    expected = [[0, 0], [2, 2], [1, 0.2], [0.5, 0.02], [0.25, 0.002]]
    assert_allclose(smooth(impulse, np.array([0.5, 0.1]), 2), expected)


# Patterns


def test_a_lasting_difference_of_level_and_timbre_is_adapted_away():
    reference = np.broadcast_to(10 ** noise((109,)), (400, 1, 109))
    tilt = np.exp(0.5 * np.sin(np.arange(109) / 20))
    first, second = adapt(reference, 0.1 * tilt * reference)
    # The pattern's correction is smeared over bands, what is left of the tilt is small.
    assert np.abs(np.log(first[-1] / second[-1])).max() < 0.1 * np.abs(np.log(0.1 * tilt)).max()
    same, other = adapt(reference, reference)
    assert_allclose(same, other)
    assert_allclose(same[-1], reference[-1])


def test_a_steady_sound_has_no_modulation_and_a_beating_one_more_the_deeper_it_beats():
    beat = np.sin(np.arange(300))[:, None, None]
    still, slight, deep = (modulation(1000 * (1 + depth * beat) * np.ones(109))[0][-1] for depth in (0, 0.2, 0.8))
    assert_allclose(still, 0, atol=1e-9)
    assert np.all(deep > 3 * slight)
    assert np.all(slight > 0)


def test_loudness_grows_with_level_and_silence_has_none():
    levels = 10 ** (np.arange(0, 9)[:, None] * np.ones(109))
    assert np.all(np.diff(total_loudness(levels)) > 0)
    assert total_loudness(np.zeros(109)) == 0
    # Ten times the power is 10^0.23 times as loud, when it is loud.
    assert total_loudness(levels[-1]) / total_loudness(levels[-2]) == pytest.approx(10**0.23, rel=0.03)


# Differences of frames


def test_equal_frames_do_not_differ():
    excitation, spectra = 10 ** np.abs(noise((3, 2, 109))), np.abs(noise((3, 2, 1025)))
    assert not np.any(detection(excitation, excitation))
    assert not np.any(modulation_differences(excitation, excitation))
    assert not np.any(noise_loudness(excitation, excitation, excitation, excitation))
    assert not np.any(harmonic_structure(spectra, spectra))


def test_half_the_listeners_notice_one_step_and_the_worse_ear_decides():
    # At 60 dB a step is 0.636432 dB: 0.128547 + 0.001168 + 1.092144 - 3.687768 + 3.301182 - 0.198719.
    reference, estimate = np.full((1, 1, 109), 1e6), np.full((1, 1, 109), 1e6)
    reference[..., 50] = 10 ** (6 - 0.0636432)
    probability, steps = detection(reference, estimate)
    assert probability[0] == pytest.approx(0.5, abs=1e-5)
    assert steps[0] == 0
    reference[..., 50] = 10 ** (6 - 0.65)
    alone = detection(reference, estimate)
    together = detection(np.concatenate([reference, estimate], 1), np.concatenate([estimate, estimate], 1))
    assert_allclose(alone, together)
    assert alone[0] > 0.999
    assert alone[1] == pytest.approx(6 / 0.636432, rel=1e-5)


def test_added_sound_is_louder_than_lost_sound_and_than_masked_sound():
    quiet, loud, still = np.full((1, 109), 1e4), np.full((1, 109), 1e5), np.zeros((1, 109))
    assert noise_loudness(quiet, loud, still, still) > 1
    assert noise_loudness(loud, quiet, still, still) == 0
    assert noise_loudness(1000 * quiet, 1000 * quiet + loud, still, still) < noise_loudness(quiet, loud, still, still)


def test_noise_as_far_below_the_excitation_as_it_must_is_just_masked():
    excitation = 10 ** np.abs(noise((2, 109)))
    offset = np.concatenate([np.full(49, 3.0), 0.0625 * np.arange(49, 109)])
    mean_ratio, worst_ratio = noise_to_mask(excitation / 10 ** (offset / 10), excitation)
    assert_allclose(mean_ratio, 1)
    assert_allclose(worst_ratio, 1)


def test_bandwidths_end_where_the_spectrum_sinks_into_the_estimates_noise():
    def spectrum(num_bins: int) -> np.ndarray:
        return np.where(np.arange(1025) < num_bins, 100.0, 1.0)[None]

    for widths, expected in (
        ((500, 400), (500, 400)),
        ((400, 500), (400, 400)),
        ((347, 200), (347, 200)),
        ((346, 346), (np.nan, np.nan)),
    ):
        assert_allclose(np.ravel(bandwidths(spectrum(widths[0]), spectrum(widths[1]))), expected)
    # 10 dB is not enough for the reference, 5 dB is enough for the estimate.
    assert_allclose(np.ravel(bandwidths(0.1 * spectrum(500), spectrum(500))), [np.nan, np.nan])
    assert_allclose(np.ravel(bandwidths(spectrum(500), np.clip(spectrum(500), 1, 10**0.5))), [500, 500])


def test_harmonic_errors_have_more_structure_than_noise():
    spectrum, bins = np.ones((1, 1025)), np.arange(1025)
    harmonic = np.exp(np.cos(2 * np.pi * bins / 16))[None]
    random = np.exp(noise((20, 1025)))
    assert harmonic_structure(spectrum, harmonic) > 5 * harmonic_structure(np.ones((20, 1025)), random).mean()
    assert harmonic_structure(spectrum, 0 * spectrum) == 0


def test_data_begin_and_end_with_frames_that_make_a_sound():
    signal = np.zeros((2, 10_240))
    assert data_frames(signal, 10) == slice(0, 10)
    signal[1, 5000] = 200 / 32768
    # The sample is in the frames that start at 3072 and 4096 only.
    assert data_frames(signal, 10) == slice(3, 5)
    signal[0, 10_239] = 1
    assert data_frames(signal, 10) == slice(3, 10)
    signal[0, 0] = -1
    assert data_frames(signal, 10) == slice(0, 10)


# The grade


def test_the_network_at_the_corners_of_its_range():
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    best, worst = (distortion_index(_variables(corner)) for corner in (LOWEST, HIGHEST))
    hidden = sigmoid(np.array([-2.518254, 0.654841, -2.207228]))
    assert best == pytest.approx(-0.307594 + hidden @ [-3.817048, 4.107138, 4.629582])
    sums = [9.460483, -9.969109, -16.209153]
    hidden = sigmoid(np.array([-2.518254, 0.654841, -2.207228]) + sums)
    assert worst == pytest.approx(-0.307594 + hidden @ [-3.817048, 4.107138, 4.629582], abs=1e-5)


def _variables(values: np.ndarray):
    module = importlib.import_module("aidd.evaluation.metrics.peaq.model_output_variables")
    return module.ModelOutputVariables(*values)


def test_grades_that_gstpeaq_publishes():
    # Figures of its test script, for 128 blocks of 1024 samples of 440 Hz at 0.8 of full scale. The bandwidth of a
    # sine is that of its rounding to single precision.
    phase = (440 * np.arange(128 * 1024) / RATE) % 1
    sine = np.float32(0.8 * np.sin(2 * np.pi * phase))
    saw = 0.8 * 2 * np.where(phase < 0.5, phase, phase - 1)
    triangle = 0.8 * np.interp(phase, [0, 0.25, 0.75, 1], [0, 1, -1, 0])
    assert grade(sine, sine) == pytest.approx(0.171, abs=3e-3)
    assert grade(saw, triangle) == pytest.approx(-2.007, abs=3e-3)


def test_of_equal_signals_is_above_zero_and_nothing_is_disturbed(music):
    variables = model_output_variables(music, music, sampling_rate=RATE)
    assert 0.1 < grade(music, music) < 0.22
    assert variables.bandwidth_ref == variables.bandwidth_test
    assert variables.total_nmr < -100
    assert astuple(variables)[3:] == (0,) * 8


def test_falls_as_noise_rises(music):
    hiss = music.std() * noise(music.shape)
    grades = [grade(music, music + 10 ** (-snr / 20) * hiss) for snr in (80, 60, 50, 40, 30, 20)]
    assert np.all(np.diff(grades) < 0)
    assert grades[0] > -0.5
    assert -3.98 < grades[-1] < -3.5


def test_does_not_see_polarity_nor_the_order_of_channels_and_a_doubled_channel_is_none_more(music):
    damaged = music + 1e-4 * noise(music.shape)
    expected = grade(music, damaged)
    assert grade(music, -damaged) == pytest.approx(expected, abs=1e-9)
    assert grade(music[::-1], damaged[::-1]) == pytest.approx(expected, abs=1e-9)
    mono = grade(music[0], damaged[0])
    assert mono == grade(music[:1], damaged[:1])
    assert grade(music[[0, 0]], damaged[[0, 0]]) == pytest.approx(mono, abs=1e-9)


def test_forgives_a_sample_of_delay_but_not_a_hundred_nor_a_change_of_level_as_much(music):
    later = [grade(music, np.roll(music, delay, -1)) for delay in (1, 100, 1000)]
    assert grade(music, music) > later[0] > later[1] > later[2]
    louder = [grade(music, 10 ** (gain / 20) * music) for gain in (0.1, 1, 3)]
    assert grade(music, music) > louder[0] > louder[1] > louder[2]


def test_other_rates_are_resampled(music):
    reference, damaged = music[:, ::2], music[:, ::2] + 1e-3 * noise(music[:, ::2].shape)
    expected = grade(resample(reference, 24_000, RATE), resample(damaged, 24_000, RATE))
    assert grade(reference, damaged, 24_000) == pytest.approx(expected, abs=1e-9)


def test_frames_are_the_same_in_blocks_of_any_size(music, monkeypatch):
    damaged = music + 1e-3 * noise(music.shape)
    expected = astuple(model_output_variables(music, damaged, sampling_rate=RATE))
    module = importlib.import_module("aidd.evaluation.metrics.peaq.model_output_variables")
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", 7)
    assert_allclose(astuple(model_output_variables(music, damaged, sampling_rate=RATE)), expected, rtol=1e-9)


# Where other implementations have no number


@pytest.mark.parametrize("num_samples", [1, 100, 2047, 2048, 2049, 26_000, 30_000])
def test_of_short_signals_is_a_number(music, num_samples):
    short = music[:, 1000 : 1000 + num_samples]
    damaged = short + 1e-3 * noise(short.shape)
    assert 0.1 < grade(short, short) < 0.22
    assert -3.98 <= grade(short, damaged) < 0.2


def test_of_silence_is_a_number(music):
    silence, hiss = 0 * music, 1e-3 * noise(music.shape)
    one_silent = music * [[1], [0]]
    assert 0.1 < grade(silence, silence) < 0.22
    assert -3.98 <= grade(silence, music) < -3.5
    assert 0.1 < grade(one_silent, one_silent) < 0.22
    assert np.isfinite(grade(one_silent, one_silent + hiss * [[1], [0]]))
    assert np.isfinite(grade(1e-6 * music, 1e-6 * hiss))
    assert np.isfinite(grade(0.5 + silence, 0.4 + silence))
    assert np.isfinite(grade(1e3 * music, 1e3 * (music + hiss)))


def test_noise_that_buries_all_bandwidth_does_not_lift_the_grade(music):
    hiss = music.std() * noise(music.shape)
    buried = [model_output_variables(music, music + level * hiss, sampling_rate=RATE) for level in (0.1, 0.3, 1)]
    assert buried[-1].bandwidth_ref == buried[-1].bandwidth_test == 346
    assert np.all(np.diff([distortion_index(variables) for variables in buried]) <= 1e-3)


# Masked audio


def test_silence_is_graded_above_noise_and_that_is_warned_of(music):
    with pytest.warns(UserWarning, match=r"digital silence for 1\.5 s"):
        of_silence = grade(music, 0 * music)
    assert of_silence > grade(music, music + music.std() * noise(music.shape)) + 1

    masked = music.copy()
    masked[1, 20_000:24_800] = 0
    with pytest.warns(UserWarning, match=r"digital silence for 0\.1 s"):
        grade(music, masked)


def test_silence_that_the_reference_shares_or_that_is_no_gap_is_not_warned_of(music):
    rest = music.copy()
    rest[:, 20_000:24_800] = 0
    crossings = np.where(np.abs(music) < 1e-3, 0, music)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grade(rest, rest)
        grade(rest, rest + 1e-5 * noise(rest.shape))
        grade(music, crossings)


def test_what_does_not_fit_is_refused(music):
    with pytest.raises(ValueError, match="one shape"):
        grade(music, music[:, 1:])
    with pytest.raises(ValueError, match="finite"):
        grade(music, music * np.nan)
    with pytest.raises(ValueError, match=r"got \(3, 100\)"):
        grade(np.zeros((3, 100)), np.zeros((3, 100)))
    with pytest.raises(ValueError, match=r"got \(2, 0\)"):
        grade(np.zeros((2, 0)), np.zeros((2, 0)))
    with pytest.raises(ValueError, match=r"got \(1, 2, 100\)"):
        grade(np.zeros((1, 2, 100)), np.zeros((1, 2, 100)))
    with pytest.raises(ValueError, match="sampling"):
        grade(music, music, 0)
