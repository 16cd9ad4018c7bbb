"""Pipelines: each a `DiffusionPipeline` that follows the contract of every inpainting method."""

from .pipeline_aidd import AIDDPipeline


__all__ = ["AIDDPipeline"]
