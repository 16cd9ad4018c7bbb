"""A recording to try training scripts out on."""

from pathlib import Path

import numpy as np

from ...signals.files import write_audio


def write_dummy_recording(folder: str | Path, sampling_rate: int, seconds: float) -> None:
    """Writes `tones.wav`, decaying harmonic tones: enough to try a script out, not to learn from."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    tones = np.sum([np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 6)], 0) * np.exp(-2 * (time % 0.5))
    write_audio(Path(folder) / "tones.wav", 0.2 * tones, sampling_rate=sampling_rate, subtype="PCM_16")
