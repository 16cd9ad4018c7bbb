"""The Diffusion Transformer over audio tokens."""

from .configuration_dit_token import DiTTokenConfig
from .modeling_dit_token import DiTTokenModel, DiTTokenOutput


__all__ = ["DiTTokenConfig", "DiTTokenModel", "DiTTokenOutput"]
