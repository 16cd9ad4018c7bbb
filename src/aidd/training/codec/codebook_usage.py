"""How much of a codebook is used while it is trained."""

import torch
from torch import Tensor, nn

from .codebook import sum_over_processes


class CodebookUsage(nn.Module):
    """
    Counts the codes of the last batches. Its state belongs to that of a training run.

    Args:
        codebook_size: number of codes.
        num_batches: number of batches that are remembered.
    """

    counts: Tensor
    num_recorded: Tensor

    def __init__(self, codebook_size: int, num_batches: int = 100):
        super().__init__()
        self.register_buffer("counts", torch.zeros(num_batches, codebook_size, dtype=torch.long))
        self.register_buffer("num_recorded", torch.zeros((), dtype=torch.long))

    def record(self, codes: Tensor) -> None:
        """Counts a batch of codes, int64 of any shape; the oldest batch is forgotten."""
        row = self.num_recorded % len(self.counts)
        self.counts[row] = torch.bincount(codes.flatten(), minlength=self.counts.shape[1])
        self.num_recorded += 1

    def measure(self) -> tuple[int, float]:
        """
        Number of codes used, and the perplexity exp(-sum_k p_k log p_k) of their shares p_k, over the batches
        remembered by all processes (`torch.distributed`). Without any batch, 0 and 1.
        """
        counts = sum_over_processes(self.counts.sum(0))
        shares = counts / counts.sum().clamp(min=1)
        return int((counts > 0).sum()), torch.special.entr(shares).sum().exp().item()
