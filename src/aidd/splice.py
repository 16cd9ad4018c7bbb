"""
Putting generated audio into a gap. This is the only place that writes into a signal, and it writes into gaps alone:
level matched to both edges, and blended with the autoregressive continuation of each.
"""

import numpy as np

from .classical.autoregressive import continue_edge, intact_run


def splice(
    signal: np.ndarray,
    mask: np.ndarray,
    generated: np.ndarray,
    gap: tuple[int, int],
    *,
    sampling_rate: int,
    blend_seconds: float = 0.05,
    level_seconds: float = 0.05,
    context_seconds: float = 0.1,
    order: int = 512,
    max_gain: float = 4.0,
) -> np.ndarray:
    """
    A copy of `signal` with one gap filled.

    Args:
        signal: float64, `(samples,)`. Samples under the mask are not read.
        mask: bool, `(samples,)`, True = missing.
        generated: float64, `(samples,)`, aligned with `signal`. Read in the gap, and beside it to compare levels.
        gap: start and end (exclusive) of the gap, in samples.
        sampling_rate: Hz.
        blend_seconds: how far, at most, the continuation of an edge fades into the generated audio. It fades at equal
            power; gaps no longer than this are filled by the two continuations alone.
        level_seconds: intact audio beside the gap over which levels are compared. The gain runs from the left edge's
            to the right edge's, linearly in dB.
        context_seconds: intact audio beside the gap that the autoregressive models are fitted to, at most.
        order: of the models, at most.
        max_gain: the gain stays within this factor up and down.

    Returns:
        float64 `(samples,)`: equal to `signal` outside the gap.

    Raises:
        ValueError: arrays of different lengths, or a gap that holds intact samples.
    """
    start, end = gap
    if not len(signal) == len(mask) == len(generated):
        raise ValueError(
            f"signal, mask and generated must have one length, got {len(signal)}, {len(mask)}, {len(generated)}"
        )
    if not 0 <= start < end <= len(signal) or not mask[start:end].all():
        raise ValueError(f"expected a gap within [0, {len(signal)}] whose samples are all missing, got {gap}")

    length = end - start
    before = intact_run(mask[:start][::-1])
    after = intact_run(mask[end:])
    num_level = round(level_seconds * sampling_rate)
    left_level = slice(start - min(before, num_level), start)
    right_level = slice(end, end + min(after, num_level))
    gains = [_gain(signal[edge], generated[edge], max_gain) for edge in (left_level, right_level)]
    # Where there is nothing beside one edge (the file ends there), the other's level holds.
    left_gain, right_gain = (
        gain if gain is not None else other for gain, other in zip(gains, gains[::-1], strict=True)
    )
    filling = generated[start:end].copy()
    if left_gain is not None:
        filling *= np.geomspace(left_gain, right_gain, length)

    num_context = round(context_seconds * sampling_rate)
    left = continue_edge(signal[start - min(before, num_context) : start], length, order)
    right = continue_edge(signal[end : end + min(after, num_context)][::-1], length, order)
    num_blend = min(round(blend_seconds * sampling_rate), length)
    fade = np.cos(np.pi / 2 * np.minimum(np.arange(1, length + 1) / (num_blend + 1), 1))
    nothing = np.zeros(length)
    left_weight, left = (nothing, nothing) if left is None else (fade, left)
    right_weight, right = (nothing, nothing) if right is None else (fade[::-1], right[::-1])
    weight = np.sqrt(np.maximum(0, 1 - left_weight**2 - right_weight**2))
    total = np.sqrt(left_weight**2 + right_weight**2 + weight**2)

    restored = signal.copy()
    restored[start:end] = (left_weight * left + right_weight * right + weight * filling) / total
    return restored


def _gain(signal: np.ndarray, generated: np.ndarray, max_gain: float) -> float | None:
    """Ratio of the levels, within `max_gain` up and down; None where there is nothing to compare with."""
    energy, generated_energy = signal @ signal, generated @ generated
    if generated_energy == 0:
        return None
    return float(np.clip(np.sqrt(energy / generated_energy), 1 / max_gain, max_gain))
