"""STOI and ESTOI, estimates of how intelligible speech is, by the package `pystoi`."""

import importlib.util
import math
import warnings

from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_signals


# More than a segment, 30 frames of 25.6 ms that overlap by half.
SHORTEST_SECONDS = 0.5


def stoi(reference: ArrayLike, estimate: ArrayLike, *, sampling_rate: int) -> float:
    """
    Short-time objective intelligibility (Taal, Hendriks, Heusdens and Jensen 2011): correlation of the envelopes of
    third-octave bands up to 4.3 kHz in segments of 384 ms, over the signal.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape; channels are averaged. Half a second or more.
        sampling_rate: Hz; resampled to 10 kHz.

    Returns:
        At most 1, of the reference itself; not a number where less than a segment of the reference is not silent.

    Raises:
        ImportError: no `pystoi`.
        ValueError: shapes that differ, samples that are not finite, or signals that are too short.
    """
    return _intelligibility(reference, estimate, sampling_rate, extended=False)


def estoi(reference: ArrayLike, estimate: ArrayLike, *, sampling_rate: int) -> float:
    """
    Extended short-time objective intelligibility (Jensen and Taal 2016), which counts what neighbouring bands have in
    common, and follows noise that comes and goes, as gaps do. Arguments, value and errors as of [`stoi`].
    """
    return _intelligibility(reference, estimate, sampling_rate, extended=True)


def _intelligibility(reference: ArrayLike, estimate: ArrayLike, sampling_rate: int, *, extended: bool) -> float:
    if importlib.util.find_spec("pystoi") is None:
        raise ImportError('STOI needs pystoi: pip install "aidd[speech]"')
    import pystoi

    signals = as_signals(reference, estimate)
    num_samples = signals[0].shape[-1]
    if num_samples < SHORTEST_SECONDS * sampling_rate:
        raise ValueError(f"expected {SHORTEST_SECONDS} s or more, got {num_samples / sampling_rate:g} s")
    mono = (signal.reshape(-1, num_samples).mean(0) for signal in signals)
    with warnings.catch_warnings(record=True) as too_short:
        warnings.simplefilter("always", RuntimeWarning)
        value = float(pystoi.stoi(*mono, sampling_rate, extended=extended))
    return math.nan if too_short else value
