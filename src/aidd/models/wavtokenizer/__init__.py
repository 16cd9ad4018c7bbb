"""WavTokenizer, the audio tokenizer."""

from .configuration_wavtokenizer import WavTokenizerConfig
from .modeling_wavtokenizer import (
    WavTokenizerDecoderOutput,
    WavTokenizerEncoderOutput,
    WavTokenizerModel,
    WavTokenizerOutput,
)


__all__ = [
    "WavTokenizerConfig",
    "WavTokenizerDecoderOutput",
    "WavTokenizerEncoderOutput",
    "WavTokenizerModel",
    "WavTokenizerOutput",
]
