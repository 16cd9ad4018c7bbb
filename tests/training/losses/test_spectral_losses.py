import pytest
import torch

from aidd.training.losses.spectral_losses import BandLevelLoss, MultiResolutionSpectralLoss, MultiScaleMelLoss


@pytest.mark.parametrize(
    "loss", [MultiScaleMelLoss(24_000, (512, 256), (20, 10)), MultiResolutionSpectralLoss((512, 256))]
)
def test_zero_at_the_truth_blind_to_sign_and_growing_with_the_level_error(loss):
    target = torch.randn(2, 1, 4000, generator=torch.Generator().manual_seed(0))
    assert loss(target, target) == 0
    assert loss(-target, target) < 1e-6
    errors = [loss(gain * target, target) for gain in (1.1, 1.5, 3.0)]
    assert errors == sorted(errors) and errors[0] > 0


def test_mel_loss_of_a_gain_is_its_logarithm():
    loss = MultiScaleMelLoss(24_000, (512, 256), (20, 10))
    target = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(10 * target, target), torch.tensor(1.0), atol=1e-4, rtol=0)


def test_level_loss_of_a_gain_is_its_logarithm_and_of_another_noise_at_the_same_level_is_small():
    loss = BandLevelLoss(24_000)
    generator = torch.Generator().manual_seed(2)
    target, other = (torch.randn(4, 1, 48_000, generator=generator) for _ in range(2))
    torch.testing.assert_close(loss(10 * target, target), torch.tensor(10.0).log(), atol=1e-4, rtol=0)
    assert loss(target, target) == 0
    assert loss(other, target) < 0.3 * loss(0.5 * target, target)
