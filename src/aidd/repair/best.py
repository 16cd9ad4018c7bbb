"""The method that tries others on the recording itself, and fills each gap by the one that did best near it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import find_gaps, unite
from ..signals.arrays import slices
from ..signals.warning import warn_at_caller
from ..splice.contract import prepare, write_back
from . import methods
from .alike import alike_sources, filling_alike_first, plan_with, tried
from .filling import FillRegion, fill_as_planned, unobserved
from .methods import BEST, CHOOSING_METHODS, DEFAULT_CANDIDATES, METHODS, MODEL_CANDIDATE, SIMILARITY, TRIAL_SECONDS
from .plan import LEAST_TRIED_SECONDS, RepairPlan, plan_repair
from .regions import reach_of
from .trials import Candidate, Read, Trial, try_candidates, warning_of


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..pipelines import AIDDPipeline, InpaintingPipeline
    from ..signals.arrays import Waveform


def best(
    audio: Waveform, mask: np.ndarray | Tensor, *, sampling_rate: int, generator: Generator | None = None
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing): scattered samples and those of up to 5 ms by Janssen's method, gaps of up to
    20 ms by the continuation of their edges, long ones by a part of the recording whose surroundings are like theirs
    ([`aidd.repair.alike`]), and all others by the candidate of `DEFAULT_CANDIDATES` that fills pseudo-gaps near them
    best ([`aidd.repair.trials`]). Where there is too little intact music to try anything, it is what `auto` takes.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: source of the draws; those of the trials are keyed by its seed. Same seed, same audio, unless
            `TRIAL_SECONDS` end the trials.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.splice.contract.prepare`] and the method that is taken.

    Warns:
        UserWarning: pseudo-gaps were left untried when the time was over.
    """
    return best_with(None, audio, mask, sampling_rate=sampling_rate, generator=generator)


def best_with(
    pipeline: AIDDPipeline | None,
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    candidates: Sequence[str] = DEFAULT_CANDIDATES,
    trial_seconds: float = TRIAL_SECONDS,
) -> Waveform:
    """
    Fills gaps (`mask`: True = missing) by [`best`] with another model, candidates or budget.

    Args:
        pipeline: what `aidd` fills with; None for its default model.
        audio, mask, sampling_rate, generator: as of `best`.
        candidates: names of methods, or places of functions of yours. Of equals, the first is taken.
        trial_seconds: budget of time of all trials, in seconds.

    Returns, raises, warns:
        As `best`; and `ValueError` for candidates that [`candidates_of`] refuses or that fill no gaps as long.
    """
    prepared = prepare(audio, mask, sampling_rate)
    extent = {"num_samples": prepared.signals.shape[-1], "sampling_rate": sampling_rate}
    filled = prepared.signals.copy()
    seconds = trial_seconds / len(filled)
    for item, (channels, missing) in enumerate(zip(prepared.signals, prepared.missing, strict=True)):
        gaps = [find_gaps(channel) for channel in missing]
        plan = plan_repair(gaps, method=BEST, short_gap_seconds=LEAST_TRIED_SECONDS, **extent)
        fill: FillRegion = partial(
            fill_as_planned,
            method=METHODS[MODEL_CANDIDATE] if pipeline is None else pipeline.as_method(),
            sampling_rate=sampling_rate,
            generator=generator,
        )
        if plan.needs_model:
            able = candidates_of(tried(candidates), sampling_rate=sampling_rate, pipeline=pipeline)
            stretches = partial(slices, channels)
            if SIMILARITY in candidates and (sources := alike_sources(plan, stretches, **extent)):
                plan = plan_with(plan, sources)
                fill = filling_alike_first(fill, sources, stretches, **extent, observe=unobserved)
            seed = None if generator is None else generator.initial_seed()
            plan, trials = plan_by_trial(plan, slicing(channels), able, seconds=seconds, seed=seed, **extent)
            if said := warning_of(trials, seconds=seconds, sampling_rate=sampling_rate):
                warn_at_caller(said)
        filled[item] = fill(channels, plan.masks(0, channels.shape[-1]))
    return write_back(prepared, filled)


def slicing(channels: np.ndarray) -> Read:
    """Reads a recording in memory, `(channels, samples)`."""
    return lambda first, last: channels[:, first:last]


def candidates_of(
    names: Sequence[str], *, sampling_rate: int, pipeline: InpaintingPipeline | None = None
) -> dict[str, Candidate]:
    """
    Candidates of trials.

    Args:
        names: of methods, or places of functions of users, see [`~aidd.repair.methods.row_of`].
        sampling_rate: Hz of the recording.
        pipeline: what `aidd` is to fill with; by default its default model.

    Raises:
        ValueError: no such method, one that chooses among others itself, or one whose model does not come along.
    """
    candidates = {}
    for name in names:
        if name in CHOOSING_METHODS:
            raise ValueError(f"expected candidates that fill gaps themselves, got {name}, which chooses among others")
        row = methods.row_of(name)
        own = pipeline if name == MODEL_CANDIDATE else None
        if row.has_model:
            own = own or methods.default_pipeline(name)
        candidates[name] = Candidate(
            methods.method_of(name) if own is None else own.as_method(),
            reach_of(name, sampling_rate=sampling_rate, pipeline=own),
            row.longest_gap_seconds if own is None else own.max_gap_seconds,
        )
    return candidates


def plan_by_trial(
    plan: RepairPlan,
    read: Read,
    candidates: Mapping[str, Candidate],
    *,
    num_samples: int,
    sampling_rate: int,
    seconds: float = TRIAL_SECONDS,
    seed: int | None = None,
) -> tuple[RepairPlan, list[Trial]]:
    """
    Names the candidate that fills each gap of a plan of `best`.

    Args:
        plan: of [`~aidd.repair.plan.plan_repair`] for the method `best`.
        read, candidates, num_samples, sampling_rate, seconds, seed: as of [`~aidd.repair.trials.try_candidates`]. The
            order of the candidates is the one in which they fill, but for the model, which is the last.

    Returns:
        The plan with candidates in the place of `best`, and the trials that chose them.

    Raises:
        ValueError: a gap longer than every candidate fills.
    """
    gaps = unite(plan.gaps_filled_by(BEST))

    def default(length: int) -> str:
        (by_auto,) = plan_repair(
            [np.array([[0, length]])], method="auto", num_samples=length, sampling_rate=sampling_rate
        ).filled_by[0]
        able = [name for name, one in candidates.items() if length <= one.longest_seconds * sampling_rate]
        return by_auto if by_auto in able else able[0]

    trials = try_candidates(
        gaps,
        unite(plan.gaps),
        read,
        candidates,
        default=default,
        num_samples=num_samples,
        sampling_rate=sampling_rate,
        seconds=seconds,
        seed=seed,
    )
    chosen = {start: trial.chosen for trial in trials for start, _ in trial.gaps}
    filled_by = [
        [
            # A gap of one channel lies within one of any channel.
            chosen[int(gaps[np.searchsorted(gaps[:, 0], start, side="right") - 1, 0])] if name == BEST else name
            for (start, _), name in zip(channel_gaps.tolist(), names, strict=True)
        ]
        for channel_gaps, names in zip(plan.gaps, plan.filled_by, strict=True)
    ]
    taken = {name for names in filled_by for name in names}
    others = [name for name in candidates if name in taken and name != MODEL_CANDIDATE]
    fillers = (*(name for name in plan.fillers if name != BEST), *others, MODEL_CANDIDATE)
    return RepairPlan(tuple(dict.fromkeys(fillers)), plan.gaps, filled_by), trials
