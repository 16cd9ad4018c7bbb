"""Log-spectral distance."""

import numpy as np
from numpy.typing import ArrayLike

from ...signals.measures.arguments import as_signals


def log_spectral_distance(
    reference: ArrayLike,
    estimate: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    n_fft: int = 512,
    hop_length: int = 128,
    eps: float = 1e-9,
) -> float:
    r"""
    Mean over frames of the root mean square over bins of the difference of log power spectra:

        LSD = mean_t sqrt( mean_f ( log10(|X(t, f)|^2 + eps) - log10(|Y(t, f)|^2 + eps) )^2 )

    with a periodic Hann window and no padding. The defaults, on audio at 44.1 kHz, are the setting whose values agree
    with those of the AIDD paper (arXiv:2507.08333, table 1): there the mean runs over all frames of a 4.17 s segment.

    Args:
        reference, estimate: float, `(..., samples)`, of one shape. Channels are averaged with the frames.
        mask: bool, `(samples,)`, True where samples were missing. When given, only frames that touch it count.
        n_fft: window length in samples.
        hop_length: distance of frames in samples.
        eps: added to the power; on digital silence the result measures mostly this.

    Returns:
        The distance in units of log10 of power (0.1 is 1 dB).

    Raises:
        ValueError: shapes that differ, samples that are not finite, signals shorter than a window, or a mask that no
            frame touches.
    """
    reference, estimate = as_signals(reference, estimate)
    if reference.shape[-1] < n_fft:
        raise ValueError(f"signals must be at least n_fft = {n_fft} samples long, got {reference.shape[-1]}")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)

    def log_power(signal: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(signal, n_fft, axis=-1)[..., ::hop_length, :]
        return np.log10(np.abs(np.fft.rfft(frames * window)) ** 2 + eps)

    distances = np.sqrt(np.mean((log_power(reference) - log_power(estimate)) ** 2, axis=-1))
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != reference.shape[-1:]:
            raise ValueError(f"mask must be bool of shape {reference.shape[-1:]}, got {mask.dtype} of {mask.shape}")
        touched = np.lib.stride_tricks.sliding_window_view(mask, n_fft)[::hop_length].any(-1)
        if not touched.any():
            raise ValueError("no frame touches the mask")
        distances = distances[..., touched]
    return float(distances.mean())
