"""The eleven variables of the basic version (ITU-R BS.1387-1, annex 2, sections 4 and 5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ....signals.measures.arguments import as_signals
from ....signals.resampling import resample
from .bands import FRAME_LENGTH, HOP_LENGTH, SAMPLING_RATE
from .ear_model import frames_of, outer_ear, pitch_patterns, power_spectra, smooth, spread_over_bands, spread_over_time
from .pattern_differences import detection, loudness_weight, modulation_differences, noise_loudness
from .patterns import adapt, modulation, total_loudness
from .spectral_differences import LEAST_BANDWIDTH, bandwidths, harmonic_structure, noise_in_bands, noise_to_mask


# Sum of five magnitudes, of full scale 1, from which on there is something to hear.
DATA_BOUNDARY = 200 / 32_768
# Energy of half a frame from which on its harmonic structure counts.
LEAST_ENERGY = 8_000 / 32_768**2
# Frames, 0.5 s, that the ear's slow parts get to settle in.
DELAY = 24
# Loudness, in sone, that both signals must have reached, and frames, 50 ms, after which noise loudness counts.
LEAST_LOUDNESS, LOUDNESS_DELAY = 0.1, 3
# Noise above mask, 1.5 dB, that disturbs a frame.
DISTURBANCE = 10**0.15
FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class ModelOutputVariables:
    """
    The variables of one pair of signals, in the order of the standard, whose names end in B.

    Args:
        bandwidth_ref, bandwidth_test: bins of 23.4 Hz.
        total_nmr: dB, noise over mask.
        win_mod_diff, avg_mod_diff_1, avg_mod_diff_2: percent of modulation.
        adb: log10 of steps over the threshold of detection, in the frames that are above it.
        ehs: harmonic structure of the error, times 1000.
        rms_noise_loud: sone.
        mfpd: highest smoothed probability of detection.
        rel_dist_frames: share of disturbed frames.
    """

    bandwidth_ref: float
    bandwidth_test: float
    total_nmr: float
    win_mod_diff: float
    adb: float
    ehs: float
    avg_mod_diff_1: float
    avg_mod_diff_2: float
    rms_noise_loud: float
    mfpd: float
    rel_dist_frames: float


def model_output_variables(reference: ArrayLike, estimate: ArrayLike, *, sampling_rate: int) -> ModelOutputVariables:
    """
    Averages over the frames between the first and the last in which the reference is not silent, or over all frames of
    a silent reference. Channels are averaged, except in what is heard with both ears, `adb` and `mfpd`.

    Where no frame counts, the standard leaves a variable undefined. Here, the bandwidths are then the least that would
    count, 346 bins (8.1 kHz), with which grades go on as they came when noise buries what is higher; channels that
    have bandwidths speak for others. The variables of modulation and noise loudness of signals that end before their
    first 0.5 s are over, or are too faint, are 0: do not rely on grades of signals that short.

    Args:
        reference, estimate: float, `(samples,)`, `(1, samples)` or `(2, samples)`, of one shape, aligned in time; full
            scale is [-1, 1].
        sampling_rate: Hz; other rates than 48 kHz are resampled to it.

    Raises:
        ValueError: shapes that differ or are none of these, samples that are not finite, no samples, or a rate that is
            no positive integer.
    """
    signals = np.stack([np.atleast_2d(signal) for signal in as_signals(reference, estimate)])
    if signals.ndim != 3 or signals.shape[1] > 2 or signals.shape[2] == 0:
        raise ValueError(
            "reference and estimate must have shape (samples,), (1, samples) or (2, samples), with at least one "
            f"sample; got {np.shape(reference)}"
        )
    signals = resample(signals, sampling_rate, SAMPLING_RATE)
    frames = frames_of(signals)
    blocks = [
        _compare_spectra(frames[start : start + FRAMES_AT_ONCE]) for start in range(0, len(frames), FRAMES_AT_ONCE)
    ]
    bandwidth, noise, harmonics, loud_enough, unsmeared = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )

    # Pairs of the reference's and the estimate's: (frames, channels, 109).
    excitation = np.moveaxis(spread_over_time(unsmeared), 1, 0)
    movement, mean_loudness = (np.moveaxis(pattern, 1, 0) for pattern in modulation(unsmeared))
    mean_ratio, worst_ratio = noise_to_mask(noise, excitation[0])
    both_ways, mostly_added = modulation_differences(*movement)
    weight = loudness_weight(mean_loudness[0])
    added = noise_loudness(*adapt(*excitation), *movement)
    probability, steps = detection(*excitation)

    # Frames that count: all, those after the delay, and those after the delay of noise loudness.
    data = data_frames(signals[0], len(frames))
    settled = slice(max(data.start, DELAY), data.stop)
    audible = np.flatnonzero(np.any(np.all(total_loudness(excitation) > LEAST_LOUDNESS, axis=0), axis=-1))
    audible_frames = slice(max(settled.start, audible[0] + LOUDNESS_DELAY) if len(audible) else data.stop, data.stop)
    noticed = steps[data][probability[data] > 0.5]

    return ModelOutputVariables(
        bandwidth_ref=_bandwidth(bandwidth[data, 0]),
        bandwidth_test=_bandwidth(bandwidth[data, 1]),
        total_nmr=float(np.mean(10 * np.log10(mean_ratio[data].mean(0)))),
        win_mod_diff=_windowed(both_ways[settled]),
        adb=_distorted_block(noticed),
        ehs=1000 * _mean(harmonics[data][loud_enough[data]]),
        avg_mod_diff_1=_mean(both_ways[settled], weight[settled]),
        avg_mod_diff_2=_mean(mostly_added[settled], weight[settled]),
        rms_noise_loud=_root_mean_square(added[audible_frames]),
        mfpd=float(smooth(probability[data], 0.9, 0.1).max()),
        rel_dist_frames=_mean(worst_ratio[data] > DISTURBANCE),
    )


def data_frames(reference: np.ndarray, num_frames: int) -> slice:
    """
    From the first to the last frame in which five successive samples of the reference, `(channels, samples)`, make a
    sound (section 5.2.4); all if none do.
    """
    sums = np.lib.stride_tricks.sliding_window_view(np.pad(np.abs(reference), ((0, 0), (0, 4))), 5, axis=-1).sum(-1)
    loud = np.flatnonzero((sums >= DATA_BOUNDARY).any(0))
    if len(loud) == 0:
        return slice(0, num_frames)
    first = max(-(-(loud[0] + 5 - FRAME_LENGTH) // HOP_LENGTH), 0)
    return slice(int(first), int(min(loud[-1] // HOP_LENGTH + 1, num_frames)))


def _compare_spectra(frames: np.ndarray) -> tuple[np.ndarray, ...]:
    """What of `(frames, 2, channels, 2048)` must be seen as a spectrum, and the excitation before it is smeared."""
    spectra = power_spectra(frames)
    weighted = spectra * outer_ear()
    pairs = spectra.swapaxes(0, 1), weighted.swapaxes(0, 1)
    energies = np.sum(frames[..., HOP_LENGTH:] ** 2, axis=-1)
    return (
        np.stack(bandwidths(*pairs[0]), axis=1),
        noise_in_bands(*pairs[1]),
        harmonic_structure(*pairs[1]),
        np.any(energies >= LEAST_ENERGY, axis=(1, 2)),
        spread_over_bands(pitch_patterns(weighted)),
    )


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Weighted mean of `(frames, channels)`, over frames first; 0 without frames."""
    return float(np.average(values, axis=0, weights=weights).mean()) if len(values) else 0.0


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2, axis=0)).mean()) if len(values) else 0.0


def _windowed(values: np.ndarray) -> float:
    """Root of the mean, over frames, of the fourth power of what four successive frames' roots average to."""
    if len(values) < 4:
        return 0.0
    return _root_mean_square(np.lib.stride_tricks.sliding_window_view(np.sqrt(values), 4, axis=0).mean(-1) ** 2)


def _bandwidth(values: np.ndarray) -> float:
    """Mean over the frames that count of each channel, then over the channels that have such frames."""
    counted = ~np.isnan(values)
    channels = counted.any(0)
    return float(np.nanmean(values[:, channels], axis=0).mean()) if channels.any() else float(LEAST_BANDWIDTH)


def _distorted_block(steps: np.ndarray) -> float:
    """Selects the frames in which a difference is noticed more likely than not."""
    if len(steps) == 0:
        return 0.0
    return float(np.log10(steps.mean())) if steps.sum() > 0 else -0.5
