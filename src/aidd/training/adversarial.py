"""
Adversarial losses of the codec: hinge and feature matching.

Every function takes what a [`WavTokenizerDiscriminator`] returns: for each discriminator its feature maps, the last of
which holds the scores. Discriminators count alike, however large their maps are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def discriminator_hinge_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """
    Loss `()` of the discriminators: the mean over them of max(0, 1 - D(x)) + max(0, 1 + D(G(x))), themselves means
    over the scores (Zeghidour et al. 2021, SoundStream, equation 1).
    """
    losses = [
        (1 - maps_real[-1]).relu().mean() + (1 + maps_fake[-1]).relu().mean()
        for maps_real, maps_fake in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).mean()


def generator_hinge_loss(fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Loss `()` of the generator: the mean of max(0, 1 - D(G(x))) (Zeghidour et al. 2021, SoundStream, equation 2)."""
    return torch.stack([(1 - maps[-1]).relu().mean() for maps in fake]).mean()


def feature_matching_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """
    Mean absolute difference of feature maps relative to the mean magnitude of the real ones, averaged over layers,
    scores left out, then over discriminators (Défossez et al. 2023, EnCodec, equation 2). Being relative, it does not
    depend on the size of discriminators. Real maps are taken as constants.

    Returns:
        Loss `()`, 0 where the maps are equal.
    """
    losses = []
    for maps_real, maps_fake in zip(real, fake, strict=True):
        differences = [
            (y - x.detach()).abs().mean() / x.detach().abs().mean().clamp(min=1e-6)
            for x, y in zip(maps_real[:-1], maps_fake[:-1], strict=True)
        ]
        losses.append(torch.stack(differences).mean())
    return torch.stack(losses).mean()
