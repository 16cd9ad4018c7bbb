"""Random draws of the samplers, in float64, from explicit generators."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


RandomSource = torch.Generator | Sequence[torch.Generator] | None
# Log-probabilities that are worked on at a time: 32 MiB in float64, of which several are needed.
MOST_AT_A_TIME = 2**22


def uniform(shape: Sequence[int], generator: RandomSource, device: torch.device | str | None = None) -> Tensor:
    """
    Uniform draws from [0, 1), float64, on a grid of 2^-53.

    Args:
        shape: shape of the draws, rows first.
        generator: G generators draw the first, second, ... G-th share of the rows, each as it would alone: one row of
            a batch does not depend on the others. None is torch's global generator.
        device: device of the result. The draws are made on the generator's own.

    Raises:
        ValueError: rows that cannot be shared out equally among the generators.
    """
    if isinstance(generator, Sequence):
        if not generator or shape[0] % len(generator):
            raise ValueError(
                f"the number of generators must divide the batch: got {len(generator)} for {shape[0]} rows"
            )
        share = (shape[0] // len(generator), *shape[1:])
        return torch.cat([uniform(share, one, device) for one in generator])
    drawn_on = device if generator is None else generator.device
    return torch.rand(shape, generator=generator, dtype=torch.float64, device=drawn_on).to(device)


def in_parts(function: Callable[..., Tensor], log_probs: Tensor, *others: Tensor) -> Tensor:
    """
    Applies a function whose rows do not depend on one another to some rows at a time, which keeps what it allocates
    small where there are many codes.

    Args:
        function: of `log_probs` and the others, rows first.
        log_probs: `(rows, codes)`.
        others: `(rows, ...)`.

    Returns:
        What the function returns for all rows.
    """
    rows = max(MOST_AT_A_TIME // log_probs.shape[-1], 1)
    parts = zip(log_probs.split(rows), *(other.split(rows) for other in others), strict=True)
    return torch.cat([function(*part) for part in parts])


def shape_log_probs(log_probs: Tensor, temperature: float, top_p: float) -> Tensor:
    """
    The distribution that is sampled: p^(1 / temperature), cut to the smallest set of most probable codes that holds
    `top_p` of its mass (Holtzman et al. 2020, arXiv:1904.09751), renormalised.

    Args:
        log_probs: `(..., codes)`, normalised or not, `-inf` at codes that cannot be drawn.
        temperature: above 0.
        top_p: in (0, 1].

    Returns:
        Normalised log-probabilities, float64, `(..., codes)`.
    """
    shaped = (log_probs.double() / temperature).log_softmax(-1)
    if top_p == 1:
        return shaped
    ordered, codes = shaped.sort(dim=-1, descending=True)
    mass = ordered.exp()
    outside = mass.cumsum(-1) - mass >= top_p
    return shaped.scatter(-1, codes, ordered.masked_fill(outside, -torch.inf)).log_softmax(-1)


def sample_categorical(log_probs: Tensor, uniforms: Tensor) -> Tensor:
    """
    Draws codes by inversion of the cumulative distribution, in float64: the float32 race of exponentials that the
    original code runs hardly ever draws codes of probability below 1e-5 (Zheng et al. 2024, arXiv:2409.02908).

    Args:
        log_probs: `(..., codes)`, normalised or not, `-inf` at codes that must not be drawn.
        uniforms: `(...)`, in [0, 1), from [`uniform`].

    Returns:
        int64, `(...)`.

    Raises:
        ValueError: a distribution without a possible code, or with a log-probability that is NaN or infinite.
    """
    log_probs = log_probs.double()
    probs = (log_probs - log_probs.amax(-1, keepdim=True)).exp()
    # Zero at impossible codes, so that no rounding of a parallel sum can let one be found.
    cumulative = probs.cumsum(-1).masked_fill(probs == 0, 0)
    total = cumulative.amax(-1)
    if not total.isfinite().all():
        raise ValueError("a distribution over codes must hold no NaN and at least one possible code")
    return (cumulative > (uniforms * total)[..., None]).byte().argmax(-1)
