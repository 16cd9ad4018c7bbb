"""Classical methods: what restored audio before there were models of it, and the yardsticks of those."""

from . import cells as tf
from .autoregressive import autoregressive
from .envelope_noise import envelope_noise
from .janssen import janssen
from .linear import linear
from .lines import lines
from .phain import b_phain, r_phain, u_phain
from .similarity import similarity
from .sinusoidal import sinusoidal
from .sparse import sparse


__all__ = [
    "autoregressive",
    "b_phain",
    "envelope_noise",
    "janssen",
    "linear",
    "lines",
    "r_phain",
    "similarity",
    "sinusoidal",
    "sparse",
    "tf",
    "u_phain",
]
