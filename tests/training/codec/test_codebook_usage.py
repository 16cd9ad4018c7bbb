import pytest
import torch

from aidd.training.codec.codebook_usage import CodebookUsage


def test_perplexity_of_equal_shares_is_the_number_of_codes():
    usage = CodebookUsage(10)
    assert usage.measure() == (0, 1)
    usage.record(torch.arange(7).repeat(4).view(2, 1, 14))
    assert usage.measure() == (7, pytest.approx(7))
    usage.record(torch.full((2, 1, 14), 3))
    in_use, perplexity = usage.measure()
    assert in_use == 7 and 1 < perplexity < 7


def test_old_batches_are_forgotten_one_by_one():
    usage = CodebookUsage(10, num_batches=3)
    sizes = []
    for code in (0, 1, 2, 3, 3, 3, 4):
        usage.record(torch.tensor([code]))
        sizes.append(usage.measure()[0])
    assert sizes == [1, 2, 3, 3, 2, 1, 2]


def test_a_copy_of_the_state_goes_on_alike():
    usage, copy = CodebookUsage(10, num_batches=2), CodebookUsage(10, num_batches=2)
    for code in (0, 1, 2):
        usage.record(torch.tensor([code]))
    copy.load_state_dict(usage.state_dict())
    for each in (usage, copy):
        each.record(torch.tensor([5]))
    # Batches 2 and 5 are left: had the place been lost, 1 would be.
    assert torch.equal(usage.counts, copy.counts)
    assert copy.counts.sum(0).nonzero().flatten().tolist() == [2, 5]
