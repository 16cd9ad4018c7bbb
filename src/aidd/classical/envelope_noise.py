"""Noise of the surroundings' spectrum: the anchor that a generative method must beat."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..masks import find_gaps
from .autoregressive import beside, intact_run, silent_side
from .channelwise import fill_channelwise


if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..signatures import Waveform

# Added to powers before their logarithm is taken, relative to the larger of the two edges.
FLOOR = 1e-10


def envelope_noise(
    audio: Waveform,
    mask: np.ndarray | Tensor,
    *,
    sampling_rate: int,
    generator: Generator | None = None,
    n_fft: int = 2048,
    context_seconds: float = 0.1,
) -> Waveform:
    """
    Fills gaps with Gaussian noise whose power spectrum runs from that of one edge to that of the other, linearly in
    dB, blended with the autoregressive continuation of both edges by [`~aidd.splice.splice`]. It knows nothing of
    music, and yet scores well in spectral distances.

    Args:
        audio: numpy array or torch tensor, float32 or float64, `(samples,)`, `(channels, samples)` or
            `(batch, channels, samples)`. Values under the mask are not read.
        mask: bool, `(samples,)` or broadcastable to the audio, True = missing.
        sampling_rate: Hz.
        generator: of the noise. Same seed, same audio.
        n_fft: window length of the spectra, in samples, a multiple of 4.
        context_seconds: intact audio on each side of a gap whose spectrum is measured, at most.

    Returns:
        Audio of the same type, shape and dtype, equal to the bit outside the mask.

    Raises:
        ValueError: as [`~aidd.masks.prepare`], or a window length that is no positive multiple of 4.
    """
    if n_fft < 4 or n_fft % 4:
        raise ValueError(f"n_fft must be a positive multiple of 4, got {n_fft}")
    num_context = round(context_seconds * sampling_rate)
    fill = partial(_fill, sampling_rate=sampling_rate, generator=generator, n_fft=n_fft, num_context=num_context)
    return fill_channelwise(audio, mask, sampling_rate, fill)


def _fill(
    signal: np.ndarray,
    missing: np.ndarray,
    sampling_rate: int,
    generator: Generator | None,
    n_fft: int,
    num_context: int,
) -> np.ndarray:
    # Here, as the splice is built on this package.
    from ..splice import splice

    restored = signal.copy()
    for start, end in find_gaps(missing).tolist():
        here = slice(max(start - num_context, 0), end + num_context)
        gap = (start - here.start, end - here.start)
        noise = surrounding_noise(
            signal[here], missing[here], gap, n_fft=n_fft, num_context=num_context, generator=generator
        )
        # Of the rest, only this gap: others nearby are filled in their turn.
        filled = splice(signal[here], missing[here], noise, gap, sampling_rate=sampling_rate)
        restored[start:end] = filled[slice(*gap)]
    return restored


def surrounding_noise(
    signal: np.ndarray,
    missing: np.ndarray,
    gap: tuple[int, int],
    *,
    n_fft: int,
    num_context: int,
    generator: Generator | None,
    first_bin: int = 0,
) -> np.ndarray:
    """
    Noise in a gap and around it, shaped by the spectra beside the gap.

    Args:
        signal: float64, `(samples,)`. Missing samples are not read.
        missing: bool, `(samples,)`.
        gap: start and end (exclusive), in samples.
        n_fft: window length of the spectra, in samples, a multiple of 4.
        num_context: samples of intact audio on each side whose spectrum is measured, at most.
        generator: of the noise.
        first_bin: of `n_fft / 2 + 1`; below, there is no noise.

    Returns:
        float64 `(samples,)`: noise in the gap and in the intact audio that was measured, zero elsewhere, and
        everywhere where nothing intact is beside the gap.
    """
    start, end = gap
    first = start - min(intact_run(missing[:start][::-1]), num_context)
    last = end + min(intact_run(missing[end:]), num_context)
    edges = edge_spectra(signal, missing, gap, n_fft=n_fft, num_context=num_context)
    noise = np.zeros(len(signal))
    if edges:
        heard = np.arange(n_fft // 2 + 1) >= first_bin
        noise[first:last] = shaped_noise(edges[0] * heard, edges[-1] * heard, last - first, generator)
    return noise


def edge_spectra(
    signal: np.ndarray, missing: np.ndarray, gap: tuple[int, int], *, n_fft: int, num_context: int
) -> list[np.ndarray]:
    """
    Power spectra of the intact audio before and behind a gap, of up to `num_context` samples each; of sides that have
    none, or silence beside music on the other side, there is no spectrum. Arguments as of [`surrounding_noise`],
    spectra as of [`power_spectrum`].
    """
    edges = list(beside(signal, missing, gap, num_context))
    # Silence on one side alone says nothing of the music on the other.
    silent = silent_side(*edges)
    if silent is not None:
        del edges[silent]
    return [power_spectrum(edge, n_fft) for edge in edges if len(edge)]


def power_spectrum(signal: np.ndarray, n_fft: int) -> np.ndarray:
    """
    Welch's estimate with Hann windows a quarter apart: `(samples,)` to `(n_fft / 2 + 1,)`, the mean squared magnitude
    of a windowed frame. Signals shorter than a window lie in its middle, at their own power.
    """
    first = max(n_fft - len(signal), 0) // 2
    padded = np.pad(signal, (first, max(n_fft - len(signal), 0) - first))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    window = _hann(n_fft)
    power = (np.abs(np.fft.rfft(frames[:: n_fft // 4] * window)) ** 2).mean(0)
    heard = window[first : first + len(signal)]
    return power * (window @ window) / (heard @ heard)


def shaped_noise(left: np.ndarray, right: np.ndarray, num_samples: int, generator: Generator | None) -> np.ndarray:
    """
    Gaussian noise whose power spectrum runs from one to the other, linearly in dB, and so does its power.

    Args:
        left, right: `(n_fft / 2 + 1,)`, as [`power_spectrum`] measures them.
        num_samples: length of the noise.
        generator: of the noise.

    Returns:
        float64 `(num_samples,)`.
    """
    import torch

    n_fft = 2 * (len(left) - 1)
    hop = n_fft // 4
    window = _hann(n_fft)
    num_frames = -(-num_samples // hop) + 3
    device = "cpu" if generator is None else generator.device
    white = torch.randn(num_frames, n_fft, generator=generator, dtype=torch.float64, device=device).cpu().numpy()
    floor = FLOOR * max(left.max(), right.max())
    if floor == 0:
        return np.zeros(num_samples)
    progress = np.clip((np.arange(num_frames)[:, None] - 1.5) * hop / num_samples, 0, 1)

    def between(at_left: np.ndarray, at_right: np.ndarray) -> np.ndarray:
        return np.exp((1 - progress) * np.log(at_left + floor) + progress * np.log(at_right + floor))

    power = between(left, right)
    # Where the spectra differ, as two measurements of one spectrum do, the mean of their dB lies below their level.
    power *= between(left.sum(), right.sum()) / power.sum(-1, keepdims=True)
    # White frames have power n_fft in every bin; Hann-windowed ones, as the spectra were measured, sum(window^2).
    shaped = np.fft.irfft(np.fft.rfft(white) * np.sqrt(power / (window @ window)))
    # Independent frames add in power: four squared windows at a quarter's distance add up to 3 / 2.
    noise = np.zeros((num_frames + 3) * hop)
    for frame, samples in enumerate(shaped * window / np.sqrt(1.5)):
        noise[frame * hop : frame * hop + n_fft] += samples
    return noise[3 * hop : 3 * hop + num_samples]


def _hann(length: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
