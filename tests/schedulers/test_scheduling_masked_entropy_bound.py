"""Laws of the entropy bound that hold for any network."""

import math

import pytest
import torch

from aidd.schedulers import MaskedDiscreteScheduler, MaskedEntropyBoundScheduler
from aidd.schedulers.scheduling_masked_entropy_bound import accept_within_bound, entropies


BATCH, TOKENS, CODES = 40, 12, 7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def predict(tokens: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
    """A prediction that depends on all visible tokens of the row, sharp at some tokens and flat at others."""
    visible = (tokens + 1).masked_fill(missing, 0)
    phases = visible.cumsum(-1)[..., None] + 3 * visible.sum(-1)[:, None, None] * torch.arange(CODES)
    sharpness = torch.linspace(0.1, 12, tokens.shape[1]).roll(5)[:, None]
    return (sharpness * phases.double().sin()).log_softmax(-1)


def damaged() -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, of which rows miss from none to all."""
    tokens = torch.randint(CODES, (BATCH, TOKENS), generator=generator(1))
    missing = torch.arange(TOKENS) < (torch.arange(BATCH) % (TOKENS + 1))[:, None]
    return tokens, missing.gather(1, torch.rand(BATCH, TOKENS, generator=generator(2)).argsort(-1))


def run(scheduler, tokens, missing, draws):
    """The loop of a pipeline; yields the time, the state before each step and behind it."""
    scheduler.set_timesteps(num_missing=missing.sum(-1), generator=draws)
    for t in scheduler.timesteps:
        if not missing.any():
            break
        output = scheduler.step(predict(tokens, missing), t, tokens, missing=missing, generator=draws)
        yield t.clone(), tokens, missing, output
        tokens, missing = output.prev_sample, output.prev_missing
    assert not missing.any()


def test_entropies_are_in_nats_and_do_not_depend_on_the_scale():
    log_probs = torch.tensor([[0.25, 0.25, 0.5, 0], [0, 1, 0, 0], [0.25] * 4], dtype=torch.float64).log()
    expected = torch.tensor([1.5, 0, 2], dtype=torch.float64) * math.log(2)
    torch.testing.assert_close(entropies(log_probs), expected)
    torch.testing.assert_close(entropies(log_probs + 100), expected)


@pytest.mark.parametrize("bound", [0.0, 0.3, 1.0, 2.5, 1e6])
def test_as_many_tokens_are_accepted_as_the_bound_allows_and_no_more(bound):
    entropy = 2 * torch.rand(BATCH, TOKENS, generator=generator(), dtype=torch.float64) ** 3
    missing = damaged()[1]
    accepted = accept_within_bound(entropy, missing, bound)
    assert not (accepted & ~missing).any()
    for values, candidates, chosen in zip(entropy, missing, accepted, strict=True):
        ascending = values[candidates].sort().values.tolist()
        allowed = [k for k in range(len(ascending) + 1) if sum(ascending[:k]) - max(ascending[:k], default=0) <= bound]
        assert values[chosen].sort().values.tolist() == ascending[: max(allowed)]
        assert chosen.any() == candidates.any()


def test_certain_tokens_are_accepted_together_at_bound_zero_and_the_first_of_equals_alone():
    entropy, missing = torch.tensor([[0, 0.5, 0, 0.4, 0], [0.7] * 5]), torch.ones(2, 5, dtype=torch.bool)
    missing[1, 0] = False
    accepted = accept_within_bound(entropy, missing, 0.0)
    assert accepted.tolist() == [[True, False, True, True, True], [False, True, False, False, False]]


@pytest.mark.parametrize("bound", [0.0, 0.5, 2.0])
def test_no_step_exceeds_the_bound_and_calls_are_at_most_missing_tokens(bound):
    tokens, missing = damaged()
    steps = list(run(MaskedEntropyBoundScheduler(entropy_bound=bound), tokens, missing, generator()))
    for _, before, missing_before, output in steps:
        drawn = output.sampled_tokens >= 0
        values = torch.where(drawn, entropies(predict(before, missing_before)), 0)
        assert (values.sum(-1) - values.amax(-1) <= bound + 1e-12).all()
        assert torch.equal(drawn.any(-1), missing_before.any(-1))
        rest = torch.where(missing_before & ~drawn, entropies(predict(before, missing_before)), torch.inf)
        assert (values.amax(-1) <= rest.amin(-1)).all()
    active = torch.stack([missing_before.any(-1) for _, _, missing_before, _ in steps])
    assert (active.sum(0) <= missing.sum(-1)).all()
    calls_of_first_hitting = missing.sum(-1).max()
    assert len(steps) == calls_of_first_hitting if bound == 0 else len(steps) < calls_of_first_hitting


def test_the_choice_of_tokens_does_not_depend_on_what_is_drawn():
    tokens, missing = damaged()
    left = []
    for seed, temperature in ((0, 1.0), (1, 1.0), (0, 0.3)):
        scheduler = MaskedEntropyBoundScheduler(temperature=temperature)
        scheduler.set_timesteps(num_missing=missing.sum(-1))
        prediction = predict(tokens, missing)
        output = scheduler.step(prediction, scheduler.timesteps[0], tokens, missing=missing, generator=generator(seed))
        left.append(output.prev_missing)
    assert torch.equal(left[0], left[1]) and torch.equal(left[0], left[2])


def test_learned_rates_of_a_score_network_change_nothing():
    tokens, missing = damaged()
    scheduler = MaskedEntropyBoundScheduler()
    scheduler.set_timesteps(num_missing=missing.sum(-1))
    rates = 3 * torch.randn(BATCH, TOKENS, 1, generator=generator(), dtype=torch.float64)
    first, second = (
        scheduler.step(prediction, scheduler.timesteps[-1], tokens, missing=missing, generator=generator())
        for prediction in (predict(tokens, missing), predict(tokens, missing) + rates)
    )
    assert torch.equal(first.prev_sample, second.prev_sample) and torch.equal(first.prev_missing, second.prev_missing)


def test_every_row_is_shown_the_hitting_time_of_its_own_next_token():
    tokens, missing = damaged()
    first_hitting = MaskedDiscreteScheduler()
    first_hitting.set_timesteps(num_missing=missing.sum(-1), generator=generator(3))
    rows = torch.arange(BATCH)
    together = 0
    for t, _, missing_before, output in run(MaskedEntropyBoundScheduler(), tokens, missing, generator(3)):
        hits = (missing & ~missing_before).sum(-1)
        active = missing_before.any(-1)
        assert torch.equal(t[active], first_hitting.timesteps[hits[active], rows[active]])
        together = max(together, int((output.sampled_tokens >= 0).sum(-1).max()))
    assert together > 3


@pytest.mark.parametrize("bound", [-0.1, math.inf, math.nan])
def test_impossible_bounds_are_refused(bound):
    with pytest.raises(ValueError, match="entropy_bound must be finite and at least 0"):
        MaskedEntropyBoundScheduler(entropy_bound=bound)
