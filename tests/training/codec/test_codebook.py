import itertools
import sys

import pytest
import torch
from processes import python
from transformers import WavTokenizerConfig

from aidd.training.codec.codebook import WavTokenizerCodebook, kmeans, nearest


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def new_codebook(codebook_size, codebook_dim, decay=0.9, dead_code_threshold=0.5):
    config = WavTokenizerConfig(codebook_size=codebook_size, codebook_dim=codebook_dim, hidden_size=codebook_dim)
    return WavTokenizerCodebook(config, decay, dead_code_threshold)


def separated_clusters(generator, num_clusters=6, num_samples=50):
    """Centres on the corners of a simplex of edge 10 sqrt(2), and samples within about 0.1 of them."""
    centres = 10 * torch.eye(num_clusters)
    samples = centres.repeat_interleave(num_samples, 0)
    samples = samples + 0.02 * torch.randn(samples.shape, generator=generator)
    return centres, samples[torch.randperm(len(samples), generator=generator)]


def test_nearest_is_the_exhaustive_search(generator):
    samples = torch.randn(100, 7, generator=generator)
    centroids = torch.randn(9, 7, generator=generator)
    expected = torch.stack([(centroids - sample).square().sum(1).argmin() for sample in samples])
    assert torch.equal(nearest(samples, centroids), expected)
    assert torch.equal(nearest(samples, centroids, chunk_size=33), expected)


def test_kmeans_recovers_separated_clusters(generator):
    """Given a start in every cluster; which start is drawn is up to the generator."""
    centres, samples = separated_clusters(generator)
    for seed in range(200):
        start = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))[: len(centres)]
        if nearest(samples[start], centres).unique().numel() == len(centres):
            break
    centroids, counts = kmeans(samples, len(centres), 3, torch.Generator().manual_seed(seed))
    order = nearest(centres, centroids)
    torch.testing.assert_close(centroids[order], centres, rtol=0, atol=0.02)
    assert (counts == 50).all()


def test_kmeans_never_worsens(generator):
    samples = torch.randn(300, 4, generator=generator)

    def distortion(num_iterations):
        centroids, _ = kmeans(samples, 10, num_iterations, torch.Generator().manual_seed(1))
        return torch.cdist(samples, centroids).square().amin(1).mean()

    distortions = [distortion(n) for n in range(6)]
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(distortions))
    assert distortions[-1] < 0.9 * distortions[0]


def test_kmeans_puts_empty_clusters_on_samples(generator):
    """With copies of one sample as most of the data, starts coincide, and all but one of the coinciding are empty."""
    samples = torch.cat([torch.zeros(97, 2), torch.tensor([[5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])])
    centroids, counts = kmeans(samples, 4, 200, generator)
    assert centroids.unique(dim=0).shape[0] == 4
    assert counts.sort().values.tolist() == [1, 1, 1, 97]


def test_kmeans_refuses_fewer_samples_than_clusters(generator):
    with pytest.raises(ValueError, match="at least 5 samples for 5 clusters, got 4"):
        kmeans(torch.zeros(4, 2), 5, 1, generator)


def test_start_fills_the_codebook_and_is_reproducible(generator):
    latents = torch.randn(200, 3, generator=generator)
    codebook, again = new_codebook(8, 3), new_codebook(8, 3)
    assert codebook.inited == 0 and not codebook.embed.any()
    codebook.start(latents, torch.Generator().manual_seed(1))
    again.start(latents, torch.Generator().manual_seed(1))
    assert codebook.inited == 1
    assert torch.equal(codebook.embed, again.embed)
    assert codebook.cluster_size.sum() == 200
    torch.testing.assert_close(codebook.embed_avg / codebook.cluster_size[:, None], codebook.embed)


def test_update_at_the_centroids_is_a_fixed_point(generator):
    """Where every code's latents average to its vector already, updates move nothing."""
    codebook = new_codebook(6, 6)
    centres, _ = separated_clusters(generator)
    codebook.start(centres.repeat(4, 1), generator)
    before = codebook.embed.clone()
    offsets = torch.randn(1, 6, 6, generator=generator)
    latents = torch.cat([before + offsets[0], before - offsets[0]])
    codes = torch.arange(6).repeat(2)
    for _ in range(50):
        codebook.update(latents, codes, generator)
    torch.testing.assert_close(codebook.embed, before, rtol=1e-4, atol=1e-4)


def test_updates_converge_to_the_mean_at_the_rate_of_the_decay(generator):
    codebook = new_codebook(2, 3, decay=0.9)
    codebook.start(torch.tensor([[0.0, 0, 0], [10, 0, 0]]).repeat(5, 1), generator)
    code = codebook.encode(torch.zeros(1, 1, 3)).item()
    other = 1 - code
    latents = torch.tensor([[1.0, 1, 1], [10, 0, 0]]).repeat(5, 1)
    codes = torch.tensor([code, other]).repeat(5)
    for step in range(1, 40):
        codebook.update(latents, codes, generator)
        torch.testing.assert_close(codebook.embed[code], torch.full((3,), 1 - 0.9**step), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(codebook.embed[other], torch.tensor([10.0, 0, 0]))


def test_dead_codes_are_revived_on_latents_of_the_batch(generator):
    codebook = new_codebook(4, 2, decay=0.5, dead_code_threshold=0.5)
    codebook.start(torch.tensor([[0.0, 0], [9, 0], [0, 9], [9, 9]]).repeat(3, 1), generator)
    alive = codebook.encode(torch.zeros(1, 1, 2)).item()
    latents = torch.randn(20, 2, generator=generator)
    revived = torch.zeros(4, dtype=torch.bool)
    for _ in range(6):
        before = codebook.embed.clone()
        codebook.update(latents, torch.full((20,), alive), generator)
        moved = (codebook.embed - before).norm(dim=1) > 1e-3
        on_latents = torch.cdist(codebook.embed, latents).amin(1) < 1e-5
        revived |= moved & on_latents
    dead = torch.arange(4) != alive
    assert revived[dead].all()
    assert not revived[alive]
    assert (codebook.cluster_size >= 0.5).all()


def test_codes_in_use_are_not_revived(generator):
    codebook = new_codebook(3, 2, dead_code_threshold=2.0)
    latents = torch.tensor([[0.0, 0], [9, 0], [0, 9]]).repeat(10, 1)
    codebook.start(latents, generator)
    before = codebook.embed.clone()
    codebook.update(latents, codebook.encode(latents[None])[0], generator)
    torch.testing.assert_close(codebook.embed, before)


def test_rescaled_counts_add_up_to_a_batch_and_leave_the_vectors(generator):
    codebook = new_codebook(8, 3)
    codebook.start(torch.randn(200, 3, generator=generator), generator)
    embed, shares = codebook.embed.clone(), codebook.cluster_size / 200
    codebook.rescale_counts(12)
    torch.testing.assert_close(codebook.cluster_size, 12 * shares)
    torch.testing.assert_close(codebook.embed_avg / codebook.cluster_size[:, None], embed)
    assert torch.equal(codebook.embed, embed)


def test_codes_are_chosen_in_float32_under_autocast(generator):
    """Far from the origin, distances rounded to bfloat16 could not tell one code from another."""
    codebook = new_codebook(64, 8)
    latents = 30 + torch.randn(500, 8, generator=generator)
    codebook.start(latents, generator)
    codes = codebook.encode(latents[None])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(codebook.encode(latents[None]), codes)


# Enough for revivals: half of the codes are never chosen.
BATCHES = torch.randn(6, 40, 3, generator=torch.Generator().manual_seed(2))
SPLIT = 25


def updated_codebook(part: slice) -> WavTokenizerCodebook:
    codebook = new_codebook(16, 3, decay=0.7)
    codebook.start(BATCHES.flatten(0, 1), torch.Generator().manual_seed(1), num_iterations=3)
    codebook.rescale_counts(40)
    for step, batch in enumerate(BATCHES):
        latents = batch[part]
        codes = nearest(latents, codebook.embed[:8])
        codebook.update(latents, codes, torch.Generator().manual_seed(step))
    return codebook


# What each of two processes does, with its part of every batch.
IN_A_PROCESS = f"""
import sys
sys.path[:0] = {sys.path!r}
import torch
from test_codebook import SPLIT, updated_codebook
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
codebook = updated_codebook(slice(SPLIT) if rank == 0 else slice(SPLIT, None))
torch.save(codebook.state_dict(), f"{{rank}}.pt")
torch.distributed.destroy_process_group()
"""


def test_two_processes_update_as_one_with_their_batches_joined(tmp_path):
    """Parts of unequal size, codes that move and codes that are revived."""
    result = python.run_two("-c", IN_A_PROCESS, folder=tmp_path)
    assert result.returncode == 0, result.stderr[-4000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    joint = updated_codebook(slice(None)).state_dict()
    for name, value in joint.items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value)
    # The revived codes stand on latents of the joint last batch, of both parts.
    latents = BATCHES[-1]
    places = torch.cdist(joint["embed"][8:], latents).min(1)
    assert (places.values < 1e-4).all()
    assert (places.indices < SPLIT).any() and (places.indices >= SPLIT).any()
