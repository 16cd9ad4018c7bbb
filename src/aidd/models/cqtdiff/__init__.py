"""CQT-Diff and CQT-Diff+: diffusion models of waveforms whose networks work on a constant-Q transform."""

from .preconditioning import denoise, edm_scalings
from .unet_cqtdiff import CQTDiffUNet
from .unet_cqtdiff_plus import CQTDiffPlusUNet


__all__ = ["CQTDiffPlusUNet", "CQTDiffUNet", "denoise", "edm_scalings"]
