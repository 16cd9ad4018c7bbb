"""
Gaps: where samples, tokens or cells of spectrograms are missing. Masks are bool and True where something is *missing*.
"""

from .gaps import find_gaps, gaps_from_seconds, mask_from_seconds, resample_mask, tokens_touched


__all__ = ["find_gaps", "gaps_from_seconds", "mask_from_seconds", "resample_mask", "tokens_touched"]
