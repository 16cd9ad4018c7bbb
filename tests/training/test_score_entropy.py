import itertools

import pytest
import torch

from aidd.schedulers import GeometricSchedule, LogLinearSchedule
from aidd.training.score_entropy import score_entropy_loss


def definition(log_probs, tokens, missing, t, schedule):
    """Theorem 3.6 of SEDD written out, one token at a time, with scores."""
    losses = torch.zeros(len(tokens), dtype=torch.float64)
    for row, position in itertools.product(range(tokens.shape[0]), range(tokens.shape[1])):
        if not missing[row, position]:
            continue
        r = 1 / torch.expm1(schedule.sigma(t[row]))
        scores = log_probs[row, position].exp() * r
        entropy = scores.sum() - r * scores[tokens[row, position]].log() + r * (r.log() - 1)
        losses[row] += schedule.rate(t[row]) * entropy
    return losses


@pytest.mark.parametrize("schedule", [LogLinearSchedule(), GeometricSchedule()])
def test_equals_its_definition_in_scores(schedule):
    generator = torch.Generator().manual_seed(0)
    log_probs = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64)
    tokens = torch.randint(7, (3, 5), generator=generator)
    missing = torch.rand(3, 5, generator=generator) < 0.5
    t = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    loss = score_entropy_loss(log_probs, tokens, missing, t, schedule)
    torch.testing.assert_close(loss, definition(log_probs, tokens, missing, t, schedule))


def test_of_a_normalised_model_is_cross_entropy_over_t():
    generator = torch.Generator().manual_seed(1)
    log_probs = torch.randn(2, 4, 6, generator=generator).log_softmax(-1)
    tokens = torch.randint(6, (2, 4), generator=generator)
    missing = torch.tensor([[True, False, True, False]] * 2)
    t = torch.tensor([0.25, 0.8])
    nll = -log_probs.gather(-1, tokens[..., None])[..., 0]
    loss = score_entropy_loss(log_probs, tokens, missing, t, LogLinearSchedule())
    torch.testing.assert_close(loss, (nll * missing).sum(-1) / t)


def test_is_least_at_the_true_conditional():
    true = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    log_probs = true.log().clone().requires_grad_()
    tokens, missing = torch.tensor([[0], [1], [2]]), torch.ones(3, 1, dtype=torch.bool)
    losses = score_entropy_loss(log_probs.expand(3, 1, 3), tokens, missing, torch.full((3,), 0.5), LogLinearSchedule())
    (gradient,) = torch.autograd.grad((true * losses).sum(), log_probs)
    torch.testing.assert_close(gradient, torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)


def test_visible_tokens_do_not_count_and_impossible_codes_are_left_out():
    log_probs = torch.zeros(1, 3, 4).log_softmax(-1)
    log_probs[..., 3] = -torch.inf
    tokens = torch.tensor([[3, 0, 0]])
    missing = torch.tensor([[True, False, True]])
    loss = score_entropy_loss(log_probs, tokens, missing, torch.tensor([0.5]), LogLinearSchedule())
    alone = score_entropy_loss(
        log_probs[:, 2:], tokens[:, 2:], missing[:, 2:], torch.tensor([0.5]), LogLinearSchedule()
    )
    assert loss.isfinite().all()
    torch.testing.assert_close(loss, alone)


def test_a_perfect_model_reaches_the_entropy_of_the_chain():
    """In expectation over the forward process, DWDSE of the true conditionals is the entropy of the data."""
    generator = torch.Generator().manual_seed(2)
    joint = torch.rand((3, 3), generator=generator, dtype=torch.float64)
    joint /= joint.sum()
    entropy = -(joint * joint.log()).sum()

    schedule, num_samples = LogLinearSchedule(), 200_000
    flat = torch.multinomial(joint.flatten(), num_samples, replacement=True, generator=generator)
    tokens = torch.stack([flat // 3, flat % 3], dim=-1)
    # Stratified times keep the variance low.
    t = (torch.arange(num_samples) + torch.rand(num_samples, generator=generator, dtype=torch.float64)) / num_samples
    missing = (
        torch.rand((num_samples, 2), generator=generator, dtype=torch.float64) < schedule.masked_fraction(t)[:, None]
    )
    conditionals = (joint / joint.sum(0), (joint.T / joint.sum(1)).contiguous())
    marginals = (joint.sum(1), joint.sum(0))
    log_probs = torch.stack(
        [
            torch.where(
                missing[:, 1 - i, None],
                marginals[i].log().expand(num_samples, 3),
                conditionals[i].T[tokens[:, 1 - i]].log(),
            )
            for i in range(2)
        ],
        dim=1,
    )
    loss = score_entropy_loss(log_probs, tokens, missing, t, schedule)
    standard_error = loss.std() / num_samples**0.5
    # The schedule leaves a thousandth of the tokens unmasked at t = 1.
    assert abs(loss.mean() - entropy) < 4 * standard_error + 2e-3 * entropy
