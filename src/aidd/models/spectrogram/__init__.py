"""Diffusion models of spectrograms: their front end, and how their network, diffusers' `UNet2DModel`, is called."""

from .feature_extraction_spectrogram import SpectrogramFrontEnd
from .prediction import predict


__all__ = ["SpectrogramFrontEnd", "predict"]
