"""The training objective of SEDD and AIDD."""

import torch
from torch import Tensor

from ...schedulers import GeometricSchedule, LogLinearSchedule


def score_entropy_loss(
    log_probs: Tensor, tokens: Tensor, missing: Tensor, t: Tensor, schedule: LogLinearSchedule | GeometricSchedule
) -> Tensor:
    r"""
    Diffusion-weighted denoising score entropy, DWDSE (Lou et al. 2024, arXiv:2310.16834, theorem 3.6), for the
    absorbing process.

    With the score s_y = p_y / (e^sigma - 1) at missing tokens and r = 1 / (e^sigma - 1), the sum over codes of
    s_y - r log s_y [y = x0] + r (log r - 1) is r (sum_y p_y - 1 - log p_{x0}): cross-entropy, plus a penalty where a
    score network is not normalised. Hence

        loss = sigma'(t) / (e^sigma(t) - 1) * sum_{missing} ( sum_y p_y - 1 - log p_{x0} )

    where the factor is 1 / t for the log-linear schedule.

    Args:
        log_probs: float32, `(batch, tokens, codebook_size)`, as a [`DiTTokenModel`] returns them. Not all finite.
        tokens: int64, `(batch, tokens)`, the clean codes x0.
        missing: bool, `(batch, tokens)`.
        t: float, `(batch,)`, in (0, 1].
        schedule: noise schedule.

    Returns:
        Loss of each sample, `(batch,)`, in nats: a sum over its tokens, an upper bound of -log p(x0) in expectation.
        Missing tokens whose code the model cannot generate (`-inf`) are left out, as in the original.
    """
    log_p_x0 = log_probs.gather(-1, tokens[..., None])[..., 0]
    counted = missing & log_p_x0.isfinite()
    excess = log_probs.exp().sum(-1) - 1
    score_entropy = torch.where(counted, excess - log_p_x0, 0.0).sum(-1)
    return schedule.rate(t) / torch.expm1(schedule.sigma(t)) * score_entropy
