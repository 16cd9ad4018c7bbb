"""Signal-to-noise ratio inside the gaps."""

import numpy as np
from numpy.typing import ArrayLike


def snr_in_gap(reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike) -> float:
    """
    Energy of the reference over energy of the error, where samples were missing, in dB.

        SNR = 10 log10( sum_gap x^2 / sum_gap (x - y)^2 )

    0 dB is what silence scores. Infinite where the estimate is exact.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.

    Raises:
        ValueError: shapes that differ, an empty mask, or a reference that is silent under it.
    """
    reference, estimate = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if reference.shape != estimate.shape:
        raise ValueError(f"reference and estimate must have one shape, got {reference.shape} and {estimate.shape}")
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ValueError(f"mask must be bool, got {mask.dtype}")
    missing = np.broadcast_to(mask, reference.shape)
    if not missing.any():
        raise ValueError("the mask is empty: there is no gap to measure in")
    signal = np.sum(reference[missing] ** 2)
    if signal == 0:
        raise ValueError("the reference is silent in the gap: its signal-to-noise ratio is undefined")
    error = np.sum((reference[missing] - estimate[missing]) ** 2)
    return float(10 * np.log10(signal / error)) if error > 0 else float("inf")
