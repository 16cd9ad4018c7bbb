"""
Classical methods for missing cells of frequency and time, all of one signature:

    method(audio, tf_mask, *, sampling_rate, grid, generator=None) -> audio
"""

from .fading import fading
from .log_magnitude import log_magnitude
from .phain_tf import phain_tf
from .zeroing import zeroing


__all__ = ["fading", "log_magnitude", "phain_tf", "zeroing"]
