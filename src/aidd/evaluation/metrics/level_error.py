"""Level of what was filled in, against the level of what was there."""

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_missing, as_signals


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
        ValueError: shapes that differ, samples that are not finite, an empty mask, or a reference that is silent under
            it.
    """
    reference, estimate = as_signals(reference, estimate)
    missing = as_missing(mask, reference.shape)
    energy, filled = np.sum(reference[missing] ** 2), np.sum(estimate[missing] ** 2)
    if energy == 0:
        raise ValueError("the reference is silent in the gap: the level of an estimate relative to it is undefined")
    return float(10 * np.log10(filled / energy)) if filled > 0 else -float("inf")
