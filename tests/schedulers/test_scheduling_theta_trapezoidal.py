"""Laws of the theta-trapezoidal sampler that an enumeration with a perfect network cannot see."""

import itertools
import math

import pytest
import torch

from aidd.schedulers import ThetaTrapezoidalScheduler
from aidd.schedulers.scheduling_theta_trapezoidal import extrapolate


THETAS = [0.2, 0.5, 0.7]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_laws(*shape: int, spread: float = 1.0, seed: int = 0) -> torch.Tensor:
    return (spread * torch.randn(shape, generator=generator(seed), dtype=torch.float64)).log_softmax(-1)


@pytest.mark.parametrize("theta", THETAS)
def test_extrapolation_is_that_of_the_paper_and_exact_where_nothing_changed(theta):
    first, second = random_laws(50, 9), random_laws(50, 9, seed=1)
    weight = 1 / (2 * theta * (1 - theta))
    expected = (weight * second.exp() - (weight - 1) * first.exp()).clamp(min=0)
    assert (expected == 0).any() and (expected > 0).any()
    expected = expected / expected.sum(-1, keepdim=True)
    torch.testing.assert_close(extrapolate(first, second, theta).exp(), expected)
    torch.testing.assert_close(extrapolate(first, first, theta), first)


def test_extrapolation_keeps_impossible_codes_impossible():
    first, second = (x.index_fill(-1, torch.tensor([2, 5]), -torch.inf).log_softmax(-1) for x in random_laws(2, 8, 7))
    mixed = extrapolate(first, second, 0.5)
    assert (mixed[:, [2, 5]] == -torch.inf).all()
    torch.testing.assert_close(mixed.logsumexp(-1), torch.zeros(8, dtype=torch.float64))


@pytest.mark.parametrize("theta", THETAS)
def test_steps_are_two_calls_that_share_equal_spans_of_time(theta):
    scheduler = ThetaTrapezoidalScheduler(theta=theta)
    scheduler.set_timesteps(4, num_missing=torch.tensor([0, 7]))
    starts = torch.tensor([1, 0.75, 0.5, 0.25], dtype=torch.float64)
    expected = torch.stack([starts, starts - theta / 4], -1).flatten()
    torch.testing.assert_close(scheduler.timesteps, expected[:, None].repeat(1, 2))
    assert (len(scheduler), scheduler.num_inference_steps, scheduler.order) == (8, 4, 2)


@pytest.mark.parametrize("theta", [0.3, 0.5])
def test_as_many_tokens_are_left_at_every_time_as_the_forward_process_masks(theta):
    """Whatever rate a score network has learned."""
    num_rows, num_tokens = 200, 500
    scheduler = ThetaTrapezoidalScheduler(theta=theta)
    tokens = torch.zeros(num_rows, num_tokens, dtype=torch.int64)
    missing = torch.ones_like(tokens, dtype=torch.bool)
    scheduler.set_timesteps(3, num_missing=missing.sum(-1))
    prediction = random_laws(num_tokens, 5).expand(num_rows, -1, -1) - 3
    draws = generator()
    times = [*scheduler.timesteps[:, 0].tolist(), 0.0]
    for t, (_, t_next) in zip(scheduler.timesteps, itertools.pairwise(times), strict=True):
        output = scheduler.step(prediction, t, tokens, missing=missing, generator=draws)
        tokens, missing = output.prev_sample, output.prev_missing
        deviation = math.sqrt(t_next * (1 - t_next) / missing.numel())
        assert abs(missing.double().mean().item() - t_next) <= 4.5 * deviation


def test_laws_are_shaped_before_they_are_combined():
    num_draws, theta, temperature = 200_000, 0.5, 0.6
    first, second = random_laws(2, 1, 1, 4, spread=0.3)
    scheduler = ThetaTrapezoidalScheduler(theta=theta, temperature=temperature)
    tokens = torch.zeros(num_draws, 1, dtype=torch.int64)
    missing, draws = torch.ones_like(tokens, dtype=torch.bool), generator()
    scheduler.set_timesteps(1, num_missing=missing.sum(-1))
    for prediction, t in zip((first, second), scheduler.timesteps, strict=True):
        prediction = prediction.expand(num_draws, -1, -1)
        output = scheduler.step(prediction, t, tokens, missing=missing, generator=draws)
        tokens, missing = output.prev_sample, output.prev_missing
    drawn = output.sampled_tokens[output.sampled_tokens >= 0]
    expected = extrapolate(*((x[0, 0] / temperature).log_softmax(-1) for x in (first, second)), theta).exp()
    torch.testing.assert_close(output.pred_logits[0, 0].softmax(-1), expected)
    otherwise = (extrapolate(first[0, 0], second[0, 0], theta) / temperature).softmax(-1)
    frequencies = torch.bincount(drawn, minlength=4).double() / len(drawn)
    torch.testing.assert_close(frequencies, expected, atol=0.007, rtol=0)
    assert (frequencies - otherwise).abs().max() > 0.014


@pytest.mark.parametrize("theta", [0.0, 1.0, -0.5, math.nan])
def test_impossible_shares_are_refused(theta):
    with pytest.raises(ValueError, match=r"theta must lie in \(0, 1\)"):
        ThetaTrapezoidalScheduler(theta=theta)


@pytest.mark.parametrize("steps", [None, 0])
def test_a_number_of_steps_is_needed(steps):
    with pytest.raises(ValueError, match=f"needs num_inference_steps of at least 1, .*got {steps}"):
        ThetaTrapezoidalScheduler().set_timesteps(steps, num_missing=torch.tensor([3]))


def test_a_second_stage_needs_its_first():
    scheduler, tokens = ThetaTrapezoidalScheduler(), torch.zeros(1, 6, dtype=torch.int64)
    missing = tokens == 0
    scheduler.set_timesteps(2, num_missing=missing.sum(-1))
    times, prediction = scheduler.timesteps, random_laws(1, 6, 4)
    with pytest.raises(ValueError, match=r"must follow its first.*got None and"):
        scheduler.step(prediction, times[1], tokens, missing=missing)
    scheduler.step(prediction, times[0], tokens, missing=missing)
    with pytest.raises(ValueError, match=r"got \(1, 6, 4\) and \(1, 6, 5\)"):
        scheduler.step(random_laws(1, 6, 5), times[1], tokens, missing=missing)
    scheduler.step(prediction, times[0], tokens, missing=missing)
    scheduler.set_timesteps(2, num_missing=missing.sum(-1))
    with pytest.raises(ValueError, match="must follow its first"):
        scheduler.step(prediction, times[3], tokens, missing=missing)
