r"""
Reconstruction guidance and data consistency (Moliner, Lehtinen & Välimäki 2023, "Solving audio inverse problems with a
diffusion model", arXiv:2210.15228; Chung et al. 2023, arXiv:2209.14687), for whatever is known of each sample as a
lower and an upper bound: both are the sample itself where it is intact, infinite where it is missing, and one of them
is a clipping level where it was clipped.
"""

import torch
from torch import Tensor


# Keeps the norm of a gradient off zero.
EPSILON = 1e-6


def within_bounds(denoised: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """
    Data consistency: the nearest signals within the bounds, equal to them to the bit where the bounds are equal.

    Args:
        denoised: float `(batch, samples)`.
        lower, upper: bounds, float, of that shape or broadcastable to it; they may be infinite.
    """
    return torch.minimum(torch.maximum(denoised, lower), upper)


def distance_to_bounds(denoised: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The Euclidean distance of each signal from the nearest one within the bounds, `(batch,)`."""
    return torch.linalg.vector_norm(denoised - within_bounds(denoised, lower, upper), dim=-1)


def guide(
    denoised: Tensor, sample: Tensor, sigma: float, lower: Tensor, upper: Tensor, *, guidance_scale: float
) -> Tensor:
    r"""
    Moves denoised signals against the gradient of their distance d from what is known:

        D(x) - guidance_scale sigma sqrt(L) g / (|g| + eps),    g = grad_x d(D(x)),

    where L is the number of samples. The norm is that of each signal's own gradient, so what becomes of one does not
    depend on the others of its batch.

    Args:
        denoised: D(x), float `(batch, samples)`, computed from `sample` with gradients.
        sample: x, of that shape, which requires its gradient.
        sigma: standard deviation of the noise in x.
        lower, upper: bounds, as for [`within_bounds`].
        guidance_scale: xi in the paper; 0 for none.

    Returns:
        `(batch, samples)`, without gradients.
    """
    if guidance_scale == 0:
        return denoised.detach()
    distances = distance_to_bounds(denoised, lower, upper)
    (gradient,) = torch.autograd.grad(distances.sum(), sample)
    norms = torch.linalg.vector_norm(gradient, dim=-1, keepdim=True)
    step = guidance_scale * sigma * sample.shape[-1] ** 0.5
    return denoised.detach() - step * gradient / (norms + EPSILON)
