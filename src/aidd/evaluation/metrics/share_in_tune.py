"""How much of a tone's power lies at its own pitch."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal.windows import blackmanharris

from ...signals.measures.arguments import as_signals


def share_in_tune(
    audio: ArrayLike, pitch: float, *, sampling_rate: int, num_partials: int = 6, cents: float = 25.0
) -> float:
    """
    The share of a signal's power, from half its pitch up to half a pitch above its last partial, that lies within some
    cents of the partials. A codec that holds no pitch puts its power elsewhere.

    Args:
        audio: float, `(samples,)`, at least 16 periods long, and long enough for the partials' bands to be apart.
        pitch: Hz, of the first partial.
        sampling_rate: Hz.
        num_partials: number of partials.
        cents: half the width of a partial's band.

    Returns:
        In [0, 1]: 1 for the tone itself, about a tenth for noise at 25 cents, and 0 for silence.

    Raises:
        ValueError: samples that are not finite, more than one channel, partials above half the sampling rate, or a
            signal too short.
    """
    signal, _ = as_signals(audio, audio)
    if signal.ndim != 1:
        raise ValueError(f"audio must have shape (samples,), got {signal.shape}")
    highest = (num_partials + 0.5) * pitch
    if not 0 < highest <= sampling_rate / 2:
        raise ValueError(f"expected partials up to {sampling_rate / 2} Hz, got a band up to {highest} Hz")
    if len(signal) < 16 * sampling_rate / pitch:
        raise ValueError(
            f"audio must be at least 16 periods of {pitch} Hz long, {16 * sampling_rate / pitch:.0f} samples, got "
            f"{len(signal)}"
        )
    power = np.abs(np.fft.rfft(signal * blackmanharris(len(signal), sym=False))) ** 2
    frequencies = np.fft.rfftfreq(len(signal), 1 / sampling_rate)
    number = np.clip(np.round(frequencies / pitch), 1, num_partials)
    # The window's main lobe is four bins wide on each side.
    lobe = 4 * sampling_rate / len(signal)
    near = np.abs(frequencies - number * pitch) <= number * pitch * (2 ** (cents / 1200) - 1) + lobe
    heard = (frequencies >= pitch / 2) & (frequencies <= highest)
    total = power[heard].sum()
    return float(power[heard & near].sum() / total) if total > 0 else 0.0
