"""Pipelines: each a `DiffusionPipeline` that follows the contract of every inpainting method."""

from .pipeline_aidd import AIDDPipeline
from .pipeline_spectrogram_repaint import SpectrogramRePaintPipeline


__all__ = ["AIDDPipeline", "SpectrogramRePaintPipeline"]
