"""Which tokens are masked in training: in gaps, as at inference, or as the forward process masks them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import default_collate

from ...schedulers import LogLinearSchedule
from ...schedulers.gap_mask import gap_mask
from ...schedulers.sampling import RandomSource, uniform
from ...signals.seeds import seed_of


# Earliest time that is drawn, as in SEDD (Lou et al. 2024, arXiv:2310.16834): the loss has a factor of 1 / t.
EARLIEST_TIME = 1e-3


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
