"""Fréchet audio distance."""

import numpy as np
from numpy.typing import ArrayLike

from .embedding_sets import as_embedding_sets


def frechet_audio_distance(reference: ArrayLike, estimate: ArrayLike) -> float:
    r"""
    Squared Wasserstein-2 distance of the Gaussians fitted to two sets of embeddings (FAD, arXiv:1812.08466):

        FAD = ||mu_x - mu_y||^2 + tr(S_x) + tr(S_y) - 2 tr( (S_x S_y)^(1/2) )
            = ||mu_x - mu_y||^2 + ||A||_F^2 + ||B||_F^2 - 2 ||A B^T||_*

    where S_x = A^T A and S_y = B^T B are the covariances, A and B the centred embeddings over sqrt(n - 1), and
    ||.||_* is the sum of singular values. The second line takes no root of a matrix, and stays exact where there are
    fewer embeddings than dims, and covariances are singular.

    The estimate is biased upwards, by much: two sets of one distribution in 128 dimensions are tens apart at n = 60.
    Values compare at one n and one embedder only.

    Args:
        reference: `(m, dims)`, embeddings of real audio.
        estimate: `(n, dims)`, embeddings of restored or generated audio.

    Returns:
        The distance, at least 0, in squared units of the embeddings; symmetric.

    Raises:
        ValueError: arrays not of two axes, dims that differ, fewer than two embeddings in a set, or embeddings that
            are not finite.
    """
    reference, estimate = as_embedding_sets(reference, estimate)
    offset = reference.mean(0) - estimate.mean(0)
    # A triangular factor has its matrix's covariance, in at most dims rows.
    a, b = (np.linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1)).R for x in (reference, estimate))
    nuclear = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    # Rounding leaves either sign where the sets are equal.
    return float(max(0.0, offset @ offset + np.sum(a**2) + np.sum(b**2) - 2 * nuclear))
