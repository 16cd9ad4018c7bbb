"""
How far a filling can be trusted, by what can be known without what was there: one number, and what it is made of.

    confidence = (1 + p) / 2 * 2^-(e / 12 + l / 12 + d / 6)

- p: share of the filling's power that its edges predict, in [0, 1]: the mean squared weight of their
  [`~aidd.splice.continuation.continuation`];
- e: distance of the filling from that continuation, as far as it can be trusted, in dB
  ([`~aidd.splice.ranking.edge_distance`]);
- l: step of the level at the worse seam, in dB ([`level_step`]);
- d: distance from the other variations, in dB ([`~aidd.splice.ranking.agreement_risk`]); 0 where there is none.

For holes in the spectrogram, p is the share of their frames' power that lies at other frequencies, which are known,
and l is measured within the hole's frequencies; see [`aidd.repair.boxes`].

So it is 1 where the edges say all and the filling follows them, one half at most where they say nothing, and halved by
each 12 dB at the edges or of a step, and by each 6 dB of disagreement. It ranks repairs; it is no probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..signals.autoregressive import EDGE_ORDER, EDGE_SECONDS
from ..splice.continuation import continuation
from ..splice.ranking import agreement_risk, edge_distance
from ..splice.surroundings import Surroundings


# Decibels that halve the confidence.
HALVING_EDGE, HALVING_STEP, HALVING_DISAGREEMENT = 12.0, 12.0, 6.0
# Seconds on each side of a seam whose levels are compared: a period of 50 Hz.
STEP_SECONDS = 0.02
# Powers this far below the other side's count as equal to silence: -80 dB.
STEP_FLOOR = 1e-8
# How far the continuation of an edge counts, see `continuation`.
REACH_SECONDS = 0.08
# The autoregressive models of a short gap's edges: audio in gap lengths and seconds, and order in samples of the gap.
CONTEXT_PER_GAP, LEAST_CONTEXT_SECONDS = 10.0, 0.02
ORDER_PER_SAMPLE, LEAST_ORDER = 4, 64
DB_PER_LOG10 = 10.0


@dataclass(frozen=True)
class Evidence:
    """
    What speaks for a filling, and against it.

    Args:
        predicted_share: p, in [0, 1].
        edge_distance_db: e, at least 0; None where edges are not continued, as in boxes.
        level_step_db: l, at least 0.
        disagreement_db: d, at least 0; None where there is no other variation.
    """

    predicted_share: float
    edge_distance_db: float | None
    level_step_db: float
    disagreement_db: float | None

    @property
    def confidence(self) -> float:
        """The one number, in [0, 1]."""
        halvings = (
            (self.edge_distance_db or 0.0) / HALVING_EDGE
            + self.level_step_db / HALVING_STEP
            + (self.disagreement_db or 0.0) / HALVING_DISAGREEMENT
        )
        return (1 + self.predicted_share) / 2 * 2.0**-halvings


def evidence_of(fillings: np.ndarray, surroundings: Surroundings, *, sampling_rate: int) -> list[Evidence]:
    """
    Measures the fillings of a gap of one channel.

    Args:
        fillings: float64 `(variations, samples)`.
        surroundings: of the gap.
        sampling_rate: Hz.

    Returns:
        The evidence of each variation.
    """
    num_samples = surroundings.num_samples
    # Models as large as the continuation's own would take far longer than the filling of a click.
    seconds = CONTEXT_PER_GAP * num_samples / sampling_rate
    estimate, weight = continuation(
        surroundings,
        sampling_rate=sampling_rate,
        reach_seconds=REACH_SECONDS,
        context_seconds=min(max(seconds, LEAST_CONTEXT_SECONDS), EDGE_SECONDS),
        order=min(max(ORDER_PER_SAMPLE * num_samples, LEAST_ORDER), EDGE_ORDER),
    )
    risks = agreement_risk(fillings, sampling_rate=sampling_rate)
    return [
        Evidence(
            predicted_share=float(np.mean(weight**2)),
            edge_distance_db=DB_PER_LOG10 * edge_distance(filling, estimate, weight, sampling_rate=sampling_rate),
            level_step_db=level_step(filling, surroundings, sampling_rate=sampling_rate),
            disagreement_db=DB_PER_LOG10 * float(risk) if len(fillings) > 1 else None,
        )
        for filling, risk in zip(fillings, risks, strict=True)
    ]


def level_step(filling: np.ndarray, surroundings: Surroundings, *, sampling_rate: int) -> float:
    """
    The larger step of the level at a filling's two seams, in dB: 20 ms before a seam against 20 ms after it. Where the
    gap is shorter, what follows it is part of these.

    Args:
        filling: float64 `(samples,)`, as long as the gap.
        surroundings: of the gap, of one channel. A side without samples has no seam.
        sampling_rate: Hz.

    Returns:
        At least 0; at most 80, that of sound next to silence.
    """
    num_samples = max(round(STEP_SECONDS * sampling_rate), 1)
    before, after = surroundings.sides(num_samples)
    steps = [0.0]
    for outside, inside in (
        (before, np.concatenate([filling, after])[:num_samples]),
        (after, np.concatenate([before, filling])[-num_samples:]),
    ):
        if len(outside):
            powers = np.array([np.mean(outside**2), np.mean(inside**2)])
            floor = STEP_FLOOR * powers.max() + np.finfo(np.float64).tiny
            first, second = np.log10(powers + floor)
            steps.append(DB_PER_LOG10 * abs(float(first - second)))
    return max(steps)
