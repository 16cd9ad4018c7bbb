"""Masks of gaps, the pattern of inference, for models of tokens to learn from."""

import torch
from torch import Tensor

from .sampling import RandomSource, uniform


def gap_mask(
    batch_size: int, num_tokens: int, generator: RandomSource = None, max_gap: int = 96, max_num_gaps: int = 4
) -> Tensor:
    """
    Draws one to `max_num_gaps` gaps a row. About half the rows have one. Lengths are log-uniform on 1 to `max_gap`, so
    that short gaps and long ones are seen alike; places are uniform; gaps may touch.

    Args:
        batch_size: number of rows.
        num_tokens: number of tokens in a row.
        generator: as in [`~aidd.schedulers.sampling.uniform`], on the CPU.
        max_gap: longest gap in tokens, at most `num_tokens - 1`.
        max_num_gaps: largest number of gaps in a row.

    Returns:
        bool, `(batch_size, num_tokens)`, True at missing tokens: at least one a row, and not all.

    Raises:
        ValueError: a longest gap that leaves no context.
    """
    if not 1 <= max_gap < num_tokens:
        raise ValueError(f"max_gap must lie in [1, num_tokens - 1 = {num_tokens - 1}], got {max_gap}")

    draws = uniform((batch_size, 2 * max_num_gaps + 2), generator)
    length_draws, start_draws, several_draws, number_draws = draws.split([max_num_gaps, max_num_gaps, 1, 1], dim=-1)
    lengths = ((max_gap + 1) ** length_draws).long().clamp(max=max_gap)
    starts = (start_draws * (num_tokens - lengths + 1)).long()
    num_gaps = torch.where(several_draws < 0.5, 1 + (number_draws * max_num_gaps).long(), 1)

    positions = torch.arange(num_tokens)
    inside = (positions >= starts[..., None]) & (positions < (starts + lengths)[..., None])
    drawn = torch.arange(max_num_gaps) < num_gaps
    missing = (inside & drawn[..., None]).any(1)
    # Several gaps together may cover a short row: such a row keeps its first gap only.
    return torch.where(missing.all(-1, keepdim=True), inside[:, 0], missing)
