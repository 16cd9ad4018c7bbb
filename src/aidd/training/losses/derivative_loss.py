"""AIDD's regulariser, which compares how the embeddings of predicted and true tokens change in time."""

import torch
from torch import Tensor


def derivative_loss(log_probs: Tensor, tokens: Tensor, missing: Tensor, embeddings: Tensor, order: int = 1) -> Tensor:
    r"""
    Squared error of the temporal differences of expected embeddings (Dror, Shoham et al., arXiv:2507.08333).

    With e_i = E[x0_i] the embedding of the true code and ê_i the expected one, sum_y p_i(y) E[y] at missing tokens and
    e_i at visible ones, the loss of a sample is

        mean_i || D^n ê_i - D^n e_i ||^2,    D e_i = e_{i+1} - e_i,    D^2 e_i = e_{i+2} - 2 e_{i+1} + e_i

    over the differences that a missing token takes part in: a sum over dimensions, a mean over places.

    Unlike in the original code, p is the distribution over real codes alone, visible tokens are what they are, each
    sample has a mean of its own, and the embeddings are a fixed measure of distance: gradients reach the probabilities
    and not the table, which could otherwise shrink the loss by shrinking itself.

    Args:
        log_probs: float32, `(missing tokens, codes)`, row by row, as a [`DiTTokenModel`] returns them with
            `positions=missing`. Renormalised here; `-inf` at codes that the model cannot generate.
        tokens: int64, `(batch, tokens)`, the clean codes x0.
        missing: bool, `(batch, tokens)`.
        embeddings: float, `(codes or more, dims)`: the table E.
        order: n, 1 or 2.

    Returns:
        Loss of each sample, `(batch,)`. Differences that involve a missing token whose code the model cannot generate
        are left out; a sample without any difference to count has 0.

    Raises:
        ValueError: another order.
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, got {order}")
    table = embeddings.detach()[: log_probs.shape[-1]].float()
    true = table[tokens]
    # The difference is linear: that of the errors is the error of the differences.
    error = torch.zeros_like(true)
    error[missing] = log_probs.softmax(-1) @ table - true[missing]
    impossible = missing.masked_scatter(missing, log_probs.gather(-1, tokens[missing][:, None])[:, 0].isneginf())
    counted = missing.unfold(-1, order + 1, 1).any(-1) & ~impossible.unfold(-1, order + 1, 1).any(-1)
    squared = error.diff(n=order, dim=1).square().sum(-1)
    return torch.where(counted, squared, 0.0).sum(-1) / counted.sum(-1).clamp(min=1)
