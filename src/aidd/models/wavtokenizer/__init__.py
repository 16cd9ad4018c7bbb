"""WavTokenizer, the audio tokenizer: transformers' model, with the checks that it leaves to its users."""

from .coding_wavtokenizer import check_started, decode, encode
from .loading_wavtokenizer import CLASSES, load_wavtokenizer, save_feature_extractor, save_wavtokenizer


__all__ = [
    "CLASSES",
    "check_started",
    "decode",
    "encode",
    "load_wavtokenizer",
    "save_feature_extractor",
    "save_wavtokenizer",
]
