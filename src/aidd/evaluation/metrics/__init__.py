"""Metrics of restored audio: pure functions of arrays."""

from .lsd import log_spectral_distance
from .snr import snr_in_gap


__all__ = ["log_spectral_distance", "snr_in_gap"]
