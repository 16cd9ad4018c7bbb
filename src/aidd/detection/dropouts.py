"""Dropouts: digital silence, or one value held, where music was."""

from __future__ import annotations

import numpy as np

from ..signals.arrays import check_sampling_rate
from .runs import STEPS, ChannelStatistics, RunFinder, as_channels, statistics_of


# The signal's level right before and after a dropout is read over at most this time.
SIDE_SECONDS = 0.005
# It lies no further below the channel's own.
LEAST_LEVEL = 1e-3
# Shorter runs are no sign of anything.
MIN_SECONDS = 0.0005
MIN_SAMPLES = 4
# Longer silence is a pause: losses of media and of networks last less, and no longer gap is evaluated.
MAX_SECONDS = 0.75
# Silences from this length on are pauses too where there are some of them, and they come regularly or are a large part
# of all: a noise gate's, or a rhythm's. Lost packets, and most dropouts of tapes and discs, are shorter.
PAUSE_SECONDS, PAUSES, PAUSES_SHARE = 0.03, 4, 0.2
# They come regularly where nearly all of their distances are the shortest one or a small multiple of it, within a part
# of it.
REGULAR_SHARE, LARGEST_MULTIPLE, REGULAR_TOLERANCE = 0.8, 4, 0.05


def find_dropouts(signal: np.ndarray, *, sampling_rate: int, min_seconds: float = MIN_SECONDS) -> np.ndarray:
    """
    Runs of digital silence, or of a value that is held, with an abrupt edge on both sides.

    An edge is abrupt where the signal, over as long as the run lasts (at most 5 ms), lies away from the run's value by
    8 quantisation steps and by a thousandth of the channel's RMS level, in root mean square. So silence that music
    fades into or out of, at the ends of a file or in its pauses, is none, nor are the slow turns of a quiet signal.
    The quantisation step is the channel's smallest change. Runs at the channel's highest and lowest value, other than
    silence, are left to [`~aidd.detection.find_clipping`]. Pauses are none either, see [`apart_from_pauses`].

    Args:
        signal: float, `(samples,)` or `(channels, samples)`, of any scale.
        sampling_rate: Hz.
        min_seconds: shortest run; 4 samples at least.

    Returns:
        bool, of the signal's shape, True = missing. The first sample of a value that is held is intact.

    Raises:
        ValueError: no such signal, samples that are not finite, a rate that is no positive integer, or `min_seconds`
            not above 0.
    """
    check_sampling_rate(sampling_rate)
    if not 0 < min_seconds < np.inf:
        raise ValueError(f"min_seconds must be above 0 and finite, got {min_seconds}")
    channels = as_channels(signal)
    mask = np.zeros(channels.shape, bool)
    for channel, found in zip(channels, mask, strict=True):
        finder = dropout_finder(statistics_of(channel), sampling_rate=sampling_rate, min_seconds=min_seconds)
        finder.feed(channel)
        dropouts, _ = apart_from_pauses(dropouts_of(finder), len(channel), sampling_rate=sampling_rate)
        for start, end in dropouts.tolist():
            found[start:end] = True
    return mask.reshape(signal.shape)


def dropout_finder(
    statistics: ChannelStatistics, *, sampling_rate: int, min_seconds: float = MIN_SECONDS
) -> RunFinder:
    """What is to be fed with the channel, block by block, for [`dropouts_of`]. Arguments as of [`find_dropouts`]."""
    highest, lowest = statistics.highest, statistics.lowest
    return RunFinder(
        min_samples=max(round(min_seconds * sampling_rate), MIN_SAMPLES),
        longest=max(round(SIDE_SECONDS * sampling_rate), MIN_SAMPLES),
        threshold=max(STEPS * statistics.step, LEAST_LEVEL * statistics.level),
        wanted=lambda values: (values == 0) | ((values != highest) & (values != lowest)),
    )


def dropouts_of(finder: RunFinder) -> np.ndarray:
    """Dropouts, and pauses, of a channel that was fed whole: int64 `(runs, 2)`, start and exclusive end."""
    # The first sample of a value that is held is intact.
    found = [(run.start + int(run.value != 0), run.end) for run in finder.finish()]
    return np.array(found, np.int64).reshape(-1, 2)


def apart_from_pauses(runs: np.ndarray, num_samples: int, *, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Dropouts and pauses. Silence with abrupt edges is a pause, as between two tracks or of a noise gate, where it is
    longer than 0.75 s; or where it lasts 30 ms or more, there are four such silences or more, and they come regularly
    or are a fifth of the channel together.

    Args:
        runs: int64 `(runs, 2)`, in order, of a channel.
        num_samples: length of the channel.
        sampling_rate: Hz.

    Returns:
        Both int64 `(runs, 2)`.
    """
    lengths = runs[:, 1] - runs[:, 0]
    is_pause = lengths > MAX_SECONDS * sampling_rate
    long = lengths >= PAUSE_SECONDS * sampling_rate
    if np.count_nonzero(long) >= PAUSES and (
        lengths[long].sum() >= PAUSES_SHARE * num_samples or _are_regular(runs[long, 0])
    ):
        is_pause |= long
    return runs[~is_pause], runs[is_pause]


def _are_regular(starts: np.ndarray) -> bool:
    distances = np.diff(starts)
    multiples = distances / distances.min()
    nearest = np.round(multiples)
    regular = (np.abs(multiples - nearest) <= REGULAR_TOLERANCE) & (nearest <= LARGEST_MULTIPLE)
    return bool(np.mean(regular) >= REGULAR_SHARE)
