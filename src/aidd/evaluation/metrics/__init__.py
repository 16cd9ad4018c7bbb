"""Metrics of restored audio: pure functions of arrays."""

from .level_error import level_error
from .lsd import log_spectral_distance
from .seam_discontinuity import seam_discontinuity
from .snr import snr_in_gap


__all__ = ["level_error", "log_spectral_distance", "seam_discontinuity", "snr_in_gap"]
