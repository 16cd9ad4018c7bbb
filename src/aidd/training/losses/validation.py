"""How well a token model predicts gaps in held-out windows."""

import torch
from torch import Tensor

from ...models.dit_token import DiTTokenModel
from ...pipelines.adaptation import missing_nats
from ...schedulers import LogLinearSchedule


@torch.no_grad()
def gap_cross_entropy(
    model: DiTTokenModel, windows: Tensor, gap: int, schedule: LogLinearSchedule, *, batch_size: int = 16
) -> Tensor:
    """
    Cross-entropy of the tokens of a gap in the middle of windows, given everything before and after it, see
    [`~aidd.pipelines.adaptation.missing_nats`].

    Args:
        model: used in the mode that it is in; call `model.eval()` first for comparable results.
        windows: int64, `(windows, tokens)`, the true codes.
        gap: number of missing tokens, fewer than a window has.
        schedule: noise schedule.
        batch_size: windows per call of the model.

    Returns:
        Nats, float32 `(windows, gap)`; `inf` at codes that the model cannot generate.

    Raises:
        ValueError: a gap that leaves no context.
    """
    if not 1 <= gap < windows.shape[1]:
        raise ValueError(f"gap must lie in [1, {windows.shape[1] - 1}], got {gap}")
    start = (windows.shape[1] - gap) // 2
    inside = slice(start, start + gap)
    cross_entropies = []
    for tokens in windows.split(batch_size):
        missing = torch.zeros_like(tokens, dtype=torch.bool)
        missing[:, inside] = True
        cross_entropies.append(missing_nats(model, tokens, missing, schedule).view(-1, gap))
    return torch.cat(cross_entropies)
