"""Gradients kept short, and refused where they are not finite."""

from accelerate import Accelerator
from torch import nn


def clip_gradients(accelerator: Accelerator, network: nn.Module, max_norm: float, *, place: str) -> None:
    """
    Scales the gradient of a network down to a norm where it is longer.

    Args:
        accelerator: that has prepared the network.
        network: whose parameters have gradients.
        max_norm: L2 norm over all parameters.
        place: what an error says first, such as the step.

    Raises:
        FloatingPointError: a gradient that is not finite. An optimizer that took a step with it would spoil the
            weights for good.
    """
    norm = accelerator.clip_grad_norm_(network.parameters(), max_norm)
    if not norm.isfinite():
        raise FloatingPointError(
            f"{place}: expected a gradient of finite norm, got {norm.item()}. The weights and all checkpoints are "
            "from before this step. Look for broken training data, or train with a lower --learning_rate"
        )
