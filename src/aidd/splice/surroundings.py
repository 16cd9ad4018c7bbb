"""What lies around a gap: intact audio, silence, spectra, and noise that is shaped by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..masks.gaps import intact_run


if TYPE_CHECKING:
    from torch import Generator


# Seconds of intact audio on each side of a gap whose spectra are measured, at most.
SPECTRUM_SECONDS = 0.1
# Power, relative to that of the other side of a gap, below which a side counts as silent: -60 dB.
SILENCE = 1e-6
# Added to powers before their logarithm is taken, relative to the larger of the two edges.
FLOOR = 1e-10


@dataclass(frozen=True, eq=False)
class Surroundings:
    """
    A gap and the intact audio next to it, up to the next missing sample on either side.

    Args:
        start, end: of the gap (end exclusive), in samples of the signal.
        before, after: what is intact right before and right after the gap, float64 `(..., samples)`, in the order of
            time; empty where nothing is.
    """

    start: int
    end: int
    before: np.ndarray
    after: np.ndarray

    @property
    def num_samples(self) -> int:
        """Length of the gap, in samples."""
        return self.end - self.start

    @property
    def mono(self) -> Surroundings:
        """The same of the channels' mean, from audio `(channels, samples)`."""
        return Surroundings(self.start, self.end, self.before.mean(0), self.after.mean(0))

    def sides(self, num_samples: int) -> tuple[np.ndarray, np.ndarray]:
        """The intact samples that are nearest to the gap, at most so many on each side."""
        return self.before[..., max(self.before.shape[-1] - num_samples, 0) :], self.after[..., :num_samples]

    def around(self, signal: np.ndarray, num_samples: int) -> tuple[np.ndarray, np.ndarray]:
        """The same samples as [`sides`] has, of a signal that is aligned with the one the gap is in."""
        before, after = (side.shape[-1] for side in self.sides(num_samples))
        return signal[..., self.start - before : self.start], signal[..., self.end : self.end + after]


def surroundings_of(signal: np.ndarray, missing: np.ndarray, gap: tuple[int, int]) -> Surroundings:
    """
    What lies around a gap of a signal.

    Args:
        signal: float64, `(..., samples)`. Missing samples are not read.
        missing: bool, `(samples,)`, True = missing.
        gap: start and end (exclusive), in samples.

    Returns:
        Views of the signal.

    Raises:
        ValueError: a mask of another length, or a gap that holds intact samples.
    """
    start, end = gap
    if signal.shape[-1] != len(missing):
        raise ValueError(f"signal and mask must have one length, got {signal.shape[-1]} and {len(missing)}")
    if not 0 <= start < end <= len(missing) or not missing[start:end].all():
        raise ValueError(f"expected a gap within [0, {len(missing)}] whose samples are all missing, got {gap}")
    first, last = start - intact_run(missing[:start][::-1]), end + intact_run(missing[end:])
    return Surroundings(start, end, signal[..., first:start], signal[..., end:last])


def silent_side(before: np.ndarray, after: np.ndarray) -> int | None:
    """
    The side of a gap that is silent while the other sounds, 0 or 1, or None: its power is 60 dB below the other's.

    Args:
        before, after: float64, `(samples,)`, intact audio on both sides. Sides without any are not silent.
    """
    if not len(before) or not len(after):
        return None
    powers = np.mean(before**2), np.mean(after**2)
    quieter = int(powers[1] < powers[0])
    return quieter if powers[quieter] < SILENCE * powers[1 - quieter] else None


def surrounding_noise(
    surroundings: Surroundings,
    *,
    num_samples: int,
    n_fft: int,
    num_context: int,
    generator: Generator | None,
    first_bin: int = 0,
) -> np.ndarray:
    """
    Noise in a gap and around it, shaped by the spectra around the gap.

    Args:
        surroundings: of a gap, of one channel.
        num_samples: length of the signal that the gap is of.
        n_fft: window length of the spectra, in samples, a multiple of 4.
        num_context: samples of intact audio on each side whose spectrum is measured, at most.
        generator: of the noise.
        first_bin: of `n_fft / 2 + 1`; below, there is no noise.

    Returns:
        float64 `(num_samples,)`: noise in the gap and in the intact audio that was measured, zero elsewhere, and
        everywhere where nothing intact is next to the gap.
    """
    before, after = (len(side) for side in surroundings.sides(num_context))
    edges = edge_spectra(surroundings, n_fft=n_fft, num_context=num_context)
    noise = np.zeros(num_samples)
    if edges:
        here = slice(surroundings.start - before, surroundings.end + after)
        audible = np.arange(n_fft // 2 + 1) >= first_bin
        noise[here] = shaped_noise(edges[0] * audible, edges[-1] * audible, here.stop - here.start, generator)
    return noise


def edge_spectra(surroundings: Surroundings, *, n_fft: int, num_context: int) -> list[np.ndarray]:
    """
    Power spectra of the intact audio before and after a gap, of up to `num_context` samples each; of sides that have
    none, or are silent while the other side is not, there is no spectrum. The arguments are those of
    [`surrounding_noise`], the spectra those of [`power_spectrum`].
    """
    edges = list(surroundings.sides(num_context))
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
    inside = window[first : first + len(signal)]
    return power * (window @ window) / (inside @ inside)


def spectra_between(left: np.ndarray, right: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """
    Power spectra that run from one to the other, linearly in dB, and so do their powers.

    Args:
        left, right: `(bins,)`, not both zero.
        progress: in [0, 1], `(frames, 1)`.

    Returns:
        float64 `(frames, bins)`.
    """
    floor = FLOOR * max(left.max(), right.max())

    def between(at_left: np.ndarray, at_right: np.ndarray) -> np.ndarray:
        return np.exp((1 - progress) * np.log(at_left + floor) + progress * np.log(at_right + floor))

    power = between(left, right)
    # Where the spectra differ, as two measurements of one spectrum do, the mean of their dB lies below their level.
    return power * (between(left.sum(), right.sum()) / power.sum(-1, keepdims=True))


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
    if not left.any() and not right.any():
        return np.zeros(num_samples)
    progress = np.clip((np.arange(num_frames)[:, None] - 1.5) * hop / num_samples, 0, 1)
    power = spectra_between(left, right, progress)
    # White frames have power n_fft in every bin; Hann-windowed ones, as the spectra were measured, sum(window^2).
    shaped = np.fft.irfft(np.fft.rfft(white) * np.sqrt(power / (window @ window)))
    # Independent frames add in power: four squared windows at a quarter's distance add up to 3 / 2.
    noise = np.zeros((num_frames + 3) * hop)
    for frame, samples in enumerate(shaped * window / np.sqrt(1.5)):
        noise[frame * hop : frame * hop + n_fft] += samples
    return noise[3 * hop : 3 * hop + num_samples]


def _hann(length: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
