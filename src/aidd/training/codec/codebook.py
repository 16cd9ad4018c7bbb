"""How the codebook is trained: k-means start, moving averages, revival of dead codes."""

import torch
from torch import Tensor, distributed
from transformers import WavTokenizerConfig
from transformers.models.wavtokenizer.modeling_wavtokenizer import WavTokenizerEuclideanCodebook


def kmeans(
    samples: Tensor, num_clusters: int, num_iterations: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """
    Lloyd's algorithm. A cluster that loses all its samples is put on a sample drawn at random.

    Args:
        samples: float, `(num_samples, dim)`, at least `num_clusters` of them.
        num_clusters: number of centroids.
        num_iterations: number of Lloyd iterations.
        generator: source of the start and of the revivals.

    Returns:
        centroids `(num_clusters, dim)` and the number of samples of each, `(num_clusters,)`.

    Raises:
        ValueError: fewer samples than clusters.
    """
    if len(samples) < num_clusters:
        raise ValueError(
            f"k-means needs at least {num_clusters} samples for {num_clusters} clusters, got {len(samples)}"
        )
    start = torch.randperm(len(samples), generator=generator)[:num_clusters]
    centroids = samples[start.to(samples.device)]
    for _ in range(num_iterations):
        assignment = nearest(samples, centroids)
        counts = torch.bincount(assignment, minlength=num_clusters).to(samples.dtype)
        sums = torch.zeros_like(centroids).index_add_(0, assignment, samples)
        revived = torch.randint(len(samples), (num_clusters,), generator=generator).to(samples.device)
        centroids = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], samples[revived])
    counts = torch.bincount(nearest(samples, centroids), minlength=num_clusters).to(samples.dtype)
    return centroids, counts


def nearest(samples: Tensor, centroids: Tensor, chunk_size: int = 16_384) -> Tensor:
    """Index of each sample's nearest centroid in squared Euclidean distance, `(num_samples,)`, chunk by chunk."""
    offsets = centroids.pow(2).sum(1)
    return torch.cat([(offsets - 2 * chunk @ centroids.T).argmin(1) for chunk in samples.split(chunk_size)])


def sum_over_processes(tensor: Tensor) -> Tensor:
    """Sum over the processes of `torch.distributed`, in place; where that is not initialised, the tensor as it is."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(tensor)
    return tensor


def draw_rows(rows: Tensor, num_draws: int, generator: torch.Generator) -> Tensor:
    """
    Rows drawn with replacement from those of all processes, taken in the order of ranks. All processes get the same
    draws, given generators in the same state.

    Args:
        rows: float, `(num_rows, dim)`, the rows of this process, at least one.
        num_draws: number of draws.
        generator: source of the draws.

    Returns:
        `(num_draws, dim)`.
    """
    initialized = distributed.is_available() and distributed.is_initialized()
    rank, num_processes = (distributed.get_rank(), distributed.get_world_size()) if initialized else (0, 1)
    sizes = torch.zeros(num_processes, dtype=torch.long, device=rows.device)
    sizes[rank] = len(rows)
    num_rows = sum_over_processes(sizes).tolist()
    places = torch.randint(sum(num_rows), (num_draws,), generator=generator).to(rows.device) - sum(num_rows[:rank])
    ours = (places >= 0) & (places < len(rows))
    drawn = torch.where(ours[:, None], rows[places.clamp(0, len(rows) - 1)], 0)
    return sum_over_processes(drawn)


class WavTokenizerCodebook(WavTokenizerEuclideanCodebook):
    """
    The codec's codebook with its training path (van den Oord et al. 2017, appendix A.1; Dhariwal et al. 2020 for the
    revival of dead codes). `inited` is 0 until the codebook was started by k-means or loaded.

    Args:
        config: the codec's.
        decay: decay of the moving averages of uses and sums, per batch.
        dead_code_threshold: a code whose moving average of uses per batch falls below this is replaced.
    """

    def __init__(self, config: WavTokenizerConfig, decay: float, dead_code_threshold: float):
        super().__init__(config)
        self.inited.zero_()
        self.decay = decay
        self.dead_code_threshold = dead_code_threshold

    def quantize(self, hidden_states: Tensor) -> Tensor:
        """Nearest code of each vector, `(num_vectors, codebook_dim)` to `(num_vectors,)`, always in float32."""
        hidden_states, embed = hidden_states.float(), self.embed.float()
        with torch.autocast(hidden_states.device.type, enabled=False):
            # The expansion of the squared distance that the codec encodes with: near ties fall as they do there.
            distances = hidden_states.pow(2).sum(1, keepdim=True) - 2 * hidden_states @ embed.T + embed.T.pow(2).sum(0)
        return distances.argmin(-1)

    def start(self, latents: Tensor, generator: torch.Generator, num_iterations: int = 50) -> None:
        """Starts the codebook by k-means on `latents` `(num_latents, codebook_dim)`, at least one a code."""
        centroids, counts = kmeans(latents.float(), self.codebook_size, num_iterations, generator)
        self.embed.copy_(centroids)
        # These count all latents of the start; `rescale_counts` scales them to the batches of the updates.
        self.cluster_size.copy_(counts)
        self.embed_avg.copy_(centroids * counts[:, None])
        self.inited.fill_(1.0)

    def rescale_counts(self, num_latents: int) -> None:
        """
        Scales the moving averages to batches of `num_latents` latents, over all processes; the vectors stay. Without
        this, counts of a larger start outweigh the first updates, and revival waits until they are forgotten.
        """
        factor = num_latents / self.cluster_size.sum()
        self.cluster_size.mul_(factor)
        self.embed_avg.mul_(factor)

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """
        Moves the codebook towards the latents that chose each code, and moves codes that are hardly used to random
        latents.
        Where `torch.distributed` is initialised, this is the update by the joint batch of all processes.

        Args:
            latents: float, `(num_latents, codebook_dim)`, of this process.
            codes: int64, `(num_latents,)`, the code of each.
            generator: source of the revivals, in the same state in all processes.
        """
        latents = latents.float()
        uses = torch.bincount(codes, minlength=self.codebook_size).to(latents.dtype)
        sums = torch.zeros_like(self.embed_avg).index_add_(0, codes, latents)
        self.cluster_size.lerp_(sum_over_processes(uses), 1 - self.decay)
        self.embed_avg.lerp_(sum_over_processes(sums), 1 - self.decay)

        dead = self.cluster_size < self.dead_code_threshold
        revived = draw_rows(latents, self.codebook_size, generator)
        self.cluster_size.masked_fill_(dead, self.dead_code_threshold)
        self.embed_avg.copy_(torch.where(dead[:, None], revived * self.dead_code_threshold, self.embed_avg))
        self.embed.copy_(self.embed_avg / self.cluster_size[:, None])
