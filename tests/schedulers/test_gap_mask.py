import pytest
import torch

from aidd.schedulers.gap_mask import gap_mask


def runs(row: torch.Tensor) -> list[int]:
    edges = torch.diff(torch.nn.functional.pad(row.int(), (1, 1)))
    return ((edges == -1).nonzero() - (edges == 1).nonzero()).flatten().tolist()


def test_every_row_has_a_gap_and_context_and_no_gap_is_too_long():
    masks = gap_mask(2000, 60, torch.Generator().manual_seed(0), max_gap=20, max_num_gaps=3)
    assert masks.shape == (2000, 60) and masks.any(-1).all() and not masks.all(-1).any()
    counts = [len(runs(row)) for row in masks]
    assert max(counts) == 3
    assert max(max(runs(row)) for row in masks if len(runs(row)) == 1 and row.sum() <= 20) == 20


def test_single_gaps_are_log_uniform():
    masks = gap_mask(20_000, 200, torch.Generator().manual_seed(1), max_gap=99, max_num_gaps=1)
    lengths = masks.sum(-1).double()
    for bound in (3, 10, 30):
        expected = torch.log(torch.tensor(bound + 1.0)) / torch.log(torch.tensor(100.0))
        assert abs((lengths <= bound).double().mean() - expected) < 0.015


def test_single_gaps_lie_everywhere_alike():
    masks = gap_mask(20_000, 30, torch.Generator().manual_seed(3), max_gap=29, max_num_gaps=1)
    lengths, starts = masks.sum(-1), masks.int().argmax(-1)
    for length in (1, 2, 4):
        counts = torch.bincount(starts[lengths == length], minlength=31 - length).double()
        chi_square = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        freedom = len(counts) - 1
        assert len(counts) == 31 - length and chi_square < freedom + 4.5 * (2 * freedom) ** 0.5


def test_half_the_rows_or_more_have_a_single_gap():
    masks = gap_mask(10_000, 300, torch.Generator().manual_seed(4), max_gap=1, max_num_gaps=4)
    counts = torch.bincount(masks.sum(-1), minlength=5) / 10_000
    # Half of them, a quarter of the other half, and a few whose gaps coincide.
    assert counts[1:].tolist() == pytest.approx([0.625, 0.125, 0.125, 0.125], abs=0.02)


def test_a_row_that_several_gaps_would_cover_keeps_context():
    masks = gap_mask(5000, 4, torch.Generator().manual_seed(2), max_gap=3, max_num_gaps=4)
    assert not masks.all(-1).any() and masks.any(-1).all()


def test_a_longest_gap_without_context_is_refused():
    with pytest.raises(ValueError, match=r"max_gap must lie in \[1, num_tokens - 1 = 9\], got 10"):
        gap_mask(1, 10, torch.Generator(), max_gap=10)
