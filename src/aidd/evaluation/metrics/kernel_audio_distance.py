"""Kernel audio distance."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist

from .embedding_sets import as_embedding_sets


def kernel_audio_distance(
    reference: ArrayLike, estimate: ArrayLike, *, bandwidth: float | None = None, scale: float = 100.0
) -> float:
    r"""
    Unbiased squared maximum mean discrepancy of two sets of embeddings (KAD, arXiv:2502.15602):

        KAD = scale * ( mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j) )
        k(a, b) = exp( -||a - b||^2 / (2 bandwidth^2) )

    Its expectation is 0 for two independent samples of one distribution, whatever their numbers, so it is as often
    negative as positive there. Restored segments and their own originals are not independent: each is near its own,
    and that lowers the distance, down to -2 scale (1 - mean k) / n for the originals themselves. Measure those with
    [`paired_kernel_audio_distance`].

    It is not symmetric, as the bandwidth is the reference's: that gives all estimates one kernel. The authors' toolkit
    says the same in its documentation, and does so where the reference is the second argument of its function; its
    command line passes it as the first.

    Args:
        reference: `(m, dims)`, embeddings of real audio.
        estimate: `(n, dims)`, embeddings of restored or generated audio. The two need not belong together.
        bandwidth: of the Gaussian kernel, in units of the embeddings. If None, the median of the distances of all
            pairs of the reference; of an even number of pairs, the lower of the two in the middle, as the authors
            have it.
        scale: factor that makes the values readable; 100 is the published toolkit's.

    Returns:
        The distance, in [-2 scale, 2 scale].

    Raises:
        ValueError: arrays not of two axes, dims that differ, fewer than two embeddings in a set, embeddings that are
            not finite, a bandwidth that is not positive, or references half of whose pairs are equal, which have none.
    """
    reference, estimate = as_embedding_sets(reference, estimate)
    kernel = _kernel(reference, bandwidth)
    # The matrix is symmetric: its mean off the diagonal is the mean over unordered pairs.
    within = kernel(pdist(reference, "sqeuclidean")).mean() + kernel(pdist(estimate, "sqeuclidean")).mean()
    return float(scale * (within - 2 * kernel(cdist(reference, estimate, "sqeuclidean")).mean()))


def paired_kernel_audio_distance(
    reference: ArrayLike, estimate: ArrayLike, *, bandwidth: float | None = None, scale: float = 100.0
) -> float:
    r"""
    [`kernel_audio_distance`] of segments and restored versions of the same, where no segment is compared with its own
    original (the U-statistic of Gretton et al. 2012, Journal of Machine Learning Research 13, lemma 6):

        scale * mean_{i != j} ( k(x_i, x_j) + k(y_i, y_j) - 2 k(x_i, y_j) )

    0 where all are restored perfectly.

    Args:
        reference: `(n, dims)`, embeddings of the originals.
        estimate: `(n, dims)`, embeddings of what was restored of each.
        bandwidth, scale: as there.

    Raises:
        ValueError: as there, and sets of different sizes.
    """
    reference, estimate = as_embedding_sets(reference, estimate)
    number = len(reference)
    if len(estimate) != number:
        raise ValueError(f"expected an estimate for each of {number} references, got {len(estimate)}")
    kernel = _kernel(reference, bandwidth)
    within = kernel(pdist(reference, "sqeuclidean")).mean() + kernel(pdist(estimate, "sqeuclidean")).mean()
    between = kernel(cdist(reference, estimate, "sqeuclidean"))
    return float(scale * (within - 2 * (between.sum() - np.trace(between)) / (number * (number - 1))))


def _kernel(reference: np.ndarray, bandwidth: float | None) -> Callable[[np.ndarray], np.ndarray]:
    """Gaussian kernel of squared distances; its bandwidth is the lower median of the reference's if None."""
    if bandwidth is None:
        bandwidth = float(np.quantile(pdist(reference), 0.5, method="lower"))
        if bandwidth == 0:
            raise ValueError(
                "expected references that differ, got half of all pairs equal: their median distance is 0"
            )
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise ValueError(f"bandwidth must be positive and finite, got {bandwidth}")
    return lambda squared_distances: np.exp(-squared_distances / (2 * bandwidth**2))
