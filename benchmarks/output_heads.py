"""Embeddings and outputs of a token model for many codes, which `many_codes.py` compares with the package's own."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

import aidd


class TiedHead(nn.Module):
    """Logits by the weights of an embedding, without the row of the mask, which is the last."""

    def __init__(self, embedding: nn.Embedding):
        super().__init__()
        self.weight, self.bias = embedding.weight, nn.Parameter(torch.zeros(embedding.num_embeddings - 1))

    def forward(self, states: Tensor) -> Tensor:
        return nn.functional.linear(states, self.weight[:-1], self.bias)


class DigitEmbedding(nn.Module):
    """Sum of the embeddings of a code's digits, the least significant first; the mask has one of its own."""

    def __init__(self, sizes: Sequence[int], width: int):
        super().__init__()
        self.sizes = sizes
        self.digits = nn.ModuleList([nn.Embedding(size, width) for size in sizes])
        self.mask = nn.Parameter(torch.zeros(width))

    def forward(self, codes: Tensor) -> Tensor:
        digits = zip(self.digits, digits_of(codes, self.sizes), strict=True)
        total = sum(embedding(digit) for embedding, digit in digits)
        return torch.where((codes == math.prod(self.sizes))[..., None], self.mask, total)


class DigitHead(nn.Linear):
    """
    Log-probabilities of digits that are independent of one another. It returns those of all codes, but in training,
    where the loss needs those of the true codes alone.
    """

    def __init__(self, sizes: Sequence[int], width: int):
        super().__init__(width, sum(sizes))
        self.sizes, self.log_probs = sizes, []

    def forward(self, states: Tensor) -> Tensor:
        self.log_probs = [logits.log_softmax(-1) for logits in super().forward(states).split(self.sizes, -1)]
        if self.training:
            return states[..., :1]
        total = self.log_probs[0]
        for one in self.log_probs[1:]:
            total = (one[..., :, None] + total[..., None, :]).flatten(-2)
        return total

    def loss(self, codes: Tensor) -> Tensor:
        """Negative log-probabilities of codes, `(tokens,)`, for the states of the last call, `(tokens, width)`."""
        digits = zip(self.log_probs, digits_of(codes, self.sizes), strict=True)
        return -sum(one.gather(-1, digit[:, None])[:, 0] for one, digit in digits)


def digits_of(codes: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Digits of codes in mixed radix, the least significant first, as finite scalar quantisation numbers its codes."""
    digits = []
    for size in sizes:
        digits.append(codes % size)
        codes = codes // size
    return digits


def build(num_codes: int, *, tied: bool, sizes: Sequence[int], **architecture: int) -> aidd.DiTTokenModel:
    """
    A token model with random weights.

    Args:
        num_codes: number of codes.
        tied: whether it has a [`TiedHead`].
        sizes: of the digits of a code; empty for a model without digits.
        architecture: arguments of `DiTTokenConfig`.
    """
    if not tied and not sizes:
        return aidd.DiTTokenModel(aidd.DiTTokenConfig(codebook_size=num_codes, **architecture))
    # Its own embedding and output, which are replaced, are not to count.
    model = aidd.DiTTokenModel(aidd.DiTTokenConfig(codebook_size=2, **architecture))
    width = model.config.hidden_size
    model.config.codebook_size = num_codes
    model.embed_tokens = DigitEmbedding(sizes, width) if sizes else nn.Embedding(num_codes + 1, width)
    model.head = DigitHead(sizes, width) if sizes else TiedHead(model.embed_tokens)
    return model
