import itertools

import numpy as np
import pytest
import torch

from aidd.schedulers import GeometricSchedule, LogLinearSchedule
from aidd.training.losses.score_entropy import score_entropy_loss


def loss_of(log_probs, tokens, missing, *arguments):
    """The loss for log-probabilities at all tokens, `(batch, tokens, codes)`."""
    return score_entropy_loss(log_probs[missing], tokens, missing, *arguments)


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
    loss = loss_of(log_probs, tokens, missing, t, schedule)
    torch.testing.assert_close(loss, definition(log_probs, tokens, missing, t, schedule))


def test_of_a_normalised_model_is_cross_entropy_over_t():
    generator = torch.Generator().manual_seed(1)
    log_probs = torch.randn(2, 4, 6, generator=generator).log_softmax(-1)
    tokens = torch.randint(6, (2, 4), generator=generator)
    missing = torch.tensor([[True, False, True, False]] * 2)
    t = torch.tensor([0.25, 0.8])
    nll = -log_probs.gather(-1, tokens[..., None])[..., 0]
    loss = loss_of(log_probs, tokens, missing, t, LogLinearSchedule())
    torch.testing.assert_close(loss, (nll * missing).sum(-1) / t)


def test_is_least_at_the_true_conditional():
    true = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    log_probs = true.log().clone().requires_grad_()
    tokens, missing = torch.tensor([[0], [1], [2]]), torch.ones(3, 1, dtype=torch.bool)
    losses = loss_of(log_probs.expand(3, 1, 3), tokens, missing, torch.full((3,), 0.5), LogLinearSchedule())
    (gradient,) = torch.autograd.grad((true * losses).sum(), log_probs)
    torch.testing.assert_close(gradient, torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)


def test_visible_tokens_do_not_count_and_impossible_codes_are_left_out():
    log_probs = torch.zeros(1, 3, 4).log_softmax(-1)
    log_probs[..., 3] = -torch.inf
    tokens = torch.tensor([[3, 0, 0]])
    missing = torch.tensor([[True, False, True]])
    loss = loss_of(log_probs, tokens, missing, torch.tensor([0.5]), LogLinearSchedule())
    alone = loss_of(log_probs[:, 2:], tokens[:, 2:], missing[:, 2:], torch.tensor([0.5]), LogLinearSchedule())
    assert loss.isfinite().all()
    torch.testing.assert_close(loss, alone)


def markov_chain() -> tuple[torch.Tensor, torch.Tensor]:
    """All sequences of three codes of a Markov chain over three, `(27, 3)`, and their probabilities."""
    generator = torch.Generator().manual_seed(2)
    start = torch.rand(3, generator=generator, dtype=torch.float64)
    transition = torch.rand((3, 3), generator=generator, dtype=torch.float64) ** 2
    start, transition = start / start.sum(), transition / transition.sum(-1, keepdim=True)
    sequences = torch.tensor(list(itertools.product(range(3), repeat=3)))
    probs = start[sequences[:, 0]] * transition[sequences[:, 0], sequences[:, 1]]
    return sequences, probs * transition[sequences[:, 1], sequences[:, 2]]


def true_log_probs(sequences: torch.Tensor, probs: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
    """log p(x_i = y | visible codes), by summing over all sequences that agree with what is visible."""
    agree = ((sequences[:, None] == sequences[None]) | missing).all(-1).double() * probs
    codes = torch.nn.functional.one_hot(sequences, 3).double()
    return (torch.einsum("sr,riy->siy", agree, codes) / agree.sum(-1)[:, None, None]).log()


def expected_loss(schedule: LogLinearSchedule, model) -> torch.Tensor:
    """The loss over the chain, all masks and all times (Gauss-Legendre: exact for the polynomials they are)."""
    sequences, probs = markov_chain()
    nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(8))
    total = torch.zeros((), dtype=torch.float64)
    for mask in itertools.product((False, True), repeat=3):
        missing = torch.tensor(mask).expand(len(sequences), 3)
        log_probs = model(true_log_probs(sequences, probs, missing[0]))
        for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            loss = loss_of(log_probs, sequences, missing, t.expand(len(sequences)), schedule)
            m = schedule.masked_fraction(t)
            total += weight * m ** sum(mask) * (1 - m) ** (3 - sum(mask)) * (probs * loss).sum()
    return total


def test_a_perfect_model_reaches_the_entropy_of_a_chain_exactly():
    """Enumerated: in expectation over the forward process, DWDSE of the true conditionals is the entropy."""
    _, probs = markov_chain()
    entropy = -(probs * probs.log()).sum()
    loss = expected_loss(LogLinearSchedule(eps=1e-12), lambda log_probs: log_probs)
    torch.testing.assert_close(loss, entropy, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    "model",
    [
        lambda log_probs: (0.7 * log_probs).log_softmax(-1),
        lambda log_probs: log_probs + 0.1,
        lambda log_probs: log_probs.roll(1, -1),
    ],
)
def test_any_other_model_is_above_the_bound(model):
    schedule = LogLinearSchedule(eps=1e-12)
    assert expected_loss(schedule, model) > expected_loss(schedule, lambda log_probs: log_probs) + 1e-3
