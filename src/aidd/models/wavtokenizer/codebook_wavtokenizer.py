"""The codebook's training path: k-means start, moving averages, revival of dead codes."""

import torch
from torch import Tensor
from transformers.models.encodec.modeling_encodec import EncodecEuclideanCodebook


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


class WavTokenizerCodebook(EncodecEuclideanCodebook):
    """
    Encodec's Euclidean codebook with its training path (van den Oord et al. 2017, appendix A.1; Dhariwal et al. 2020
    for the revival of dead codes). `inited` is 0 until the codebook was started by k-means or loaded.
    """

    def __init__(self, config, decay: float, dead_code_threshold: float):
        super().__init__(config)
        self.inited.zero_()
        self.decay = decay
        self.dead_code_threshold = dead_code_threshold

    def quantize(self, hidden_states: Tensor) -> Tensor:
        """Nearest code of each vector, `(num_vectors, codebook_dim)` to `(num_vectors,)`, always in float32."""
        hidden_states, embed = hidden_states.float(), self.embed.float()
        # Encodec's expansion of the squared distance: near ties fall as they do there.
        distances = hidden_states.pow(2).sum(1, keepdim=True) - 2 * hidden_states @ embed.T + embed.T.pow(2).sum(0)
        return distances.argmin(-1)

    def start(self, latents: Tensor, generator: torch.Generator, num_iterations: int = 50) -> None:
        """Starts the codebook by k-means on `latents` `(num_latents, codebook_dim)`, at least one a code."""
        centroids, counts = kmeans(latents.float(), self.codebook_size, num_iterations, generator)
        self.embed.copy_(centroids)
        # Counts are kept as uses a batch of the size seen later; the first updates forget them at the rate of `decay`.
        self.cluster_size.copy_(counts)
        self.embed_avg.copy_(centroids * counts[:, None])
        self.inited.fill_(1.0)

    def check_started(self) -> None:
        """Raises `ValueError` where the codebook holds nothing yet."""
        if not bool(self.inited):
            raise ValueError(
                "the codebook is empty: load trained weights, or start it from latents with `model.start_codebook()`"
            )

    @torch.no_grad()
    def update(self, latents: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """
        Moves the codebook towards the latents that chose each code, and puts codes hardly in use on random latents.

        Args:
            latents: float, `(num_latents, codebook_dim)`.
            codes: int64, `(num_latents,)`, the code of each.
            generator: source of the revivals.
        """
        latents = latents.float()
        uses = torch.bincount(codes, minlength=self.codebook_size).to(latents.dtype)
        sums = torch.zeros_like(self.embed_avg).index_add_(0, codes, latents)
        self.cluster_size.lerp_(uses, 1 - self.decay)
        self.embed_avg.lerp_(sums, 1 - self.decay)

        dead = self.cluster_size < self.dead_code_threshold
        revived = latents[torch.randint(len(latents), (self.codebook_size,), generator=generator).to(latents.device)]
        self.cluster_size.masked_fill_(dead, self.dead_code_threshold)
        self.embed_avg.copy_(torch.where(dead[:, None], revived * self.dead_code_threshold, self.embed_avg))
        self.embed.copy_(self.embed_avg / self.cluster_size[:, None])
