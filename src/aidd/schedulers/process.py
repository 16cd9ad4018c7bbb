"""The forward process of absorbing diffusion: how much is masked at a time, and where."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .sampling import RandomSource, uniform


@dataclass(frozen=True)
class LogLinearSchedule:
    """
    Noise whose masked fraction grows linearly, m(t) = (1 - eps) t (SEDD, Lou et al. 2024, arXiv:2310.16834).

    Times t are floats in [0, 1], of any shape; every method returns that shape.
    """

    eps: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.eps < 1:
            raise ValueError(f"eps must lie in (0, 1), got {self.eps}")

    def sigma(self, t: Tensor) -> Tensor:
        """Total noise, -log(1 - m(t))."""
        return -torch.log1p(-self.masked_fraction(t))

    def rate(self, t: Tensor) -> Tensor:
        """d sigma / dt."""
        return (1 - self.eps) / (1 - self.masked_fraction(t))

    def masked_fraction(self, t: Tensor) -> Tensor:
        """m(t), the probability that a token is masked."""
        return (1 - self.eps) * t

    def time(self, masked_fraction: Tensor) -> Tensor:
        """The time at which a fraction is masked, the inverse of m(t): above 1 for fractions above 1 - eps."""
        return masked_fraction / (1 - self.eps)


@dataclass(frozen=True)
class GeometricSchedule:
    """
    Noise that grows geometrically, sigma(t) = sigma_min^(1 - t) sigma_max^t (SEDD, arXiv:2310.16834).

    Times t are floats in [0, 1], of any shape; every method returns that shape.
    """

    sigma_min: float = 1e-4
    sigma_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max:
            raise ValueError(f"expected 0 < sigma_min < sigma_max, got {self.sigma_min} and {self.sigma_max}")

    def sigma(self, t: Tensor) -> Tensor:
        """Total noise."""
        return self.sigma_min ** (1 - t) * self.sigma_max**t

    def rate(self, t: Tensor) -> Tensor:
        """d sigma / dt."""
        return self.sigma(t) * math.log(self.sigma_max / self.sigma_min)

    def masked_fraction(self, t: Tensor) -> Tensor:
        """m(t) = 1 - e^-sigma(t), the probability that a token is masked."""
        return -torch.expm1(-self.sigma(t))


def independent_mask(masked_fraction: Tensor, num_tokens: int, generator: RandomSource = None) -> Tensor:
    """
    Masks every token with the same probability, on its own: the forward process of SEDD.

    Args:
        masked_fraction: float, `(batch,)`, in [0, 1].
        num_tokens: number of tokens in a row.
        generator: as in [`uniform`].

    Returns:
        bool, `(batch, num_tokens)`, True at masked tokens.

    Raises:
        ValueError: fractions of another shape or outside [0, 1].
    """
    _check_masked_fraction(masked_fraction)
    draws = uniform((len(masked_fraction), num_tokens), generator, masked_fraction.device)
    return draws < masked_fraction.double()[:, None]


def span_mask(
    masked_fraction: Tensor,
    num_tokens: int,
    p0: float,
    alpha: float,
    cap: int = 30,
    generator: RandomSource = None,
) -> Tensor:
    """
    Masks spans of tokens, as AIDD is trained (arXiv:2507.08333): lengths are geometric with success probability
    p_sigma = p0 / (1 + alpha sigma), sigma = -log(1 - masked_fraction), at most `cap`; spans are laid, overlaps
    allowed, until a budget of masked_fraction * num_tokens tokens is reached.

    Unlike in the original code, every position is equally likely to be masked (spans start anywhere and wrap around),
    and the budget is met exactly (the last span is cut; a fractional budget is rounded up with the probability of its
    fraction).

    Args:
        masked_fraction: float, `(batch,)`, in [0, 1].
        num_tokens: number of tokens in a row.
        p0: success probability without noise, in (0, 1]. AIDD's best is 0.8.
        alpha: growth of the spans with the noise, 0 or above. AIDD's best is 0.5.
        cap: longest span, in tokens.
        generator: as in [`uniform`].

    Returns:
        bool, `(batch, num_tokens)`, True at masked tokens.

    Raises:
        ValueError: arguments outside these ranges.
    """
    _check_masked_fraction(masked_fraction)
    if not 0 < p0 <= 1:
        raise ValueError(f"p0 must lie in (0, 1], got {p0}")
    if not (alpha >= 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha must be finite and not negative, got {alpha}")
    if cap < 1:
        raise ValueError(f"cap must be at least 1 token, got {cap}")
    batch_size, device = len(masked_fraction), masked_fraction.device
    fraction = masked_fraction.double()
    budget = (fraction * num_tokens + uniform((batch_size,), generator, device)).long().clamp(max=num_tokens)
    # The bound keeps sigma finite; a row that is masked entirely is so whatever its spans are.
    sigma = -torch.log1p(-fraction.clamp(max=1 - 1e-12))
    log_continue = torch.log1p(-p0 / (1 + alpha * sigma))[:, None]

    # `first` holds when each token was first covered, counting tokens in the order in which spans lay them. The mask
    # is what was covered by the time that the budget was spent.
    never = torch.iinfo(torch.int32).max
    first = torch.full((batch_size, num_tokens), never, dtype=torch.int32, device=device)
    num_laid = 0
    while (short := (first < never).sum(-1) < budget).any():
        starts, draws = uniform((batch_size, num_tokens, 2), generator, device)[short].unbind(-1)
        lengths = 1 + (torch.log1p(-draws) / log_continue[short]).clamp(max=min(cap, num_tokens) - 1).long()
        lengths = lengths.flatten()
        laid = torch.arange(num_laid, num_laid + int(lengths.sum()), dtype=torch.int32, device=device)
        # Rows are laid out twice as long, so that spans run past the end, to be wrapped around together.
        rows = torch.arange(len(starts), device=device)[:, None] * (2 * num_tokens)
        offsets = (rows + (starts * num_tokens).long()).flatten() - (lengths.cumsum(0) - lengths)
        cells = torch.repeat_interleave(offsets, lengths) + (laid - num_laid)
        unrolled = torch.full((len(starts), 2 * num_tokens), never, dtype=torch.int32, device=device)
        unrolled.view(-1).scatter_reduce_(0, cells, laid, "amin")
        first[short] = torch.minimum(first[short], unrolled.view(-1, 2, num_tokens).amin(1))
        num_laid += len(laid)
    last = first.sort(-1).values.gather(-1, (budget - 1).clamp(min=0)[:, None])
    return (first <= last) & (budget > 0)[:, None]


def _check_masked_fraction(masked_fraction: Tensor) -> None:
    if masked_fraction.ndim != 1 or not masked_fraction.is_floating_point():
        raise ValueError(
            f"masked_fraction must be float of shape (batch,), "
            f"got {masked_fraction.dtype} of {tuple(masked_fraction.shape)}"
        )
    if not ((masked_fraction >= 0) & (masked_fraction <= 1)).all():
        raise ValueError(f"masked_fraction must lie in [0, 1], got {masked_fraction.tolist()}")
