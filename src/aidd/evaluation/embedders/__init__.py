"""Embedders of audio, for distances between sets of recordings."""

from .basic_pitch import BasicPitchEmbedder
from .clap import ClapEmbedder
from .embedder import Embedder
from .random_projection import RandomProjectionEmbedder
from .vggish import VGGishEmbedder


__all__ = ["BasicPitchEmbedder", "ClapEmbedder", "Embedder", "RandomProjectionEmbedder", "VGGishEmbedder"]
