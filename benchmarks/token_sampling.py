"""The loop of a sampler over a token model, as a pipeline runs it."""

import torch
from torch import Tensor

from aidd import DiTTokenModel
from aidd.schedulers.scheduling_utils import DiscreteSchedulerMixin


@torch.no_grad()
def sample_tokens(
    model: DiTTokenModel,
    scheduler: DiscreteSchedulerMixin,
    tokens: Tensor,
    missing: Tensor,
    *,
    num_inference_steps: int | None = None,
    rows_per_call: int = 1,
    seed: int = 0,
) -> tuple[Tensor, int]:
    """
    Fills the missing tokens.

    Args:
        tokens, missing: int64 and bool, `(rows, tokens)`, the same tokens missing in every row.
        num_inference_steps: for schedulers with a number of steps to choose.
        rows_per_call: rows that the network sees at once.
        seed: of all that is drawn.

    Returns:
        The tokens, and how often the network was called for a row.
    """
    generator = torch.Generator().manual_seed(seed)
    scheduler.set_timesteps(num_inference_steps, num_missing=missing.sum(-1), generator=generator)
    positions, num_calls = missing[0].nonzero().flatten(), 0
    for timestep in scheduler.timesteps:
        if not missing.any():
            break
        sigma = scheduler.schedule.sigma(timestep) if model.config.time_conditioning else None
        log_probs = torch.cat(
            [
                model(
                    tokens[rows], missing[rows], None if sigma is None else sigma[rows], positions=positions
                ).log_probs
                for rows in torch.arange(len(tokens)).split(rows_per_call)
            ]
        )
        num_calls += 1
        output = scheduler.step(
            log_probs, timestep, tokens[:, positions], missing=missing[:, positions], generator=generator
        )
        tokens = tokens.index_copy(1, positions, output.prev_sample)
        missing = missing.index_copy(1, positions, output.prev_missing)
    return tokens, num_calls
