import pytest
import torch
from accelerate import Accelerator

from aidd.training.codec.discriminators import WavTokenizerDiscriminator
from aidd.training.losses.adversarial import (
    Adversary,
    discriminator_hinge_loss,
    feature_matching_loss,
    generator_hinge_loss,
)


@pytest.fixture
def adversary():
    torch.manual_seed(0)
    discriminator = WavTokenizerDiscriminator(2, 2, periods=(2, 3), n_ffts=(64,))
    optimizer = torch.optim.AdamW(discriminator.parameters(), 1e-2)
    lr_scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    return Adversary(Accelerator(cpu=True), discriminator, optimizer, lr_scheduler, max_grad_norm=1.0)


@pytest.fixture
def signals():
    """Noise to judge, and tones to judge it by."""
    estimate = 0.1 * torch.randn(3, 1, 400, generator=torch.Generator().manual_seed(0))
    target = 0.1 * torch.sin(torch.arange(400) * torch.tensor([0.1, 0.2, 0.3])[:, None])[:, None]
    return estimate, target


def test_learning_is_a_step_down_the_hinge_loss(adversary, signals):
    estimate, target = signals
    with torch.no_grad():
        expected = discriminator_hinge_loss(adversary.discriminator(target), adversary.discriminator(estimate))
    losses = [adversary.learn(estimate, target) for _ in range(40)]
    torch.testing.assert_close(losses[0], expected)
    assert losses[-1] < 0.5 * losses[0]


def test_learning_leaves_the_generator_alone_and_judging_the_discriminators(adversary, signals):
    estimate, target = signals
    estimate.requires_grad_()
    adversary.learn(estimate, target)
    assert estimate.grad is None
    before = [parameter.clone() for parameter in adversary.discriminator.parameters()]
    sum(adversary.judge(estimate, target)).backward()
    assert (estimate.grad.abs().amax((1, 2)) > 0).all()
    for parameter, value in zip(adversary.discriminator.parameters(), before, strict=True):
        assert parameter.grad is None and torch.equal(parameter, value)


def test_judgement_is_that_of_the_losses(adversary, signals):
    estimate, target = signals
    real, fake = adversary.discriminator(target), adversary.discriminator(estimate)
    hinge, matching = adversary.judge(estimate, target)
    torch.testing.assert_close(hinge, generator_hinge_loss(fake))
    torch.testing.assert_close(matching, feature_matching_loss(real, fake))
    assert adversary.judge(target, target)[1] == 0
