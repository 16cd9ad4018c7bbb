"""Pipelines: each a `DiffusionPipeline` that follows the contract of every inpainting method."""

from ..models.registration import register
from ..models.tested_versions import naming_untested_versions
from ..models.uncollected import uncollected


with uncollected(), naming_untested_versions():
    from .inpainting import InpaintingPipeline
    from .pipeline_aidd import AIDDPipeline
    from .pipeline_cqtdiff import CQTDiffPipeline
    from .pipeline_spectrogram_repaint import SpectrogramRePaintPipeline

register((AIDDPipeline, CQTDiffPipeline, SpectrogramRePaintPipeline))

__all__ = ["AIDDPipeline", "CQTDiffPipeline", "InpaintingPipeline", "SpectrogramRePaintPipeline"]
