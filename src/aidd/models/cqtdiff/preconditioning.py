"""
The preconditioning of EDM (Karras et al. 2022, "Elucidating the design space of diffusion-based generative models",
arXiv:2206.00364), as CQT-Diff uses it.
"""

from collections.abc import Callable

from torch import Tensor


def edm_scalings(sigma: Tensor, sigma_data: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """
    c_skip = s_d^2 / (s^2 + s_d^2), c_out = s s_d / sqrt(s^2 + s_d^2), c_in = 1 / sqrt(s^2 + s_d^2) and
    c_noise = ln(s) / 4 (table 1 of the paper).

    Args:
        sigma: standard deviations s of the noise, above 0, of any shape.
        sigma_data: standard deviation s_d of clean signals.

    Returns:
        c_skip, c_out, c_in and c_noise, of the shape of sigma.
    """
    variance = sigma**2 + sigma_data**2
    return sigma_data**2 / variance, sigma * sigma_data / variance.sqrt(), 1 / variance.sqrt(), sigma.log() / 4


def denoise(network: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """
    D(x; s) = c_skip x + c_out F(c_in x; c_noise): the mean of the clean signals that a noisy one may come from.

    Args:
        network: F, of `(batch, samples)` and `(batch,)`.
        noisy: x, float `(batch, samples)`.
        sigma: s, `(batch,)`.
        sigma_data: standard deviation of clean signals.

    Returns:
        float `(batch, samples)`.
    """
    c_skip, c_out, c_in, c_noise = (one[:, None] for one in edm_scalings(sigma, sigma_data))
    return c_skip * noisy + c_out * network(c_in * noisy, c_noise[:, 0])
