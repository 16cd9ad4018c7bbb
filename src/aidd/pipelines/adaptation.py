"""
Adaptation of a token model to one recording: it learns the recording's intact music with the masks of inference, by a
low-rank adapter, until pieces that are held out get no better or a bound is reached.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ..masks.gaps import find_gaps
from ..models.dit_token import DiTTokenModel
from ..models.dit_token.adapter_dit_token import adapter_parameters
from ..schedulers import LogLinearSchedule
from ..schedulers.gap_mask import gap_mask


# A piece of the recording in so many is held out, and at most so many pieces.
HELD_OUT_EVERY, MOST_HELD_OUT = 5, 10
# Pieces of a window's length that must be there, intact and audible: one to hold out, and some to learn from.
LEAST_PIECES = 4
# Windows to learn from start this share of a window apart, and are at most so many.
STRIDE_SHARE, MOST_WINDOWS = 1 / 3, 300
# Root mean square of a token, 60 dB below full scale, under which it counts as silent, and the share of a window that
# silence lasts to count as a pause, which is not learned.
SILENT_RMS, SILENT_SHARE = 1e-3, 1 / 3
# Masks of every held-out piece, and the seed of their draws.
HELD_OUT_MASKS, HELD_OUT_SEED = 2, 0
BATCH_SIZE, RANK, LEARNING_RATE, MAX_GRADIENT_NORM = 4, 8, 2e-3, 1.0
# Steps between two looks at the held-out pieces, and looks without a lower cross-entropy that end the adaptation.
STEPS_A_LOOK, PATIENCE = 10, 4


@dataclass(frozen=True)
class Adaptation:
    """
    What an adaptation has come to.

    Args:
        cross_entropy_before, cross_entropy: of the missing tokens of held-out pieces, in nats a token, without the
            adapter and with it.
        kept_steps: after how many steps the adapter was kept: those at which the cross-entropy was lowest.
        steps: how many were made.
        seconds: that these took, and the looks at the held-out pieces.
        num_windows, num_held_out: windows that were learned from, and pieces that were held out.
        seed: of the draws.
    """

    cross_entropy_before: float
    cross_entropy: float
    kept_steps: int
    steps: int
    seconds: float
    num_windows: int
    num_held_out: int
    seed: int

    def to_dict(self) -> dict:
        """As JSON can hold it."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


def split_windows(missing: np.ndarray, length: int) -> tuple[list[int], list[int]]:
    """
    Places windows in what is intact.

    Args:
        missing: bool `(tokens,)`.
        length: tokens of a window.

    Returns:
        Starts of the windows to learn from, which may overlap one another, and of the pieces to hold out, which
        overlap none.

    Raises:
        ValueError: fewer than `LEAST_PIECES` pieces, with how many there are.
    """
    runs = find_gaps(~missing).tolist()
    pieces = [start for first, last in runs for start in range(first, last - length + 1, length)]
    if len(pieces) < LEAST_PIECES:
        raise ValueError(f"expected {LEAST_PIECES} intact windows of {length} tokens or more, got {len(pieces)}")
    held_out = pieces[HELD_OUT_EVERY // 2 :: HELD_OUT_EVERY]
    held_out = [held_out[int(place)] for place in _evenly(len(held_out), MOST_HELD_OUT)]
    taken = np.zeros(len(missing), bool)
    for start in held_out:
        taken[start : start + length] = True
    stride = max(int(STRIDE_SHARE * length), 1)
    windows = [
        start
        for first, last in runs
        for start in range(first, last - length + 1, stride)
        if not taken[start : start + length].any()
    ]
    return [windows[int(place)] for place in _evenly(len(windows), MOST_WINDOWS)], held_out


def _evenly(number: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, number - 1, min(number, most)).round()).astype(int)


def missing_nats(model: DiTTokenModel, tokens: Tensor, missing: Tensor, schedule: LogLinearSchedule) -> Tensor:
    """
    Cross-entropy of each missing token given those that are not.

    Scores are renormalised over the codes that the model can generate, and a model with `time_conditioning` is given
    the sigma that belongs to the missing fraction.

    Args:
        model: of tokens.
        tokens: int64 `(rows, tokens)`, the true codes.
        missing: bool `(rows, tokens)`, True = missing; every row misses some.
        schedule: noise schedule.

    Returns:
        Nats, float32 `(missing tokens,)`, row by row; `inf` at codes that the model cannot generate.
    """
    sigma = schedule.sigma(schedule.time(missing.float().mean(-1))) if model.config.time_conditioning else None
    log_probs = model(tokens, missing, sigma, positions=missing).log_probs.log_softmax(-1)
    return -log_probs.gather(-1, tokens[missing][:, None])[:, 0]


def missing_cross_entropy(model: DiTTokenModel, tokens: Tensor, missing: Tensor) -> Tensor:
    """
    Mean of [`missing_nats`] by the schedule that models learn with: nats a missing token, float32 `()`. Codes that the
    model cannot generate are left out.
    """
    nats = missing_nats(model, tokens, missing, LogLinearSchedule())
    return nats[nats.isfinite()].mean()


def adapt_model(
    model: DiTTokenModel,
    windows: Tensor,
    held_out: Tensor,
    *,
    max_seconds: float,
    max_steps: int | None,
    max_gap: int,
    seed: int,
) -> Adaptation:
    """
    Trains the adapter of a model, in place, and leaves the one with the lowest cross-entropy on held-out pieces.

    Args:
        model: in its evaluation mode, which stays: without dropout, a seed determines what is learned. It has a new
            adapter ([`~aidd.models.dit_token.adapter_dit_token.add_adapter`]).
        windows, held_out: int64 `(windows, tokens)`, codes of intact music.
        max_seconds: bound in seconds; a step that is going on is finished.
        max_steps: bound in steps, or None. Same seed and number of steps, same adapter.
        max_gap: longest gap to learn, in tokens.
        seed: of the windows' order and the masks.
    """
    began = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    parameters = adapter_parameters(model)
    optimizer = torch.optim.AdamW(parameters.values(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    num_tokens, device = windows.shape[1], model.device
    examined = held_out.repeat(HELD_OUT_MASKS, 1)
    masks = torch.Generator().manual_seed(HELD_OUT_SEED)
    examined_missing = gap_mask(len(examined), num_tokens, masks, max_gap)

    @torch.no_grad()
    def look() -> float:
        several = zip(examined.split(BATCH_SIZE), examined_missing.split(BATCH_SIZE), strict=True)
        nats = [
            missing_cross_entropy(model, tokens.to(device), missing.to(device)) * missing.sum()
            for tokens, missing in several
        ]
        return float(sum(nats)) / int(examined_missing.sum())

    before = lowest = look()
    kept, kept_steps, steps, looks = _copy(parameters), 0, 0, 0
    is_over = max_steps == 0
    with _learning(model, parameters):
        while not is_over:
            rows = torch.randint(len(windows), (BATCH_SIZE,), generator=generator)
            missing = gap_mask(BATCH_SIZE, num_tokens, generator, max_gap)
            with torch.enable_grad():
                loss = missing_cross_entropy(model, windows[rows].to(device), missing.to(device))
                loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters.values(), MAX_GRADIENT_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            steps += 1
            is_over = steps == max_steps or time.perf_counter() - began >= max_seconds
            if steps % STEPS_A_LOOK == 0 or is_over:
                reached, looks = look(), looks + 1
                if reached < lowest:
                    lowest, kept, kept_steps, looks = reached, _copy(parameters), steps, 0
                is_over = is_over or looks == PATIENCE
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(kept[name])
    seconds = time.perf_counter() - began
    return Adaptation(before, lowest, kept_steps, steps, seconds, len(windows), len(held_out), seed)


def _copy(parameters: dict[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


@contextmanager
def _learning(model: DiTTokenModel, parameters: dict[str, torch.nn.Parameter]) -> Iterator[None]:
    """Has gradients of the adapter alone inside."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.requires_grad_(False)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        model.requires_grad_(False)
        for parameter in learned:
            parameter.requires_grad_(True)


def check_bounds(max_seconds: float, max_steps: int | None) -> None:
    """Raises `ValueError` for bounds that are none."""
    if not max_seconds >= 0 or (math.isinf(max_seconds) and max_steps is None):
        raise ValueError(f"max_seconds must be at least 0, and finite without max_steps, got {max_seconds}")
    if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 0):
        raise ValueError(f"max_steps must be an integer of at least 0 or None, got {max_steps!r}")
