"""Laws of the forward process. Span masks are held against the law of the sequential algorithm, by enumeration."""

import math
import time

import pytest
import torch
from torch import Tensor

from aidd.schedulers import GeometricSchedule, LogLinearSchedule, independent_mask, span_mask


SCHEDULES = [LogLinearSchedule(), LogLinearSchedule(eps=0.1), GeometricSchedule(), GeometricSchedule(0.01, 3.0)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rate_is_the_derivative_of_sigma(schedule):
    t = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    slope = (schedule.sigma(t + 1e-6) - schedule.sigma(t - 1e-6)) / 2e-6
    torch.testing.assert_close(schedule.rate(t), slope, rtol=1e-6, atol=0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_masked_fraction_is_that_of_sigma_and_grows(schedule):
    t = torch.linspace(0, 1, 50, dtype=torch.float64)
    torch.testing.assert_close(schedule.masked_fraction(t), 1 - torch.exp(-schedule.sigma(t)), rtol=1e-9, atol=1e-12)
    assert (schedule.masked_fraction(t).diff() >= 0).all()


def test_times_are_found_from_fractions():
    t = torch.linspace(0, 1, 50, dtype=torch.float64)
    schedule = LogLinearSchedule(eps=0.1)
    torch.testing.assert_close(schedule.time(schedule.masked_fraction(t)), t)


def test_schedules_have_their_ends():
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert LogLinearSchedule().sigma(ends).tolist() == pytest.approx([0, math.log(1000)])
    assert GeometricSchedule().sigma(ends).tolist() == pytest.approx([1e-4, 20])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LogLinearSchedule(eps=0), "eps must lie in"),
        (lambda: LogLinearSchedule(eps=1.0), "eps must lie in"),
        (lambda: GeometricSchedule(sigma_min=3, sigma_max=2), "sigma_min < sigma_max"),
        (lambda: GeometricSchedule(sigma_min=0), "0 < sigma_min"),
    ],
)
def test_impossible_schedules_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_independent_masks_are_independent_bernoulli_draws():
    fractions = torch.tensor([0.0, 0.1, 0.7, 1.0])
    mask = independent_mask(fractions.repeat_interleave(2500), 40, generator()).view(4, 2500, 40)
    assert not mask[0].any() and mask[3].all()
    for fraction, rows in zip(fractions[1:3], mask[1:3], strict=True):
        deviation = math.sqrt(fraction * (1 - fraction) / 2500)
        assert (rows.double().mean(0) - fraction).abs().max() < 4.5 * deviation
        correlation = torch.corrcoef(rows.double().T) - torch.eye(40)
        assert correlation.abs().max() < 4.5 / math.sqrt(2500)


def exact_span_law(budget: int, success: float, num_tokens: int, cap: int) -> Tensor:
    """Probability of every mask (as bits) when spans are laid one after another until the budget is spent."""
    lengths = {n: success * (1 - success) ** (n - 1) for n in range(1, cap)} | {cap: (1 - success) ** (cap - 1)}
    law = torch.zeros(2**num_tokens, dtype=torch.float64)
    law[0] = 1
    for mask in sorted(range(2**num_tokens), key=int.bit_count):
        if law[mask] == 0 or mask.bit_count() == budget:
            continue
        outcomes: dict[int, float] = {}
        for start in range(num_tokens):
            for length, probability in lengths.items():
                grown = mask
                for position in range(start, start + length):
                    if grown.bit_count() < budget:
                        grown |= 1 << position % num_tokens
                if grown != mask:
                    outcomes[grown] = outcomes.get(grown, 0) + probability
        total = sum(outcomes.values())
        for grown, probability in outcomes.items():
            law[grown] += law[mask] * probability / total
        law[mask] = 0
    return law


@pytest.mark.parametrize(
    ("fraction", "p0", "alpha", "cap"), [(0.5, 0.5, 0.7, 30), (0.4, 0.8, 2.0, 2), (0.9, 0.3, 0, 4), (0.6, 1, 0, 30)]
)
def test_span_masks_follow_the_law_of_spans_laid_one_by_one(fraction, p0, alpha, cap):
    num_tokens, num_rows = 6, 150_000
    success = p0 / (1 - alpha * math.log1p(-fraction))
    rest, low = math.modf(fraction * num_tokens)
    exact = sum(
        weight * exact_span_law(int(low) + extra, success, num_tokens, min(cap, num_tokens))
        for weight, extra in ((1 - rest, 0), (rest, 1))
        if weight > 0
    )
    rows = torch.full((num_rows,), fraction, dtype=torch.float64)
    mask = span_mask(rows, num_tokens, p0, alpha, cap, generator())
    counts = torch.bincount((mask.long() << torch.arange(num_tokens)).sum(-1), minlength=2**num_tokens).double()
    possible = exact > 0
    assert counts[~possible].sum() == 0
    chi_square = ((counts - num_rows * exact) ** 2 / (num_rows * exact))[possible].sum()
    freedom = possible.sum() - 1
    assert chi_square < freedom + 4.5 * math.sqrt(2 * freedom)


def test_span_budget_is_met_exactly_and_rounded_without_bias():
    t = torch.linspace(0, 1, 2001)
    fraction = LogLinearSchedule().masked_fraction(t)
    counts = span_mask(fraction, 300, 0.8, 0.5, generator=generator()).sum(-1)
    expected = fraction.double() * 300
    assert ((counts - expected).abs() < 1).all()
    # The variance of stochastic rounding is at most 1/4.
    assert abs((counts - expected).mean()) < 4.5 * 0.5 / math.sqrt(len(t))
    whole = span_mask(torch.tensor([0.0, 0.5, 1.0]), 300, 0.8, 0.5, generator=generator()).sum(-1)
    assert whole.tolist() == [0, 150, 300]
    # Single tokens: several rounds of bulk draws until 27 different ones are found.
    assert (span_mask(torch.full((5000,), 0.9), 30, 1.0, 0, generator=generator()).sum(-1) == 27).all()


@pytest.mark.parametrize("fraction", [0.002, 0.3, 0.95])
def test_spans_cover_all_positions_alike(fraction):
    num_rows = 20_000
    mask = span_mask(torch.full((num_rows,), fraction), 30, 0.5, 0.5, generator=generator(1))
    deviation = math.sqrt(fraction * (1 - fraction) / num_rows)
    scores = (mask.double().mean(0) - fraction) / deviation
    # Neighbours are masked together, which widens this a little; starts clipped at the ends give about 80.
    assert scores.square().mean() < 2
    assert scores.abs().max() < 4.5


def test_drawn_spans_have_the_geometric_mean_length():
    # Masks this sparse hardly overlap: runs are drawn spans, but for one cut span a row.
    fraction, p0, alpha = 0.01, 0.5, 100.0
    mask = span_mask(torch.full((20,), fraction, dtype=torch.float64), 100_000, p0, alpha, 1000, generator())
    runs = (mask & ~mask.roll(1, -1)).sum().item()
    success = p0 / (1 - alpha * math.log1p(-fraction))
    density = fraction * success
    # A span merges with another when that starts on it or right behind it.
    expected_runs = mask.sum().item() * success * (1 - density * (1 / success + 1) / 2)
    assert runs == pytest.approx(expected_runs, rel=0.03)


@pytest.mark.parametrize(("p0", "alpha", "cap"), [(0.8, 0.5, 30), (0.5, 300.0, 30), (0.3, 0.0, 6)])
def test_drawn_spans_have_the_capped_geometric_law(p0, alpha, cap):
    # As above: one span in a hundred or so is merged, and one in thousands cut.
    fraction = 0.002
    row = span_mask(torch.tensor([fraction], dtype=torch.float64), 1_000_000, p0, alpha, cap, generator(5))[0]
    ends = (row & ~row.roll(-1)).nonzero().flatten()
    starts = (row & ~row.roll(1)).nonzero().flatten()
    assert not row[0] and not row[-1]
    success = p0 / (1 - alpha * math.log1p(-fraction))
    num_classes = min(cap, 6)
    expected = [success * (1 - success) ** (length - 1) for length in range(1, num_classes)]
    expected = len(starts) * torch.tensor([*expected, (1 - success) ** (num_classes - 1)], dtype=torch.float64)
    counts = torch.bincount((ends - starts + 1).clamp(max=num_classes), minlength=num_classes + 1)[1:].double()
    # Classes hardly ever seen are left out; merges put a few runs in them.
    likely = expected > 20
    chi_square = ((counts - expected) ** 2 / expected)[likely].sum()
    freedom = likely.sum() - 1
    assert freedom >= 1 and chi_square < freedom + 4.5 * math.sqrt(2 * freedom)


def test_no_span_is_longer_than_its_cap():
    mask = span_mask(torch.full((50,), 0.004, dtype=torch.float64), 10_000, 0.01, 0, 7, generator())
    ends = mask.roll(1, -1) & ~mask
    for row, row_ends in zip(mask, ends, strict=True):
        starts = (row & ~row.roll(1)).nonzero().flatten()
        assert len(starts) >= 5
        # All spans but the last have 7 tokens, so a run of another length is a merge or the cut one.
        assert (row_ends.nonzero().flatten()[: len(starts)] - starts == 7).sum() >= 3


@pytest.mark.parametrize("num_tokens", [1, 2, 12])
def test_rows_shorter_than_the_cap_are_masked(num_tokens):
    mask = span_mask(torch.full((500,), 0.9), num_tokens, 0.05, 3.0, generator=generator())
    assert (mask.sum(-1) >= int(0.9 * num_tokens)).all()


def test_span_rows_are_independent_and_reproducible():
    fractions = torch.full((4000, 2), 0.5)
    mask = span_mask(fractions.flatten(), 20, 0.5, 0.5, generator=generator(3))
    first, second = mask.view(4000, 2, 20).double().unbind(1)
    correlation = torch.corrcoef(torch.cat([first, second], -1).T)[:20, 20:]
    assert correlation.abs().max() < 4.5 / math.sqrt(4000)
    assert torch.equal(mask, span_mask(fractions.flatten(), 20, 0.5, 0.5, generator=generator(3)))
    assert not torch.equal(mask, span_mask(fractions.flatten(), 20, 0.5, 0.5, generator=generator(4)))


def test_a_list_of_generators_masks_each_share_as_alone():
    fractions = torch.tensor([0.1, 0.5, 0.999, 1.0, 0.0, 0.7])
    together = span_mask(fractions, 50, 0.8, 0.5, generator=[generator(1), generator(2), generator(3)])
    for index in range(3):
        share = slice(2 * index, 2 * index + 2)
        alone = span_mask(fractions[share], 50, 0.8, 0.5, generator=generator(index + 1))
        assert torch.equal(together[share], alone)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p0": 0.0}, "p0 must lie in"),
        ({"p0": 1.1}, "p0 must lie in"),
        ({"alpha": -0.1}, "alpha must be finite"),
        ({"alpha": math.inf}, "alpha must be finite"),
        ({"cap": 0}, "cap must be at least 1"),
        ({"masked_fraction": torch.tensor([0.5, 1.5])}, r"lie in \[0, 1\]"),
        ({"masked_fraction": torch.tensor([math.nan])}, r"lie in \[0, 1\]"),
        ({"masked_fraction": torch.tensor(0.5)}, r"shape \(batch,\)"),
        ({"masked_fraction": torch.tensor([1, 0])}, "must be float"),
        ({"generator": [torch.Generator()] * 3}, "3 for 4 rows"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    valid = {"masked_fraction": torch.full((4,), 0.5), "num_tokens": 10, "p0": 0.8, "alpha": 0.5}
    with pytest.raises(ValueError, match=message):
        span_mask(**(valid | arguments))


def test_span_masks_of_a_batch_take_milliseconds():
    """128 x 300 tokens: 2 to 3 ms where this was written, 650 in the original. The best of several, in CPU time."""
    fractions = LogLinearSchedule().masked_fraction(torch.linspace(1e-3, 1, 128))
    seconds = []
    for seed in range(15):
        start = time.thread_time()
        span_mask(fractions, 300, 0.8, 0.5, generator=generator(seed))
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.03
