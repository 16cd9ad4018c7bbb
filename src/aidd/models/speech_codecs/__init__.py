"""transformers' codecs of speech with one codebook of finite scalars, in the form that pipelines ask codecs in."""

from .modeling_neucodec import NeuCodecTokenizerModel
from .modeling_xcodec2 import XCodec2TokenizerModel


__all__ = ["NeuCodecTokenizerModel", "XCodec2TokenizerModel"]
