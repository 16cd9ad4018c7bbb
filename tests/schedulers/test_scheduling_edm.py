import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from aidd.schedulers import EDMAncestralScheduler, EDMHeunScheduler
from aidd.schedulers.scheduling_edm import karras_sigmas


SIGMA_DATA = 0.06


def gaussian(sample: Tensor, sigma: float) -> Tensor:
    """The exact denoiser of independent numbers of standard deviation SIGMA_DATA."""
    return sample * SIGMA_DATA**2 / (SIGMA_DATA**2 + sigma**2)


def draw(shape=(4, 5), steps: int = 10, seed: int = 0, denoiser=gaussian, kind=EDMHeunScheduler, **config) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return kind(**config).sample(denoiser, shape, num_inference_steps=steps, generator=generator, dtype=torch.float64)


def test_noise_levels_run_from_the_strongest_to_the_weakest():
    sigmas = karras_sigmas(torch.linspace(0, 1, 5), 1e-4, 1.0, 13)
    torch.testing.assert_close(sigmas[[0, -1]], torch.tensor([1.0, 1e-4]))
    powers = sigmas ** (1 / 13)
    torch.testing.assert_close(powers.diff(), powers.diff()[:1].expand(4))


def test_levels_fall_to_zero_and_their_powers_evenly():
    levels = EDMHeunScheduler(sigma_min=1e-3, sigma_max=2.0, rho=7.0).noise_levels(8)
    assert levels.shape == (9,) and levels[-1] == 0
    torch.testing.assert_close(levels[[0, 7]], torch.tensor([2.0, 1e-3], dtype=torch.float64))
    powers = levels[:-1] ** (1 / 7)
    torch.testing.assert_close(powers.diff(), powers.diff()[:1].expand(7))


def test_without_churn_the_error_falls_with_the_square_of_the_number_of_steps():
    """Against the solution of the probability flow, x(0) = x(s) s_d / sqrt(s_d^2 + s^2)."""
    start = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = start * SIGMA_DATA / math.sqrt(SIGMA_DATA**2 + 1)
    errors = [(draw(steps=steps, s_churn=0.0, sigma_min=1e-5) - exact).abs().max().item() for steps in (40, 80, 160)]
    assert errors[2] < 1e-3 * SIGMA_DATA
    assert all(3 < before / after < 5 for before, after in pairwise(errors))


def test_churn_keeps_the_distribution():
    for churn in (0.0, 5.0, 100.0):
        samples = draw((20_000, 2), 40, s_churn=churn)
        covariance = torch.cov(samples.T) / SIGMA_DATA**2
        torch.testing.assert_close(covariance, torch.eye(2, dtype=torch.float64), atol=0.05, rtol=0)


def test_ancestral_sampling_keeps_the_distribution():
    """The more steps, the nearer: each step takes the denoised version for the clean sample, which varies less."""
    variances = [
        draw((20_000, 2), steps, kind=EDMAncestralScheduler).var().item() / SIGMA_DATA**2 for steps in (60, 200, 400)
    ]
    assert 0.85 < variances[0] < variances[1] < variances[2] < 1.01 and variances[2] > 0.97


def test_an_ancestral_step_is_the_gaussian_between_two_levels():
    """x' given x and the clean sample: its mean and variance by Bayes' rule."""
    clean, sample, sigma, next_sigma = 0.1, 0.7, 0.5, 0.3
    shape = (1, 200_000)
    drawn = EDMAncestralScheduler().step(
        lambda x, _: torch.full_like(x, clean),
        torch.full(shape, sample, dtype=torch.float64),
        sigma,
        next_sigma,
        num_inference_steps=9,
        generator=torch.Generator().manual_seed(0),
    )
    precision = 1 / next_sigma**2 + 1 / (sigma**2 - next_sigma**2)
    mean = (clean / next_sigma**2 + sample / (sigma**2 - next_sigma**2)) / precision
    assert math.isclose(drawn.mean().item(), mean, abs_tol=0.003)
    assert math.isclose(drawn.std().item(), precision**-0.5, rel_tol=0.01)


def test_churn_raises_the_level_by_what_it_says():
    scheduler, sample = EDMHeunScheduler(s_churn=5.0), torch.zeros(1, 100_000, dtype=torch.float64)
    noised, sigma = scheduler.add_churn(sample, 0.3, 35, torch.Generator().manual_seed(0))
    assert sigma == 0.3 * (1 + 5 / 36)
    assert math.isclose(noised.std().item(), math.sqrt(sigma**2 - 0.3**2), rel_tol=0.01)
    assert scheduler.add_churn(sample, 0.3, 2)[1] == 0.3 * math.sqrt(2)
    assert EDMHeunScheduler(s_churn=0.0).add_churn(sample, 0.3, 35) == (sample, 0.3)


def test_heuns_method_calls_the_denoiser_twice_in_every_step_but_the_last():
    calls = []

    def denoiser(sample: Tensor, sigma: float) -> Tensor:
        calls.append(sigma)
        return gaussian(sample, sigma)

    draw(steps=6, s_churn=0.0, denoiser=denoiser)
    heun_calls, calls = calls, []
    draw(steps=6, sigma_min=1e-4, denoiser=denoiser, kind=EDMAncestralScheduler)
    levels = EDMHeunScheduler().noise_levels(6).tolist()
    assert heun_calls == [levels[0], *(level for one in levels[1:6] for level in (one, one))]
    assert calls == levels[:6]


@pytest.mark.parametrize("kind", [EDMHeunScheduler, EDMAncestralScheduler])
def test_same_seed_same_sample_and_an_item_is_the_same_alone(kind):
    scheduler = kind()
    seeds = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    both = scheduler.sample(gaussian, (2, 7), num_inference_steps=5, generator=seeds)
    alone = scheduler.sample(gaussian, (1, 7), num_inference_steps=5, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(both[1:], alone)
    draws = [draw(seed=seed, kind=kind) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_save_and_load_are_inverse(tmp_path):
    EDMHeunScheduler(sigma_min=1e-3, rho=7.0).save_pretrained(tmp_path)
    loaded = EDMHeunScheduler.from_pretrained(tmp_path)
    assert (loaded.config.sigma_min, loaded.config.rho, loaded.config.s_churn) == (1e-3, 7.0, 5.0)
    other = EDMAncestralScheduler.from_config(loaded.config)
    assert (other.config.sigma_min, other.config.rho) == (1e-3, 7.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma_min": 0.0}, "expected 0 < sigma_min < sigma_max"),
        ({"sigma_min": 2.0}, "expected 0 < sigma_min < sigma_max"),
        ({"rho": 0.0}, "rho above 0"),
        ({"s_churn": -1.0}, "s_churn must not be negative"),
        ({"s_noise": 0.0}, "s_noise above 0"),
    ],
)
def test_other_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EDMHeunScheduler(**options)


@pytest.mark.parametrize("steps", [1, 2.5, True])
def test_other_numbers_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match="num_inference_steps must be an integer of at least 2, got"):
        EDMHeunScheduler().noise_levels(steps)
