"""A codec whose tokens are decoded to levels of bands, which shape noise: the lines come from a gap's edges."""

from .configuration_band_tokenizer import BandTokenizerConfig
from .modeling_band_tokenizer import BandTokenizerModel


__all__ = ["BandTokenizerConfig", "BandTokenizerModel"]
