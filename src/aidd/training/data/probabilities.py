"""How often each of several folders is drawn from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def folder_probabilities(probabilities: Sequence[float], folders: Sequence[str | Path]) -> np.ndarray:
    """
    Probabilities of drawing from each folder, scaled to a sum of 1.

    Args:
        probabilities: positive numbers, one a folder, of any sum.
        folders: of the data set.

    Returns:
        float64 `(folders,)`.

    Raises:
        ValueError: another number of probabilities, or one that is not positive.
    """
    weights = np.asarray(probabilities, float)
    if weights.shape != (len(folders),) or not (weights > 0).all():
        raise ValueError(f"expected {len(folders)} positive probabilities, one a folder, got {weights}")
    return weights / weights.sum()
