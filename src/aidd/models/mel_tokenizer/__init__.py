"""WavTokenizer behind an encoder that hears magnitudes alone: tokens without phase."""

from .configuration_mel_tokenizer import MelTokenizerConfig
from .modeling_mel_tokenizer import MelTokenizerModel


__all__ = ["MelTokenizerConfig", "MelTokenizerModel"]
