"""Losses of adversarial training, and the adversary that is trained beside a codec."""

from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ..runs.gradients import clip_gradients


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


class Adversary:
    """
    Discriminators with their optimizer: learns to tell estimates from recordings, and judges estimates.

    Args:
        accelerator: of the training run; it has prepared the three that follow.
        discriminator: maps audio `(batch, 1, num_samples)` to the feature maps of each discriminator, items of a batch
            in order, as a [`~aidd.training.codec.discriminators.WavTokenizerDiscriminator`] does.
        optimizer: updates its parameters.
        lr_scheduler: sets the optimizer's learning rate.
        max_grad_norm: gradients are clipped to this norm.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        discriminator: nn.Module,
        optimizer: torch.optim.Optimizer,
        lr_scheduler: torch.optim.lr_scheduler.LRScheduler,
        max_grad_norm: float,
    ):
        self.accelerator = accelerator
        self.discriminator = discriminator
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.max_grad_norm = max_grad_norm

    def learn(self, estimate: Tensor, target: Tensor) -> Tensor:
        """
        Takes a training step on audio `(batch, 1, num_samples)`; returns the loss before it, `()`. Raises
        `FloatingPointError` on a gradient that is not finite.
        """
        self.discriminator.requires_grad_(True)
        # One pass over both: with several processes every pass rewrites the buffers that the backward pass needs.
        maps = self.discriminator(torch.cat([target, estimate.detach()]))
        real, fake = ([[m.chunk(2)[half] for m in features] for features in maps] for half in (0, 1))
        loss = discriminator_hinge_loss(real, fake)
        self.accelerator.backward(loss)
        clip_gradients(self.accelerator, self.discriminator, self.max_grad_norm, place="the discriminators")
        self.optimizer.step()
        self.lr_scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def judge(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Hinge and feature-matching loss of the estimate, each `()`, with gradients to it alone."""
        self.discriminator.requires_grad_(False)
        # The network itself, as its wrapper for several processes would wait for gradients of the discriminators.
        network = self.accelerator.unwrap_model(self.discriminator)
        real, fake = network(target), network(estimate)
        return generator_hinge_loss(fake), feature_matching_loss(real, fake)
