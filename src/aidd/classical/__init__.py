"""Classical methods: what restored audio before there were models of it, and the yardsticks of those."""

from . import cells as tf
from .autoregressive import autoregressive
from .envelope_noise import envelope_noise
from .janssen import janssen
from .linear import linear
from .lines import lines
from .sparse import sparse


__all__ = ["autoregressive", "envelope_noise", "janssen", "linear", "lines", "sparse", "tf"]
