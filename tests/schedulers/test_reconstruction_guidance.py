import torch
from torch import Tensor

from aidd.schedulers import EDMAncestralScheduler, EDMHeunScheduler, EDMScheduler
from aidd.schedulers.reconstruction_guidance import distance_to_bounds, guide, within_bounds


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bounds(signal: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    return signal.where(known, -torch.inf), signal.where(known, torch.inf)


def test_what_is_known_is_met_to_the_bit_and_what_is_missing_stays():
    signal, denoised, known = noise(20), noise(3, 20, seed=1), torch.arange(20) % 3 > 0
    inside = within_bounds(denoised, *bounds(signal, known))
    assert torch.equal(inside[:, known], signal[known].expand(3, -1))
    assert torch.equal(inside[:, ~known], denoised[:, ~known])
    expected = (denoised - signal)[:, known].square().sum(1).sqrt()
    torch.testing.assert_close(distance_to_bounds(denoised, *bounds(signal, known)), expected)


def test_clipped_samples_are_bounded_on_one_side():
    denoised = torch.tensor([[0.2, 0.9, 0.2, -0.9]], dtype=torch.float64)
    lower = torch.tensor([0.5, 0.5, -torch.inf, -torch.inf], dtype=torch.float64)
    upper = torch.tensor([torch.inf, torch.inf, -0.5, -0.5], dtype=torch.float64)
    expected = torch.tensor([[0.5, 0.9, -0.5, -0.9]], dtype=torch.float64)
    assert torch.equal(within_bounds(denoised, lower, upper), expected)
    torch.testing.assert_close(distance_to_bounds(denoised, lower, upper), torch.tensor([0.58]).double().sqrt())


def guided(sample: Tensor, scale: float, lower: Tensor, upper: Tensor) -> Tensor:
    """By a denoiser that is a fixed matrix."""
    sample = sample.detach().requires_grad_()
    mixing = noise(20, 20, seed=2) / 20**0.5
    return guide(sample @ mixing, sample, 0.3, lower, upper, guidance_scale=scale)


def test_the_step_leads_down_the_distance_of_each_item_alone():
    signal, known = noise(20), torch.arange(20) > 6
    lower, upper = bounds(signal, known)
    samples = noise(4, 20, seed=1) * torch.tensor([[0.1], [1.0], [10.0], [100.0]])
    plain = guided(samples, 0.0, lower, upper)
    moved = guided(samples, 0.2, lower, upper)
    # As long as it says, whatever else is in the batch.
    lengths = (moved - plain).square().sum(1).sqrt()
    torch.testing.assert_close(lengths, torch.full((4,), 0.2 * 0.3 * 20**0.5, dtype=torch.float64), rtol=1e-4, atol=0)
    for item in range(4):
        torch.testing.assert_close(moved[item : item + 1], guided(samples[item : item + 1], 0.2, lower, upper))
    # Against the gradient by differences.
    mixing = noise(20, 20, seed=2) / 20**0.5
    direction = (moved - plain)[0] / lengths[0]
    step = 1e-6 * direction
    change = distance_to_bounds((samples[:1] + step) @ mixing, lower, upper) - distance_to_bounds(
        samples[:1] @ mixing, lower, upper
    )
    gradient = torch.autograd.functional.jacobian(
        lambda x: distance_to_bounds(x[None] @ mixing, lower, upper)[0], samples[0]
    )
    torch.testing.assert_close(change[0] / 1e-6, -gradient.norm(), rtol=1e-4, atol=0)


def test_nothing_moves_where_all_is_met():
    signal = noise(2, 20)
    sample = signal.clone().requires_grad_()
    assert torch.equal(guide(1 * sample, sample, 0.3, signal, signal, guidance_scale=0.2), signal)


# A signal of 24 samples with known covariance, six of which are missing in its middle.
LENGTH, SIGMA_DATA = 24, 0.06
TIME = torch.arange(LENGTH, dtype=torch.float64)
LAGS = TIME[:, None] - TIME
COVARIANCE = torch.exp(-(LAGS**2) / 18) + 0.5 * torch.cos(0.9 * LAGS) + 0.05 * torch.eye(LENGTH, dtype=torch.float64)
COVARIANCE *= SIGMA_DATA**2 / COVARIANCE[0, 0]
KNOWN = (TIME < 9) | (TIME >= 15)


def posterior(signal: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the missing samples, given the others."""
    between = COVARIANCE[~KNOWN][:, KNOWN] @ torch.linalg.inv(COVARIANCE[KNOWN][:, KNOWN])
    return between @ signal[KNOWN], COVARIANCE[~KNOWN][:, ~KNOWN] - between @ COVARIANCE[KNOWN][:, ~KNOWN]


def errors_of_guided_sampling(scheduler: EDMScheduler, guidance_scale: float) -> tuple[float, float]:
    """
    How far the mean of many samples is from the posterior's, in units of its standard deviation, and how much larger
    their variance is.
    """
    signal = torch.linalg.cholesky(COVARIANCE) @ noise(LENGTH)
    lower, upper = bounds(signal, KNOWN)
    identity = torch.eye(LENGTH, dtype=torch.float64)

    def denoiser(sample: Tensor, sigma: float) -> Tensor:
        sample = sample.detach().requires_grad_()
        denoised = sample @ COVARIANCE @ torch.linalg.inv(COVARIANCE + sigma**2 * identity)
        return within_bounds(guide(denoised, sample, sigma, lower, upper, guidance_scale=guidance_scale), lower, upper)

    samples = scheduler.sample(
        denoiser,
        (2000, LENGTH),
        num_inference_steps=35,
        generator=torch.Generator().manual_seed(1),
        dtype=torch.float64,
    )
    assert torch.equal(samples[:, KNOWN], signal[KNOWN].expand(2000, -1))
    mean, covariance = posterior(signal)
    filled = samples[:, ~KNOWN]
    spread = covariance.diagonal().mean()
    distance = ((filled.mean(0) - mean).square().mean() / spread).sqrt()
    return distance.item(), (filled.var(0).mean() / spread).item()


def test_guidance_makes_up_for_a_part_of_what_data_consistency_alone_misses():
    """
    Data consistency alone misses the mean by two thirds of a standard deviation, and spreads more than twice as much:
    what a step denoises knows of the rest by the noisy sample only. So it is with this signal; over many, the mean is
    nearest at a scale of about 0.5 (docs/cqtdiff.md).
    """
    errors = [errors_of_guided_sampling(EDMHeunScheduler(), scale) for scale in (0.0, 0.2, 1.0)]
    means, variances = zip(*errors, strict=True)
    assert means[0] > means[1] > means[2] and variances[0] > variances[1] > variances[2]
    assert 0.5 < means[0] < 0.8 and 0.35 < means[1] < 0.6 and means[2] < 0.25
    assert 2.1 < variances[0] < 2.6 and 1.8 < variances[1] < 2.2 and variances[2] < 1.5


def test_ancestral_sampling_is_nearer_to_the_posterior_with_half_of_the_calls():
    for scale, most in ((0.0, 2.0), (0.2, 1.7), (1.0, 1.2)):
        distance, variance = errors_of_guided_sampling(EDMAncestralScheduler(), scale)
        of_flow = errors_of_guided_sampling(EDMHeunScheduler(), scale)
        assert distance < of_flow[0] + 0.02 and variance < min(of_flow[1], most)
