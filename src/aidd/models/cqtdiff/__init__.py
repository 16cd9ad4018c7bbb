"""CQT-Diff+: a diffusion model of waveforms whose network works on a constant-Q transform."""

from .preconditioning import denoise, edm_scalings
from .unet_cqtdiff_plus import CQTDiffPlusUNet


__all__ = ["CQTDiffPlusUNet", "denoise", "edm_scalings"]
