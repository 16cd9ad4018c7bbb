"""Whether intact samples were left alone."""

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_missing, as_signals


def unchanged_outside(reference: ArrayLike, estimate: ArrayLike, mask: ArrayLike) -> float:
    """
    Share of the intact samples that the estimate has exactly: 1 where all are.

    Exactly is bit for bit, but that the signs of zeros do not matter. Compare in the type the estimate was made in:
    float64 samples that went through a float32 method are no longer the same.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape.
        mask: bool, broadcastable to them, True where samples were missing.

    Returns:
        In [0, 1]; 1 only if no intact sample differs.

    Raises:
        ValueError: shapes that differ, samples that are not finite, an empty mask, or one that leaves nothing intact.
    """
    reference, estimate = as_signals(reference, estimate)
    intact = ~as_missing(mask, reference.shape)
    if not intact.any():
        raise ValueError("the mask covers everything: there is no intact sample to compare")
    return float(np.mean(reference[intact] == estimate[intact]))
