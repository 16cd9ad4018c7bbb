"""
Study how far guided sampling is from the truth: mean and covariance of its draws against a known posterior.

    python examples/studies/study_edm_oracle.py --output_file outputs/edm_oracle_study.md

The signals are Gaussian: 24 samples of a known covariance, six of which are missing in the middle. So the denoiser is
known, and so is the distribution of the missing samples. Each sampler of the package draws with the denoiser of all
signals, which knows of the intact samples by guidance and data consistency alone, and with that of the posterior
("exact"), which is told them: what is off there is the sampler's own error, and the rest is the guidance's. Draws from
the posterior itself show how much comes from their number.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from tables import head_of, mean_and_interval, write_page
from torch import Tensor

from aidd import EDMAncestralScheduler, EDMHeunScheduler
from aidd.schedulers.reconstruction_guidance import guide, within_bounds


LENGTH, SIGMA_DATA = 24, 0.06
TIME = torch.arange(LENGTH, dtype=torch.float64)
MISSING = (TIME >= 9) & (TIME < 15)
SCHEDULERS = {"EDMHeunScheduler": EDMHeunScheduler, "EDMAncestralScheduler": EDMAncestralScheduler}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--guidance_scales", type=float, nargs="+", default=[0.0, 0.2, 0.5, 1.0])
    parser.add_argument("--num_inference_steps", type=int, default=35)
    parser.add_argument("--num_signals", type=int, default=20, help="Signals that means and intervals are taken over.")
    parser.add_argument("--num_draws", type=int, default=4000, help="Draws for each signal.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def covariance() -> Tensor:
    """A slow part, a partial of random phase and noise: float64 `(24, 24)`."""
    lags = TIME[:, None] - TIME
    total = torch.exp(-(lags**2) / 18) + 0.5 * torch.cos(0.9 * lags) + 0.05 * torch.eye(LENGTH, dtype=torch.float64)
    return SIGMA_DATA**2 * total / total[0, 0]


def posterior(signal: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `(missing,)` and covariance `(missing, missing)` of a signal's missing samples, given the others."""
    prior = covariance()
    between = prior[MISSING][:, ~MISSING] @ torch.linalg.inv(prior[~MISSING][:, ~MISSING])
    return between @ signal[~MISSING], prior[MISSING][:, MISSING] - between @ prior[~MISSING][:, MISSING]


def denoised(noisy: Tensor, sigma: float, mean: Tensor, spread: Tensor) -> Tensor:
    """The mean of the clean signals that noisy ones `(draws, samples)` may come from, under a Gaussian."""
    identity = torch.eye(len(mean), dtype=torch.float64)
    return mean + (noisy - mean) @ torch.linalg.solve(spread + sigma**2 * identity, spread)


def guided_denoiser(signal: Tensor, guidance_scale: float) -> Callable[[Tensor, float], Tensor]:
    """The denoiser of all signals, guided towards the intact samples of one, which are put into it."""
    lower, upper = signal.where(~MISSING, -torch.inf), signal.where(~MISSING, torch.inf)
    prior = covariance()

    def denoiser(sample: Tensor, sigma: float) -> Tensor:
        sample = sample.detach().requires_grad_()
        estimate = denoised(sample, sigma, torch.zeros_like(signal), prior)
        return within_bounds(guide(estimate, sample, sigma, lower, upper, guidance_scale=guidance_scale), lower, upper)

    return denoiser


def exact_denoiser(signal: Tensor) -> Callable[[Tensor, float], Tensor]:
    """The denoiser of the posterior: the intact samples as they are, the others given them."""
    mean, spread = posterior(signal)

    def denoiser(sample: Tensor, sigma: float) -> Tensor:
        estimate = signal.expand_as(sample).clone()
        estimate[:, MISSING] = denoised(sample[:, MISSING], sigma, mean, spread)
        return estimate

    return denoiser


def errors(draws: Tensor, mean: Tensor, spread: Tensor) -> tuple[float, float, float]:
    """
    How far draws `(draws, missing)` are from a posterior: their mean, in its standard deviations; their variance,
    where 1 is right; and their covariance, as a share of its norm.
    """
    drawn = torch.cov(draws.T)
    distance = ((draws.mean(0) - mean).square().mean() / spread.diagonal().mean()).sqrt()
    off = torch.linalg.matrix_norm(drawn - spread) / torch.linalg.matrix_norm(spread)
    return distance.item(), (drawn.trace() / spread.trace()).item(), off.item()


def main() -> None:
    args = parse_args()
    generator = torch.Generator().manual_seed(args.seed)
    scores: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for _ in range(args.num_signals):
        noise = torch.randn(LENGTH, dtype=torch.float64, generator=generator)
        signal = torch.linalg.cholesky(covariance()) @ noise
        mean, spread = posterior(signal)
        noise = torch.randn(args.num_draws, len(mean), dtype=torch.float64, generator=generator)
        scores["the posterior itself", ""].append(errors(mean + noise @ torch.linalg.cholesky(spread).T, mean, spread))
        denoisers = {f"{scale:g}": guided_denoiser(signal, scale) for scale in args.guidance_scales}
        for name, scheduler in SCHEDULERS.items():
            for told, denoiser in ({"exact": exact_denoiser(signal)} | denoisers).items():
                draws = scheduler().sample(
                    denoiser,
                    (args.num_draws, LENGTH),
                    num_inference_steps=args.num_inference_steps,
                    generator=generator,
                    dtype=torch.float64,
                )
                scores[name, told].append(errors(draws[:, MISSING], mean, spread))
    lines = [
        *head_of(args),
        "| sampler | guidance | n | mean off (standard deviations) | variance (1 is right) | covariance off (share) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    signals = list(map(str, range(args.num_signals)))
    for (sampler, told), values in scores.items():
        cells = [mean_and_interval(column, signals) for column in zip(*values, strict=True)]
        lines.append(f"| {sampler} | {told} | {len(values)} | {' | '.join(cells)} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
