"""Signal-to-noise ratio inside the gaps."""

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_missing, as_signals


def snr_in_gap(reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike) -> float:
    """
    Energy of the reference over energy of the error, where samples were missing, in dB.

        SNR = 10 log10( sum_gap x^2 / sum_gap (x - y)^2 )

    0 dB is what silence scores. Infinite where the estimate is exact.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.

    Raises:
        ValueError: shapes that differ, samples that are not finite, an empty mask, or a reference that is silent under
            it.
    """
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    signal = np.sum(reference[missing] ** 2)
    if signal == 0:
        raise ValueError("the reference is silent in the gap: its signal-to-noise ratio is undefined")
    error = np.sum((reference[missing] - estimate[missing]) ** 2)
    return float(10 * np.log10(signal / error)) if error > 0 else float("inf")
