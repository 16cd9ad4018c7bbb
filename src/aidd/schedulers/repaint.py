"""RePaint: inpainting with a diffusion model that was trained without masks."""

import copy
import logging
from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor


logger = logging.getLogger(__name__)


class RePaintPreset(NamedTuple):
    """Arguments of [`repaint`] that set its schedule: `repaint(..., **preset._asdict())`."""

    num_inference_steps: int
    jump_length: int
    num_resamplings: int


PRESETS = MappingProxyType(
    {
        # Section 5.1 of the paper.
        "paper": RePaintPreset(num_inference_steps=250, jump_length=10, num_resamplings=10),
        "fast": RePaintPreset(num_inference_steps=25, jump_length=5, num_resamplings=4),
        # Plain replacement: known parts are replaced in each step, and no step is taken twice.
        "plain": RePaintPreset(num_inference_steps=25, jump_length=1, num_resamplings=1),
        "none": RePaintPreset(num_inference_steps=250, jump_length=1, num_resamplings=1),
    }
)


def steps_of(preset: str, *changes: int | None) -> RePaintPreset:
    """
    The steps of a preset, with other numbers where some are given.

    Args:
        preset: its name.
        changes: numbers in the order of [`RePaintPreset`]; None keeps the preset's.

    Raises:
        ValueError: no such preset, or numbers that do not fit together.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be among {sorted(PRESETS)}, got {preset!r}")
    pairs = zip(PRESETS[preset], changes, strict=True)
    steps = RePaintPreset(*(kept if changed is None else changed for kept, changed in pairs))
    resampling_schedule(*steps)
    return steps


def resampling_schedule(num_inference_steps: int, jump_length: int, num_resamplings: int) -> list[int]:
    """
    The order in which RePaint takes its steps (figure 9 of the paper).

    The sample comes down from `num_inference_steps` steps away from the clean one. When it is 1, 1 + jump_length,
    1 + 2 jump_length, ... steps away, and more than `jump_length` below the start, it goes `jump_length` steps up
    again, until it has come there `num_resamplings` times.

    Args:
        num_inference_steps: steps from noise to the clean sample.
        jump_length: steps of a jump, j in the paper. It has no effect with 1 resampling, which has no jumps.
        num_resamplings: passes over the steps below a jump, r in the paper; 1 is plain replacement.

    Returns:
        For each call of the network, how many steps the sample is then away from the clean one. The step of call i
        leads to `schedule[i] - 1`; where `schedule[i + 1]` is more than that, a jump lies between. The paper counts
        the times of samples from 0, and so one less.

    Raises:
        ValueError: a number that is not an integer of at least 1, or a jump as long as all steps.
    """
    for name, value in (
        ("num_inference_steps", num_inference_steps),
        ("jump_length", jump_length),
        ("num_resamplings", num_resamplings),
    ):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    if num_resamplings > 1 and jump_length >= num_inference_steps:
        raise ValueError(
            f"jump_length must be less than the {num_inference_steps} steps for resampling, got {jump_length}"
        )
    jumps_left = dict.fromkeys(range(1, num_inference_steps - jump_length + 1, jump_length), num_resamplings - 1)
    schedule, steps_left = [], num_inference_steps
    while steps_left:
        schedule.append(steps_left)
        steps_left -= 1
        if jumps_left.get(steps_left, 0):
            jumps_left[steps_left] -= 1
            steps_left += jump_length
    return schedule


def num_network_calls(num_inference_steps: int, jump_length: int, num_resamplings: int) -> int:
    """How often [`repaint`] calls its model where anything is missing; arguments as in [`resampling_schedule`]."""
    return len(resampling_schedule(num_inference_steps, jump_length, num_resamplings))


def noise_levels(scheduler: DDPMScheduler | DDIMScheduler) -> list[float]:
    """
    alpha-bar by number of steps left, that of the clean sample first: `num_inference_steps + 1` numbers in [0, 1].

    Args:
        scheduler: with timesteps set.

    Raises:
        ValueError: a DDIMScheduler whose steps lead to other times than its own next ones.
    """
    timesteps = scheduler.timesteps.tolist()
    last = scheduler.one if isinstance(scheduler, DDPMScheduler) else scheduler.final_alpha_cumprod
    if isinstance(scheduler, DDIMScheduler):
        stride = scheduler.config["num_train_timesteps"] // scheduler.num_inference_steps
        led_to = [time - stride for time in timesteps]
        if led_to[:-1] != timesteps[1:] or led_to[-1] >= 0:
            raise ValueError(
                f"a DDIMScheduler goes {stride} times down in each step, but with "
                f"timestep_spacing={scheduler.config['timestep_spacing']!r} its {len(timesteps)} times are not so far "
                'apart: take timestep_spacing="leading", or a DDPMScheduler'
            )
    return [float(last), *scheduler.alphas_cumprod[timesteps[::-1]].tolist()]


@torch.no_grad()
def repaint(
    model: Callable[[Tensor, Tensor], Tensor],
    scheduler: DDPMScheduler | DDIMScheduler,
    known: Tensor,
    mask: Tensor,
    *,
    num_inference_steps: int,
    jump_length: int,
    num_resamplings: int,
    generator: torch.Generator | Sequence[torch.Generator] | None = None,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Tensor:
    r"""
    Fills what is missing by the diffusion model, given the rest (Lugmayr et al., CVPR 2022, arXiv:2201.09865,
    algorithm 1): a step of the scheduler draws x_{t-1} from x_t, and its known part is replaced by

        x^known_{t-1} ~ N( sqrt(alpha_bar_{t-1}) x_0, (1 - alpha_bar_{t-1}) I ),

    which is of the level that the step leads to, and not of the one it comes from. A jump of the schedule noises the
    sample, both parts of it, from level s to level t in one draw:

        x_t ~ N( sqrt(alpha_bar_t / alpha_bar_s) x_s, (1 - alpha_bar_t / alpha_bar_s) I ).

    With an exact score and small steps, fills tend to the law of what is missing given the rest as resamplings grow.
    With few steps, the errors of the steps pile up instead: variance "fixed_small" makes fills too much alike, and
    "fixed_large" too different.

    Args:
        model: `model(sample, timestep)` gives what the scheduler's `prediction_type` says, of the sample's shape (or
            of twice its channels where the scheduler's variance is learned); the timestep is an int64 scalar tensor.
        scheduler: a `DDPMScheduler` (ancestral steps) or a `DDIMScheduler` (deterministic ones). Its own clipping and
            thresholding apply. It is not changed.
        known: float, `(batch, ...)`, in the model's range of values. Values under the mask are never read.
        mask: bool, broadcastable to `known`; True where values are missing.
        num_inference_steps, jump_length, num_resamplings: see [`resampling_schedule`], and `PRESETS`.
        generator: one for the batch, or one for each item, whose fill is then that which it has alone.
        progress: wraps the sequence of network calls, such as `tqdm` or a pipeline's `progress_bar`.

    Returns:
        As `known`, to the bit where the mask is False; where it is False everywhere, the model is not called.

    Raises:
        ValueError: another scheduler or one that takes another number of steps, an impossible schedule, or inputs that
            have other shapes or types, or are not finite where the mask is False.
    """
    if not isinstance(scheduler, DDPMScheduler | DDIMScheduler):
        raise ValueError(
            "repaint takes a DDPMScheduler or a DDIMScheduler: steps from one noise level to the next that depend on "
            f"nothing before them, of a process that preserves variance; got {type(scheduler).__name__}"
        )
    _check_inputs(known, mask, generator)
    generator = list(generator) if isinstance(generator, Sequence) else generator
    schedule = resampling_schedule(num_inference_steps, jump_length, num_resamplings)
    scheduler = copy.copy(scheduler)
    scheduler.set_timesteps(num_inference_steps, device=known.device)
    if len(scheduler.timesteps) != num_inference_steps:
        raise ValueError(
            f"expected {num_inference_steps} times, got {len(scheduler.timesteps)} of {type(scheduler).__name__}, "
            "which rounds them: take another number of steps"
        )
    alpha_bar = noise_levels(scheduler)
    # diffusers annotates neither times that are tensors nor a generator for each item.
    step: Callable[..., Any] = scheduler.step
    if not mask.any():
        return known.clone()
    mask = mask.to(known.device)
    # Zero times NaN is NaN.
    truth = known.masked_fill(mask, 0)
    logger.info("RePaint: %d network calls", len(schedule))

    def noised(sample: Tensor, scale: float) -> Tensor:
        noise = randn_tensor(sample.shape, generator, device=sample.device, dtype=sample.dtype)
        return scale**0.5 * sample + (1 - scale) ** 0.5 * noise

    start = randn_tensor(known.shape, generator, device=known.device, dtype=known.dtype)
    sample = torch.where(mask, start, noised(truth, alpha_bar[-1]))
    for steps_left, next_steps_left in zip(progress(schedule), [*schedule[1:], 0], strict=True):
        timestep, reached = scheduler.timesteps[-steps_left], steps_left - 1
        sample = step(model(sample, timestep), timestep, sample, generator=generator).prev_sample
        sample = torch.where(mask, sample, noised(truth, alpha_bar[reached]))
        if next_steps_left > reached:
            sample = noised(sample, alpha_bar[next_steps_left] / alpha_bar[reached])
    return torch.where(mask, sample, known)


def _check_inputs(known: Tensor, mask: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None) -> None:
    if not known.is_floating_point() or known.ndim < 2 or not known.numel():
        raise ValueError(f"known must be float of shape (batch, ...), got {known.dtype} of {tuple(known.shape)}")
    if mask.dtype != torch.bool:
        raise ValueError(f"mask must be bool, True where values are missing, got {mask.dtype}")
    if mask.ndim > known.ndim or any(
        m not in (1, k) for m, k in zip(mask.shape[::-1], known.shape[::-1], strict=False)
    ):
        raise ValueError(f"mask must be broadcastable to {tuple(known.shape)}, got {tuple(mask.shape)}")
    if not (known.isfinite() | mask.to(known.device)).all():
        raise ValueError("known must be finite wherever the mask is False")
    if isinstance(generator, Sequence) and len(generator) != len(known):
        raise ValueError(f"expected one generator, or one for each of {len(known)} items, got {len(generator)}")
