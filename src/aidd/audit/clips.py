"""A repair as it is shown: a stretch of the recording around it, before and after, to hear and to see."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..evaluation.reports.plots import check_matplotlib, mel_spectrogram, strip_image


# Seconds that are heard on each side of a repair.
AROUND_SECONDS = 0.5
# Largest sample of a clip, as 16 bits cannot hold 1.
FULL_SCALE = 0.999
# Columns of a picture at most.
NUM_COLUMNS = 480


@dataclass(frozen=True)
class Clip:
    """
    A stretch of a recording with a repair in it.

    Args:
        before, after: what it held and what it holds, float64 `(channels, samples)`, finite, of one or two channels.
        first_second: where it starts in the recording.
        gap: start and end of the repair in the clip, in seconds.
        sampling_rate: Hz.
    """

    before: np.ndarray
    after: np.ndarray
    first_second: float
    gap: tuple[float, float]
    sampling_rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.after.shape[-1] / self.sampling_rate

    @property
    def gain(self) -> float:
        """Factor, at most 1, with which neither exceeds the range of a file."""
        peak = max(np.abs(self.before).max(), np.abs(self.after).max())
        return float(min(1.0, FULL_SCALE / peak)) if peak > 0 else 1.0


def heard(audio: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    """
    What of a recording is played: one channel or two as they are, of more the mean of those that were repaired.
    Samples that are not finite are silent.

    Args:
        audio: float64 `(channels, samples)`.
        channels: that were repaired.

    Returns:
        float64, `(1 or 2, samples)`.
    """
    finite = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
    return finite if len(finite) <= 2 else finite[list(channels)].mean(0, keepdims=True)


def wav_bytes(audio: np.ndarray, sampling_rate: int) -> bytes:
    """A WAV file of 16 bits of float64 `(channels, samples)` within [-1, 1)."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(audio))
        file.setsampwidth(2)
        file.setframerate(sampling_rate)
        file.writeframes(np.round(audio.T * 2**15).astype("<i2").tobytes())
    return buffer.getvalue()


def spectrograms(clip: Clip) -> tuple[bytes, bytes]:
    """
    Pictures of both, PNG, in one scale of which the louder sets the top.

    Raises:
        ImportError: no matplotlib.
    """
    check_matplotlib()
    from matplotlib.image import imsave

    levels = [
        mel_spectrogram(audio, sampling_rate=clip.sampling_rate, num_frames=NUM_COLUMNS)[0]
        for audio in (clip.before, clip.after)
    ]
    pictures = []
    for one in levels:
        buffer = io.BytesIO()
        metadata: dict[str, Any] = {"Software": None}
        imsave(buffer, strip_image(one, max(map(np.max, levels))), format="png", metadata=metadata)
        pictures.append(buffer.getvalue())
    first, second = pictures
    return first, second


def waveform_path(audio: np.ndarray, peak: float) -> str:
    """
    The outline of a waveform as an SVG path, from 0 to the number of columns, and from -1 to 1.

    Args:
        audio: float64 `(channels, samples)`; the outline holds all channels.
        peak: what is drawn at full height, positive.
    """
    num_columns = min(NUM_COLUMNS, audio.shape[-1])
    edges = np.linspace(0, audio.shape[-1], num_columns + 1).astype(int)
    top = np.maximum.reduceat(audio.max(0), edges[:-1]) / peak
    bottom = np.minimum.reduceat(audio.min(0), edges[:-1]) / peak
    # Down is positive in SVG.
    places = np.linspace(0, NUM_COLUMNS, num_columns)
    upper = [f"{x:.4g} {-y:.3f}" for x, y in zip(places, top, strict=True)]
    lower = [f"{x:.4g} {-y:.3f}" for x, y in zip(places, bottom, strict=True)]
    return f"M{'L'.join(upper + lower[::-1])}Z"


def data_uri(content: bytes, kind: str) -> str:
    """An address that holds its content, such as of the kind `audio/wav`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
