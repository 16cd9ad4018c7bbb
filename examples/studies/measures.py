"""What studies measure of a filling, by the columns of their tables."""

import numpy as np

from aidd.evaluation.metrics import (
    chroma_agreement,
    level_error,
    log_mel_distance,
    log_spectral_distance,
    note_pitch_agreement,
    onset_agreement,
    partials_lost,
    snr_in_gap,
)


METRICS = {
    "log_mel": "log-mel (dB)",
    "lsd": "LSD",
    "lsd_gap": "LSD in gap",
    "chroma": "chroma",
    "onsets": "onsets",
    "partials": "partials lost (dB)",
    "level": "level (dB)",
    "snr": "SNR (dB)",
}
# Measured with --notes.
NOTES = {"notes": "notes that sound"}


def measure(
    segment: np.ndarray, restored: np.ndarray, mask: np.ndarray, rate: int, *, notes: bool
) -> dict[str, float]:
    """
    The measures by the names in `METRICS` and, with `notes`, in `NOTES`, of a segment and what was restored of it,
    float64 `(samples,)`, with the mask of its gap, bool `(samples,)`, at a rate in Hz.
    """
    of_notes = {"notes": note_pitch_agreement(segment, restored, mask, sampling_rate=rate)} if notes else {}
    return of_notes | {
        "log_mel": log_mel_distance(segment, restored, mask=mask, sampling_rate=rate),
        "lsd": log_spectral_distance(segment, restored),
        "lsd_gap": log_spectral_distance(segment, restored, mask=mask),
        "chroma": chroma_agreement(segment, restored, mask, sampling_rate=rate),
        "onsets": onset_agreement(segment, restored, mask, sampling_rate=rate),
        "partials": partials_lost(segment, restored, mask, sampling_rate=rate),
        "level": level_error(segment, restored, mask),
        "snr": snr_in_gap(segment, restored, mask),
    }
