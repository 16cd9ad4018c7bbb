"""The moving average of a network's weights, in its place for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.training_utils import EMAModel
from torch import nn


@contextmanager
def averaged_weights(ema: EMAModel, network: nn.Module) -> Iterator[None]:
    """Inside, the network has its averaged weights; afterwards those that are trained, also after an error."""
    ema.store(network.parameters())
    ema.copy_to(network.parameters())
    try:
        yield
    finally:
        ema.restore(network.parameters())
