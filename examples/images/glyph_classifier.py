"""A small network that reads the pictures of `glyphs`, also inpainted ones."""

from itertools import pairwise
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from aidd.models.decorators import register_to_config


class GlyphClassifier(ModelMixin, ConfigMixin):
    """
    Three convolutions with strides of 2, and two linear layers.

    Args:
        num_classes: characters to tell apart.
        hidden_size: number of features, a multiple of 4.
    """

    # diffusers' classes disagree on its type.
    config_name: Any

    @register_to_config
    def __init__(self, num_classes: int = 34, hidden_size: int = 64):
        super().__init__()
        channels = (1, hidden_size // 4, hidden_size // 2, hidden_size)
        layers = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * hidden_size, hidden_size)]
        self.embed = nn.Sequential(*layers)
        self.classify = nn.Sequential(nn.ReLU(), nn.Linear(hidden_size, num_classes))

    def features(self, images: Tensor) -> Tensor:
        """Last hidden layer, `(batch, hidden_size)`, for pictures `(batch, 1, height, width)` in [-1, 1]."""
        return self.embed(images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the characters, `(batch, num_classes)`, for pictures `(batch, 1, height, width)` in [-1, 1]."""
        return self.classify(self.embed(images))


@torch.no_grad()
def read(model: GlyphClassifier, images: Tensor, batch_size: int = 256) -> tuple[Tensor, Tensor]:
    """
    Reads pictures `(n, 1, height, width)`: returns their labels, int64 `(n,)`, and features, `(n, hidden_size)`. The
    model must be in its evaluation mode.
    """
    labels, features = [], []
    for batch in images.to(model.device).split(batch_size):
        features.append(model.features(batch))
        labels.append(model.classify(features[-1]).argmax(-1))
    return torch.cat(labels), torch.cat(features)
