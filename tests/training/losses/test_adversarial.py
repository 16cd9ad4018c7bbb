import pytest
import torch

from aidd.training.losses.adversarial import discriminator_hinge_loss, feature_matching_loss, generator_hinge_loss


def with_scores(*scores):
    """What discriminators return, whose scores are these."""
    return [[torch.zeros(2, 3), torch.tensor(values)] for values in scores]


def test_hinge_losses_by_hand():
    real = with_scores([2.0, 0.5], [1.0])
    fake = with_scores([-3.0, -0.5], [1.0])
    # max(0, 1 - 2), max(0, 1 - .5); max(0, 1 - 3), max(0, 1 - .5); second discriminator: 0 and 2.
    assert discriminator_hinge_loss(real, fake) == pytest.approx((0.25 + 0.25 + 0 + 2) / 2)
    # max(0, 1 + 3), max(0, 1 + .5); second discriminator: 0.
    assert generator_hinge_loss(fake) == pytest.approx((2.75 + 0) / 2)


def test_hinge_losses_are_zero_beyond_the_margin():
    assert discriminator_hinge_loss(with_scores([1.0, 7.0]), with_scores([-1.0, -9.0])) == 0
    assert generator_hinge_loss(with_scores([1.0, 9.0])) == 0


def test_discriminators_count_alike_however_many_scores_they_have():
    assert generator_hinge_loss(with_scores([0.0] * 99, [3.0])) == 0.5


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    shapes = [[(2, 4, 9), (2, 8, 3), (2, 1, 3)], [(2, 4, 5, 6), (2, 1, 5, 6)]]
    return [[torch.randn(shape, generator=generator) for shape in group] for group in shapes]


def test_feature_matching_is_zero_for_equal_maps_and_blind_to_scores(maps):
    assert feature_matching_loss(maps, maps) == 0
    other_scores = [[*group[:-1], group[-1] + 1] for group in maps]
    assert feature_matching_loss(maps, other_scores) == 0


def test_feature_matching_is_relative(maps):
    """Maps off by a fraction of the truth cost that fraction, whatever their size."""
    for size in (1e-2, 1.0, 1e3):
        real = [[size * x for x in group] for group in maps]
        fake = [[1.25 * x for x in group] for group in real]
        torch.testing.assert_close(feature_matching_loss(real, fake), torch.tensor(0.25))


def test_feature_matching_moves_the_estimate_alone(maps):
    real = [[x.clone().requires_grad_() for x in group] for group in maps]
    fake = [[(x + 1).requires_grad_() for x in group] for group in maps]
    feature_matching_loss(real, fake).backward()
    assert all(x.grad is None for group in real for x in group)
    assert all((x.grad > 0).all() for group in fake for x in group[:-1])
