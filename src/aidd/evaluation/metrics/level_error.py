"""Level of what was filled in, against the level of what was there."""

import numpy as np
from numpy.typing import ArrayLike


def level_error(reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike) -> float:
    """
    Energy of the estimate over energy of the reference, where samples were missing, in dB.

        E = 10 log10( sum_gap y^2 / sum_gap x^2 )

    Signed: positive where the estimate is too loud. Tables take the mean of its absolute value over items, in which
    too loud and too soft do not cancel. Channels, and gaps, are pooled.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.

    Returns:
        dB; minus infinity of a silent estimate.

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
    energy, filled = np.sum(reference[missing] ** 2), np.sum(estimate[missing] ** 2)
    if energy == 0:
        raise ValueError("the reference is silent in the gap: the level of an estimate relative to it is undefined")
    return float(10 * np.log10(filled / energy)) if filled > 0 else -float("inf")
