"""
Kinds of damage: where the samples are missing that a method is to restore.

Functions of `GEOMETRIES` give masks of signals, bool `(samples,)`, True = missing. Their first argument is the number
of samples, or, of those that look at the music, `audio`, float64 `(samples,)`; the second is the sampling rate in Hz.
Those that draw take a `generator`. Gaps never touch each other or the signal's ends (clipping may). Lengths and
positions in seconds are rounded to the nearest sample.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from ...signals.measures.spectrograms import magnitude_spectrogram


# Length and hop of the frames that onsets are found in: short against a note, long against the period of a low one.
ONSET_WINDOW_SECONDS = 0.032
ONSET_HOP_SECONDS = 0.004
# Draws of lost packets, of which at least one must lose any.
MAX_DRAWS = 1000


def centred_gap(num_samples: int, sampling_rate: int, *, gap_seconds: float) -> np.ndarray:
    """
    One gap in the middle.

    Raises:
        ValueError: a gap below one sample, or one that leaves no sample next to it.
    """
    length = _gap_length(gap_seconds, sampling_rate)
    return _mask(num_samples, [(num_samples - length) // 2], [length])


def fixed_gaps(
    num_samples: int, sampling_rate: int, *, start_seconds: Sequence[float], gap_seconds: float
) -> np.ndarray:
    """
    Gaps of one length that start at given times, in ascending order.

    Raises:
        ValueError: no start, a gap below one sample, or gaps that touch each other or the ends.
    """
    if len(start_seconds) == 0:
        raise ValueError("expected at least one start of a gap, got none")
    length = _gap_length(gap_seconds, sampling_rate)
    return _mask(num_samples, [round(start * sampling_rate) for start in start_seconds], [length] * len(start_seconds))


def periodic_gaps(num_samples: int, sampling_rate: int, *, gap_seconds: float, coverage: float) -> np.ndarray:
    """
    Gaps whose centres are equally far apart, and half as far from the ends; see [`random_gaps`] for their number.

    Raises:
        ValueError: as `random_gaps`.
    """
    lengths = _gap_lengths(num_samples, sampling_rate, gap_seconds, coverage)
    number = len(lengths)
    # Centres at (i + 1/2) num_samples / number, in integers.
    starts = ((2 * np.arange(number) + 1) * num_samples - lengths * number) // (2 * number)
    return _mask(num_samples, starts.tolist(), lengths.tolist())


def random_gaps(
    num_samples: int,
    sampling_rate: int,
    *,
    gap_seconds: float,
    coverage: float,
    min_distance_seconds: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """
    Gaps anywhere: every placement that keeps the distance is as likely as any other.

    Args:
        gap_seconds: about the length of a gap. There are as many gaps as come nearest to the coverage, and they share
            it among them to one sample; so a gap is of this length where the coverage is a multiple of it.
        coverage: share of the samples that is missing, in (0, 1), to a sample, rounded down.
        min_distance_seconds: between neighbouring gaps, and between gaps and the ends; at least one sample is.
        generator: of the draws.

    Raises:
        ValueError: a gap below one sample, a coverage outside of (0, 1) or of less than half a gap, or gaps for which
            there is no room.
    """
    lengths = generator.permutation(_gap_lengths(num_samples, sampling_rate, gap_seconds, coverage))
    number = len(lengths)
    if not 0 <= min_distance_seconds < math.inf:
        raise ValueError(f"min_distance_seconds must be at least 0, got {min_distance_seconds}")
    distance = max(round(min_distance_seconds * sampling_rate), 1)
    free = num_samples - int(lengths.sum()) - (number + 1) * distance
    if free < 0:
        raise ValueError(
            f"{number} gaps of {lengths.sum()} samples in all, {distance} samples apart, need {-free} samples more "
            f"than the {num_samples} there are"
        )
    # Choosing the gaps' places among those of the free samples shares the samples out uniformly (stars and bars).
    places = np.sort(generator.choice(free + number, number, replace=False))
    before = places - np.arange(number) + distance * np.arange(1, number + 1)
    starts = before + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return _mask(num_samples, starts.tolist(), lengths.tolist())


def gap_at_onset(audio: np.ndarray, sampling_rate: int, *, gap_seconds: float, position: float) -> np.ndarray:
    """
    One gap at the strongest onset of a note ([`strongest_onset`]) that is a gap's length or more from the ends.

    Args:
        audio: float64 `(samples,)`.
        gap_seconds: length of the gap.
        position: share of the gap that lies before the onset, in [0, 1]: of 0, the attack is the first that is
            missing; of 1, the note begins where the gap ends.

    Raises:
        ValueError: a position outside of [0, 1], a gap below one sample, or no room for an onset.
    """
    if not 0 <= position <= 1:
        raise ValueError(f"position must be within [0, 1], got {position}")
    length = _gap_length(gap_seconds, sampling_rate)
    # Wherever the gap lies by the onset, so that all positions are about the same one.
    onset = strongest_onset(audio, sampling_rate, margin=length + 1)
    return _mask(len(audio), [onset - round(position * length)], [length])


def burst_losses(
    num_samples: int,
    sampling_rate: int,
    *,
    packet_seconds: float,
    loss_rate: float,
    mean_burst: float,
    longest_burst: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """
    Packets that are lost in bursts, by Gilbert's model (Capacity of a burst-noise channel, 1960, with every packet of
    the bad state lost): a chain of two states, which leaves the bad one with probability 1 / `mean_burst` at each
    packet, and enters it as often as gives the loss rate. The first and the last packet are intact. A draw without
    any loss is drawn again.

    Args:
        packet_seconds: length of a packet.
        loss_rate: share of lost packets, in (0, 1), before bursts are cut off.
        mean_burst: mean number of packets that are lost in a row, at least 1, before bursts are cut off.
        longest_burst: the packet after so many lost ones is intact.
        generator: of the draws.

    Raises:
        ValueError: a packet below one sample, parameters out of range, a loss rate that bursts so short cannot have,
            fewer than three packets, or so few losses that a thousand draws have none.
    """
    length = _gap_length(packet_seconds, sampling_rate)
    number = num_samples // length
    if number < 3:
        raise ValueError(f"expected three packets of {length} samples or more, got {num_samples} samples")
    if not (1 <= mean_burst < math.inf and 1 <= longest_burst < math.inf):
        raise ValueError(
            f"bursts must be 1 packet long or more, got {mean_burst} in the mean, {longest_burst} at most"
        )
    if not 0 < loss_rate < 1 or (enter := loss_rate / (1 - loss_rate) / mean_burst) > 1:
        raise ValueError(f"bursts of {mean_burst} packets in the mean cannot lose a share of {loss_rate}")
    lost = np.zeros(number, bool)
    for _ in range(MAX_DRAWS):
        run = 0
        for packet, draw in enumerate(generator.random(number - 2), 1):
            is_lost = run < longest_burst and draw >= 1 / mean_burst if run else draw < enter
            run = run + 1 if is_lost else 0
            lost[packet] = is_lost
        if lost.any():
            break
    else:
        raise ValueError(f"no packet of {number} was lost in {MAX_DRAWS} draws at a loss rate of {loss_rate}")
    mask = np.zeros(num_samples, bool)
    mask[: number * length] = np.repeat(lost, length)
    return mask


def clipped(audio: np.ndarray, sampling_rate: int, *, level_db: float) -> np.ndarray:
    """
    Samples that a converter which overflows so far below their peak would have cut off.

    Args:
        audio: float64 `(samples,)`.
        sampling_rate: Hz; every geometry is given it, this one needs none.
        level_db: what is larger than the peak less this many dB is missing; above 0.

    Raises:
        ValueError: a level that is not above 0.
    """
    if not 0 < level_db < math.inf:
        raise ValueError(f"level_db must be above 0, in dB below the peak, got {level_db}")
    magnitude = np.abs(audio)
    return magnitude > magnitude.max() * 10 ** (-level_db / 20)


GEOMETRIES: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (centred_gap, fixed_gaps, periodic_gaps, random_gaps, gap_at_onset, burst_losses, clipped)
}


def strongest_onset(audio: np.ndarray, sampling_rate: int, *, margin: int) -> int:
    """
    The sample, to some milliseconds, about which the spectrum grows most: the largest spectral flux, the sum over
    frequencies of what the magnitude gains from one frame to the next (4 ms; Hann windows of 32 ms).

    Args:
        audio: float64 `(samples,)`.
        margin: samples at each end in which no onset is looked for.

    Raises:
        ValueError: a signal without two frames, or with nothing between the margins.
    """
    window, hop = (max(round(s * sampling_rate), 1) for s in (ONSET_WINDOW_SECONDS, ONSET_HOP_SECONDS))
    # A note that begins in the middle of a window makes its magnitude grow fastest.
    places = np.arange(1, 1 + max(len(audio) - window, 0) // hop) * hop + (window - hop) // 2
    inside = (places >= margin) & (places <= len(audio) - margin)
    if not inside.any():
        raise ValueError(f"{len(audio)} samples are too few for an onset {margin} samples or more from the ends")
    spectra = magnitude_spectrogram(audio, window_length=window, hop_length=hop)
    flux = np.maximum(np.diff(spectra, axis=0), 0).sum(1)
    return int(places[inside][np.argmax(flux[inside])])


def _gap_length(gap_seconds: float, sampling_rate: int) -> int:
    if not 0 < gap_seconds < math.inf or round(gap_seconds * sampling_rate) < 1:
        raise ValueError(f"a gap must be at least one sample long, got {gap_seconds} s at {sampling_rate} Hz")
    return round(gap_seconds * sampling_rate)


def _gap_lengths(num_samples: int, sampling_rate: int, gap_seconds: float, coverage: float) -> np.ndarray:
    """int64 `(gaps,)`, which differ by at most one."""
    length, covered = _gap_length(gap_seconds, sampling_rate), _covered(num_samples, coverage)
    number = round(covered / length)
    if number == 0:
        raise ValueError(
            f"a coverage of {coverage} is {covered / sampling_rate:.6g} s, expected about {gap_seconds} s, one gap, "
            "or more"
        )
    return np.array([covered // number + (i < covered % number) for i in range(number)], np.int64)


def _covered(size: int, coverage: float) -> int:
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be a share within (0, 1), got {coverage}")
    # Exact for the decimal number it prints as, and rounded down: half of a signal is never more than half.
    return math.floor(Fraction(str(coverage)) * size)


def _mask(num_samples: int, starts: Sequence[int], lengths: Sequence[int]) -> np.ndarray:
    mask = np.zeros(num_samples, bool)
    free = 1
    for start, length in zip(starts, lengths, strict=True):
        if start < free or start + length >= num_samples:
            raise ValueError(
                f"expected gaps in ascending order that touch neither each other nor the ends of {num_samples} "
                f"samples, got starts {list(starts)} and lengths {list(lengths)}"
            )
        mask[start : start + length] = True
        free = start + length + 1
    return mask
