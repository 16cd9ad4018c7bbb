"""Checks that all metrics share of their arguments."""

import numpy as np
from numpy.typing import ArrayLike


def as_signals(reference: ArrayLike, estimate: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """
    Converts both signals to float64 and checks that they have one shape.

    Raises:
        ValueError: shapes that differ, or samples that are not finite.
    """
    reference, estimate = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if reference.shape != estimate.shape:
        raise ValueError(f"reference and estimate must have one shape, got {reference.shape} and {estimate.shape}")
    for name, signal in (("reference", reference), ("estimate", estimate)):
        if not np.isfinite(signal).all():
            raise ValueError(
                f"{name} must be finite, got {np.count_nonzero(~np.isfinite(signal))} samples that are not"
            )
    return reference, estimate


def as_missing(mask: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """
    Broadcasts the mask, bool, True where samples were missing, to the signals' shape.

    Raises:
        ValueError: a mask that is not bool, has no such shape, or marks nothing.
    """
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ValueError(f"mask must be bool, got {mask.dtype}")
    if mask.ndim > len(shape) or any(a not in (1, b) for a, b in zip(mask.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"mask must have shape {shape[-1:]}, or one that broadcasts to {shape}, got {mask.shape}")
    missing = np.broadcast_to(mask, shape)
    if not missing.any():
        raise ValueError("the mask is empty: there is no gap to measure in")
    return missing
