import math
import time
from functools import partial

import pytest
import torch

from aidd.schedulers import LogLinearSchedule, independent_mask, span_mask
from aidd.training.data.corruption import CorruptingCollator, corrupt


SCHEDULE = LogLinearSchedule()
SPANS = partial(span_mask, p0=0.8, alpha=0.5)


def draw(indices, num_tokens=40, seed=0, mask_sampler=SPANS, gap_probability=0.5, max_gap=30):
    return corrupt(
        indices,
        num_tokens,
        seed=seed,
        schedule=SCHEDULE,
        mask_sampler=mask_sampler,
        gap_probability=gap_probability,
        max_gap=max_gap,
    )


@pytest.mark.parametrize("mask_sampler", [SPANS, independent_mask])
def test_a_sample_is_corrupted_alike_in_every_batch_and_order(mask_sampler):
    t, missing = draw(range(100), mask_sampler=mask_sampler)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    shuffled = draw(order.tolist(), mask_sampler=mask_sampler)
    assert torch.equal(shuffled[0], t[order]) and torch.equal(shuffled[1], missing[order])
    halves = [draw(range(first, first + 50), mask_sampler=mask_sampler) for first in (0, 50)]
    assert torch.equal(torch.cat([half[0] for half in halves]), t)
    assert torch.equal(torch.cat([half[1] for half in halves]), missing)
    # Gaps are drawn in the same way, whatever their share.
    with_gaps = draw(range(100), mask_sampler=mask_sampler, gap_probability=1.0)[1]
    alike = (missing == with_gaps).all(-1)
    assert 30 < alike.sum() < 70


def test_collator_corrupts_windows_by_their_numbers():
    collator = CorruptingCollator(0, SCHEDULE, SPANS, gap_probability=0.5, max_gap=30)
    windows = [{"index": index, "tokens": torch.arange(40) + index} for index in (7, 3, 90)]
    batch = collator(windows)
    t, missing = draw([7, 3, 90])
    assert torch.equal(batch["t"], t) and torch.equal(batch["missing"], missing)
    assert torch.equal(batch["tokens"], torch.stack([window["tokens"] for window in windows]))


def test_another_seed_or_index_draws_anew():
    t = torch.cat([draw(range(1000), seed=seed, gap_probability=0.0)[0] for seed in (0, 1)])
    assert len(t.unique()) > 1990


def test_times_are_uniform_and_independent_of_the_index():
    t, _ = draw(range(20_000), num_tokens=2, gap_probability=0.0, max_gap=1, mask_sampler=independent_mask)
    assert t.min() >= 1e-3 and t.max() <= 1
    counts = torch.histc(t, 20, 1e-3, 1).double()
    assert ((counts - 1000) ** 2 / 1000).sum() < 19 + 4.5 * math.sqrt(2 * 19)
    lagged = torch.corrcoef(torch.stack([t[1:], t[:-1]]))[0, 1]
    assert abs(lagged) < 4.5 / math.sqrt(len(t))


def test_keyed_spans_cover_all_positions_alike():
    _, missing = draw(range(5000), gap_probability=0.0)
    shares = missing.double().mean(0)
    deviation = math.sqrt(0.25 / 5000)
    scores = (shares - SCHEDULE.masked_fraction(torch.tensor((1e-3 + 1) / 2))) / deviation
    assert scores.abs().max() < 4.5


def test_spans_have_the_fraction_of_their_time_and_gaps_the_time_of_their_fraction():
    t, missing = draw(range(500), gap_probability=0.0)
    assert ((missing.sum(-1) - 40 * SCHEDULE.masked_fraction(t)).abs() < 1 + 1e-4).all()
    t, missing = draw(range(500), gap_probability=1.0)
    torch.testing.assert_close(SCHEDULE.masked_fraction(t), missing.float().mean(-1))
    assert missing.any(-1).all() and not missing.all(-1).any()


def test_gaps_have_their_share():
    # Gaps of one token among many: never the 10 % to 100 % that the forward process nearly always masks.
    _, missing = draw(range(4000), num_tokens=200, gap_probability=0.3, max_gap=1, mask_sampler=independent_mask)
    share = (missing.sum(-1) <= 4).double().mean()
    assert abs(share - (0.3 + 0.7 * 0.02)) < 0.03


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(ValueError, match=r"gap_probability must lie in \[0, 1\], got"):
        draw(range(2), gap_probability=share)


def test_a_batch_takes_milliseconds():
    """128 x 300 tokens, each sample with its own generator. The best of several, in CPU time."""
    seconds = []
    for step in range(15):
        start = time.thread_time()
        draw(range(128 * step, 128 * (step + 1)), num_tokens=300, gap_probability=0.0)
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.05
