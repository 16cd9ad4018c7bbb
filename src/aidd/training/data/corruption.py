"""Which tokens are masked in training: in gaps, as at inference, or as the forward process masks them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import default_collate

from ...schedulers import LogLinearSchedule
from ...schedulers.sampling import RandomSource, uniform
from ...signals.seeds import seed_of


# Earliest time that is drawn, as in SEDD (Lou et al. 2024, arXiv:2310.16834): the loss has a factor of 1 / t.
EARLIEST_TIME = 1e-3


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


class MaskSampler(Protocol):
    """[`~aidd.schedulers.independent_mask`], or [`~aidd.schedulers.span_mask`] with the law of its spans given."""

    def __call__(self, masked_fraction: Tensor, num_tokens: int, *, generator: RandomSource) -> Tensor: ...


def corrupt(
    indices: Iterable[int],
    num_tokens: int,
    *,
    seed: int,
    schedule: LogLinearSchedule,
    mask_sampler: MaskSampler,
    gap_probability: float,
    max_gap: int = 96,
) -> tuple[Tensor, Tensor]:
    """
    Draws a time and the missing tokens of every sample.

    A share of the samples is corrupted by the forward process: a time uniform on [0.001, 1], and a mask of the
    fraction that belongs to it. The others get the pattern of inference, one or a few gaps ([`gap_mask`]), and the
    time at which the schedule masks as much as they do.

    Args:
        indices: numbers of the samples, 0 or above, counted through the whole run.
        num_tokens: number of tokens in a window.
        seed: seed of the run.
        schedule: noise schedule.
        mask_sampler: draws the masks of the forward process.
        gap_probability: share of the samples that get gaps, in [0, 1].
        max_gap: longest gap, in tokens.

    Returns:
        Times, float32 `(batch,)`, and missing tokens, bool `(batch, num_tokens)`, both on the CPU.

    Raises:
        ValueError: a share outside [0, 1], or a longest gap that leaves no context.
    """
    if not 0 <= gap_probability <= 1:
        raise ValueError(f"gap_probability must lie in [0, 1], got {gap_probability}")
    generators = [torch.Generator().manual_seed(seed_of(seed, index)) for index in indices]
    time_draws, pattern_draws = uniform((len(generators), 2), generators).unbind(-1)
    t = EARLIEST_TIME + (1 - EARLIEST_TIME) * time_draws
    has_gaps = pattern_draws < gap_probability
    missing = torch.zeros((len(generators), num_tokens), dtype=torch.bool)
    if spread := (~has_gaps).nonzero().flatten().tolist():
        fraction = schedule.masked_fraction(t[spread])
        missing[spread] = mask_sampler(fraction, num_tokens, generator=[generators[row] for row in spread])
    if gapped := has_gaps.nonzero().flatten().tolist():
        missing[gapped] = gap_mask(len(gapped), num_tokens, [generators[row] for row in gapped], max_gap)
        t[gapped] = schedule.time(missing[gapped].double().mean(-1))
    return t.float(), missing


@dataclass(frozen=True)
class CorruptingCollator:
    """
    Makes batches of the windows of [`~aidd.training.data.token_windows.TokenWindowDataset`] and corrupts them
    ([`corrupt`], whose arguments these are), in the processes that load the data.
    """

    seed: int
    schedule: LogLinearSchedule
    mask_sampler: MaskSampler
    gap_probability: float
    max_gap: int = 96

    def __call__(self, windows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """`tokens`, int64 `(batch, window_length)`, and the `t` and `missing` of [`corrupt`]."""
        batch = default_collate(list(windows))
        t, missing = corrupt(
            batch["index"].tolist(),
            batch["tokens"].shape[-1],
            seed=self.seed,
            schedule=self.schedule,
            mask_sampler=self.mask_sampler,
            gap_probability=self.gap_probability,
            max_gap=self.max_gap,
        )
        return {"tokens": batch["tokens"], "t": t, "missing": missing}
