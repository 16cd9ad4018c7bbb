"""What metrics of two sets of embeddings ask of their arguments."""

import numpy as np
from numpy.typing import ArrayLike


def as_embedding_sets(reference: ArrayLike, estimate: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """
    Both as float64 `(n, dims)`, of equal dims; the two n may differ.

    Raises:
        ValueError: arrays not of two axes, dims that differ or are 0, fewer than two embeddings, or such as are not
            finite.
    """
    sets = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    for name, embeddings in zip(("reference", "estimate"), sets, strict=True):
        if embeddings.ndim != 2 or embeddings.shape[0] < 2 or embeddings.shape[1] < 1:
            raise ValueError(f"{name} must have shape (n, dims), n at least 2, got {embeddings.shape}")
        if not np.isfinite(embeddings).all():
            raise ValueError(
                f"{name} must be finite, got {np.count_nonzero(~np.isfinite(embeddings).all(1))} embeddings that are "
                f"not"
            )
    if sets[0].shape[1] != sets[1].shape[1]:
        raise ValueError(f"both sets must have one dims, got {sets[0].shape[1]} and {sets[1].shape[1]}")
    return sets
