"""Corruption that draws the pattern of inference: one or a few gaps in intact context."""

import torch
from torch import Tensor


def gap_mask(
    batch_size: int, num_tokens: int, generator: torch.Generator, max_gap: int = 96, max_num_gaps: int = 4
) -> Tensor:
    """
    Draws one to `max_num_gaps` gaps a row. Half the rows have one. Lengths are log-uniform on 1 to `max_gap`, so that
    short gaps and long ones are seen alike; places are uniform; gaps may touch.

    Args:
        batch_size: rows.
        num_tokens: tokens of a row.
        generator: on the CPU.
        max_gap: longest gap in tokens, at most `num_tokens - 1`.
        max_num_gaps: most gaps in a row.

    Returns:
        bool, `(batch_size, num_tokens)`, True at missing tokens: at least one a row, and not all.

    Raises:
        ValueError: a longest gap that leaves no context.
    """
    if not 1 <= max_gap < num_tokens:
        raise ValueError(f"max_gap must lie in [1, num_tokens - 1 = {num_tokens - 1}], got {max_gap}")

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    lengths = (max_gap + 1) ** uniform(batch_size, max_num_gaps)
    lengths = lengths.long().clamp(max=max_gap)
    starts = (uniform(batch_size, max_num_gaps) * (num_tokens - lengths + 1)).long()
    several = uniform(batch_size) < 0.5
    num_gaps = torch.where(several, 1 + (uniform(batch_size) * max_num_gaps).long(), 1)

    positions = torch.arange(num_tokens)
    inside = (positions >= starts[..., None]) & (positions < (starts + lengths)[..., None])
    drawn = torch.arange(max_num_gaps) < num_gaps[:, None]
    missing = (inside & drawn[..., None]).any(1)
    # Several gaps together may cover a short row: such a row keeps its first gap only.
    return torch.where(missing.all(-1, keepdim=True), inside[:, 0], missing)
