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
        log_probs: float32, `(missing tokens, codebook_size)`, row by row, as a [`DiTTokenModel`] returns them with
            `positions=missing`. Not all finite.
        tokens: int64, `(batch, tokens)`, the clean codes x0.
        missing: bool, `(batch, tokens)`.
        t: float, `(batch,)`, in (0, 1].
        schedule: noise schedule.

    Returns:
        Loss of each sample, `(batch,)`, in nats: a sum over its tokens, an upper bound of -log p(x0) in expectation.
        Missing tokens whose code the model cannot generate (`-inf`) are left out, as in the original.
    """
    log_p_x0 = log_probs.gather(-1, tokens[missing][:, None])[:, 0]
    # Unlike a sum of exponentials, this keeps no tensor of all codes for the gradient.
    excess = torch.expm1(log_probs.logsumexp(-1))
    losses = torch.where(log_p_x0.isfinite(), excess - log_p_x0, 0.0)
    rows = missing.nonzero()[:, 0]
    score_entropy = torch.zeros(len(tokens), dtype=losses.dtype, device=losses.device).index_add(0, rows, losses)
    return schedule.rate(t) / torch.expm1(schedule.sigma(t)) * score_entropy
