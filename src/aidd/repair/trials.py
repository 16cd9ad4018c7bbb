"""
Trials of methods: pseudo-gaps as long as a gap are cut in the intact music near it, every candidate fills them, and
the one whose fillings come nearest to what was cut is to fill the gap.

Gaps of like length near one another share a trial. All trials go round by round, a pseudo-gap of each a round, so that
a budget of time that ends leaves all of them with about as many. A round counts once every candidate has filled its
pseudo-gap, so candidates are compared on the same music.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import unite
from ..signals.seeds import seed_of
from ..signals.warning import passing_over
from ..splice.contract import MaskWarning
from .loading import generator_of
from .pseudo_gaps import NEAR_SECONDS, Likeness, PseudoGap, likeness, place_pseudo_gaps
from .regions import Reach


if TYPE_CHECKING:
    from ..signals.arrays import Method

# Rounds of a trial, at most.
NUM_ROUNDS = 4
# Gaps of a group are up to so many times as long as its first, or as short.
LIKE_LENGTHS = 1.25
# From a first sample and the one after a last to what a recording holds there, float64 `(channels, samples)`.
Read = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """
    A method that may be tried.

    Args:
        fill: the method's function.
        reach: how much of the recording around a gap it reads.
        longest_seconds: longest gap that it fills.
    """

    fill: Method
    reach: Reach
    longest_seconds: float


@dataclass(frozen=True)
class MethodScore:
    """
    What a candidate has reached in a trial.

    Args:
        score: in dB, the lower, the better; the mean over the rounds that count, see
            [`~aidd.repair.pseudo_gaps.Likeness`]; None where none does.
        log_mel_db, chroma: what it is made of, of each round that counts.
        refusal: the error that the candidate raised, which takes it out of the trial; None if it raised none.
    """

    score: float | None = None
    log_mel_db: list[float] = field(default_factory=list)
    chroma: list[float] = field(default_factory=list)
    refusal: str | None = None


@dataclass(frozen=True)
class Trial:
    """
    What was tried for some gaps.

    Args:
        gaps: starts and exclusive ends of the gaps in samples, of any channel.
        chosen: method that fills them.
        scores: of every candidate that fills gaps of this length.
        pseudo_gaps: starts and exclusive ends of the pseudo-gaps in samples, those that were not tried too.
        rounds: number of pseudo-gaps that every candidate has filled. The others were left untried when the time was
            over, and where it is 0, nothing was compared.
    """

    gaps: list[list[int]]
    chosen: str
    scores: dict[str, MethodScore]
    pseudo_gaps: list[list[int]]
    rounds: int

    @property
    def is_complete(self) -> bool:
        """Whether no pseudo-gap was left untried by a candidate that would have filled it."""
        return self.rounds == len(self.pseudo_gaps) or all(one.refusal is not None for one in self.scores.values())


@dataclass
class _Group:
    """Gaps that share a trial, with the candidates that fill gaps as long, and what these have reached."""

    gaps: list[list[int]]
    candidates: list[str]
    default: str
    places: list[PseudoGap]
    likenesses: dict[str, list[Likeness]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    def result(self) -> Trial:
        able = [name for name in self.candidates if name not in self.refusals]
        rounds = min((len(self.likenesses.get(name, [])) for name in able), default=0)
        scores = {name: MethodScore(refusal=self.refusals.get(name)) for name in self.candidates}
        chosen = self.default if self.default in able else next(iter(able), self.default)
        if rounds:
            scores |= {name: _score(self.likenesses[name][:rounds]) for name in able}
            chosen = min(able, key=lambda name: np.mean([one.score for one in self.likenesses[name][:rounds]]))
        return Trial(self.gaps, chosen, scores, [[one.start, one.stop] for one in self.places], rounds)


def _score(several: Sequence[Likeness]) -> MethodScore:
    score = float(np.mean([one.score for one in several]))
    return MethodScore(score, [one.log_mel_db for one in several], [one.chroma for one in several])


def try_candidates(
    gaps: np.ndarray,
    missing: np.ndarray,
    read: Read,
    candidates: Mapping[str, Candidate],
    *,
    default: Callable[[int], str],
    num_samples: int,
    sampling_rate: int,
    seconds: float,
    seed: int | None,
) -> list[Trial]:
    """
    Tries methods on pseudo-gaps.

    Args:
        gaps: that are to be filled, of any channel, int64 `(gaps, 2)`.
        missing: all gaps of the recording, of any channel, int64 `(gaps, 2)`.
        read: gives intact music of the recording.
        candidates: methods by their names, in the order that decides between equals.
        default: from a gap's length in samples to the candidate that fills it where nothing could be compared.
        num_samples: length of the recording.
        sampling_rate: Hz.
        seconds: budget of time. What is going on when it ends is finished.
        seed: of the candidates' draws, which differ from pseudo-gap to pseudo-gap. Same seed, same choice, unless
            the budget ends the trials; None draws anew every time.

    Returns:
        A trial for each group of gaps, in the order of their first gaps.

    Raises:
        ValueError: a gap longer than every candidate fills.
    """
    began = time.perf_counter()
    extent = {"num_samples": num_samples, "sampling_rate": sampling_rate}
    groups = []
    for members in group_alike(gaps, distance=round(NEAR_SECONDS * sampling_rate)):
        start, stop = max(members, key=lambda gap: gap[1] - gap[0])
        length = stop - start
        able = [name for name, one in candidates.items() if length <= one.longest_seconds * sampling_rate]
        if not able:
            raise ValueError(
                f"expected a candidate that fills gaps of {length / sampling_rate:.2f} s, got {', '.join(candidates)}"
            )
        places = place_pseudo_gaps((start, stop), missing, NUM_ROUNDS if len(able) > 1 else 0, **extent)
        groups.append(_Group(members, able, default(length), places))
    for number in range(NUM_ROUNDS):
        for group in groups:
            for name in group.candidates if number < len(group.places) else ():
                if time.perf_counter() - began >= seconds:
                    return [one.result() for one in groups]
                if name not in group.refusals:
                    place = group.places[number]
                    draws = None if seed is None else seed_of(seed, place.start, place.stop)
                    try:
                        reached = _try(candidates[name], place, read, sampling_rate, draws)
                    except ValueError as error:
                        group.refusals[name] = str(error)
                    else:
                        group.likenesses.setdefault(name, []).append(reached)
    return [group.result() for group in groups]


def group_alike(gaps: np.ndarray, *, distance: int) -> list[list[list[int]]]:
    """
    Groups gaps of like length near one another.

    Args:
        gaps: in order, int64 `(gaps, 2)`.
        distance: samples from the first gap of a group that the others start within.

    Returns:
        Starts and exclusive ends of the gaps of each group, in the order of their first gaps.
    """
    groups: list[list[list[int]]] = []
    for start, stop in gaps.tolist():
        for group in reversed(groups):
            first = group[0]
            ratio = (stop - start) / (first[1] - first[0])
            if start - first[0] <= distance and 1 / LIKE_LENGTHS <= ratio <= LIKE_LENGTHS:
                group.append([start, stop])
                break
        else:
            groups.append([[start, stop]])
    return groups


def _try(candidate: Candidate, place: PseudoGap, read: Read, sampling_rate: int, seed: int | None) -> Likeness:
    """How near a candidate comes to the music that is cut at a place."""
    first, last = place.excerpt(candidate.reach.samples)
    music = read(first, last)
    mask = np.zeros(last - first, bool)
    mask[place.start - first : place.stop - first] = True
    with passing_over(MaskWarning):
        filled = candidate.fill(
            np.where(mask, np.nan, music), mask, sampling_rate=sampling_rate, generator=generator_of(seed)
        )
    return likeness(music, np.asarray(filled), mask, sampling_rate=sampling_rate)


def warning_of(trials: Sequence[Trial], *, seconds: float, sampling_rate: int) -> str | None:
    """What is to be said of trials that ended early or could not be made; None where all were made."""
    cut_short = [trial for trial in trials if not trial.is_complete]
    if not cut_short:
        return None
    left = sum(len(trial.pseudo_gaps) - trial.rounds for trial in cut_short)
    untried = unite([np.array(trial.gaps, np.int64) for trial in cut_short if not trial.rounds])
    said = f"the trials took all of their {seconds:g} s: {left} pseudo-gaps were left untried"
    if len(untried):
        places = ", ".join(f"{start / sampling_rate:.3f} s" for start in untried[:, 0].tolist())
        said += f", and nothing was compared for the gaps at {places}"
    return said
