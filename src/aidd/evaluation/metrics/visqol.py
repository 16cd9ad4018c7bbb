"""ViSQOL, Google's estimate of a listener's opinion, by the package `visqol-python`."""

import importlib.util
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_signals
from ...signals.resampling import resample


if TYPE_CHECKING:
    from visqol import VisqolApi

SAMPLING_RATE = 48_000


def visqol(reference: ArrayLike, estimate: ArrayLike, *, sampling_rate: int) -> float:
    """
    ViSQOL v3 in its audio mode (Chinen et al. 2020, arXiv:2004.09584): similarity of gammatone spectrograms, mapped to
    a mean opinion score by a support vector regression that comes with `visqol-python`. Nothing is downloaded.

    It was trained on codecs: a short gap hardly moves the score of a segment, so compare methods on the same segments.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape; channels are averaged. Half a second or more.
        sampling_rate: Hz; resampled to 48 kHz where it is another.

    Returns:
        MOS-LQO, from 1 to about 4.73, the score of the reference itself.

    Raises:
        ImportError: no `visqol-python`.
        ValueError: shapes that differ, or samples that are not finite.
    """
    if importlib.util.find_spec("visqol") is None:
        raise ImportError('ViSQOL needs visqol-python: pip install "aidd[visqol]"')
    signals = as_signals(reference, estimate)
    mono = (signal.reshape(-1, signal.shape[-1]).mean(0) for signal in signals)
    of_reference, of_estimate = (np.ascontiguousarray(resample(one, sampling_rate, SAMPLING_RATE)) for one in mono)
    return float(_api().measure_from_arrays(of_reference, of_estimate, SAMPLING_RATE).moslqo)


@cache
def _api() -> "VisqolApi":
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio")
    return api
