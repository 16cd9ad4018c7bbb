"""
Putting generated audio into a gap. This is the only place that writes into a signal, and it writes into gaps alone:
level matched to both edges, and blended with the autoregressive continuation of each.
"""

import numpy as np

from .classical.autoregressive import SAMPLES_PER_COEFFICIENT, continue_edge, intact_run
from .masks import find_gaps


# Silence, as far as a gain that is linear in dB can reach it: -160 dB.
MIN_GAIN = 1e-8


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
        max_gain: generated audio is amplified by this factor at most. Beside silence it falls silent.

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
        filling *= np.geomspace(max(left_gain, MIN_GAIN), max(right_gain, MIN_GAIN), length)

    num_context = round(context_seconds * sampling_rate)
    left = continue_edge(signal[start - min(before, num_context) : start], length, order)
    right = continue_edge(signal[end : end + min(after, num_context)][::-1], length, order)
    num_blend = min(round(blend_seconds * sampling_rate), length)
    fade = np.cos(np.pi / 2 * np.minimum(np.arange(1, length + 1) / (num_blend + 1), 1))
    left_weight = fade if left is not None else np.zeros(length)
    right_weight = fade[::-1] if right is not None else np.zeros(length)
    # The two continuations go on with one sound, and are mixed by shares that add up to one; the generated audio is
    # another, and is mixed at equal power.
    weight = np.sqrt(left_weight**2 + right_weight**2)
    share = left_weight**2 / np.maximum(weight**2, np.finfo(np.float64).tiny)
    continuation = np.zeros(length)
    if left is not None:
        continuation += share * left
    if right is not None:
        continuation += (1 - share) * right[::-1]
    weight = np.minimum(weight, 1)

    restored = signal.copy()
    restored[start:end] = weight * continuation + np.sqrt(1 - weight**2) * filling
    return restored


def splice_short_gaps(
    channels: np.ndarray, missing: np.ndarray, *, sampling_rate: int, blend_seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """
    Fills the gaps in which [`splice`] would leave nothing of any generated audio, from left to right: those no longer
    than the blend, with intact audio on both sides. Nothing needs to be generated for them.

    Args:
        channels: float64, `(channels, samples)`.
        missing: bool, `(channels, samples)`.
        sampling_rate: Hz.
        blend_seconds: as of [`splice`].

    Returns:
        Copies of both, as they are then.
    """
    channels, missing = channels.copy(), missing.copy()
    longest = round(blend_seconds * sampling_rate)
    for row, (channel, channel_missing) in enumerate(zip(channels, missing, strict=True)):
        for start, end in find_gaps(channel_missing).tolist():
            # A second on each side is more than a splice reads.
            around = slice(max(start - sampling_rate, 0), end + sampling_rate)
            signal, lost = channel[around], channel_missing[around]
            gap = (start - around.start, end - around.start)
            intact = min(intact_run(lost[: gap[0]][::-1]), intact_run(lost[gap[1] :]))
            if end - start <= longest and intact >= SAMPLES_PER_COEFFICIENT:
                nothing = np.zeros(len(signal))
                channels[row, around] = splice(
                    signal, lost, nothing, gap, sampling_rate=sampling_rate, blend_seconds=blend_seconds
                )
                missing[row, start:end] = False
    return channels, missing


def _gain(signal: np.ndarray, generated: np.ndarray, max_gain: float) -> float | None:
    """Ratio of the levels, at most `max_gain`; None where there is nothing to compare with."""
    energy, generated_energy = signal @ signal, generated @ generated
    if generated_energy == 0:
        return None
    return min(float(np.sqrt(energy / generated_energy)), max_gain)
