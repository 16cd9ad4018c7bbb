import pytest
import torch

from aidd.training.losses.derivative_loss import derivative_loss


def loss_of(log_probs, tokens, missing, *arguments, **options):
    """The loss for log-probabilities at all tokens, `(batch, tokens, codes)`."""
    return derivative_loss(log_probs[missing], tokens, missing, *arguments, **options)


def sample(batch_size=3, num_tokens=8, num_codes=5, dims=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn((batch_size, num_tokens, num_codes), generator=generator).log_softmax(-1)
    tokens = torch.randint(num_codes, (batch_size, num_tokens), generator=generator)
    missing = torch.rand((batch_size, num_tokens), generator=generator) < 0.5
    embeddings = torch.randn((num_codes + 1, dims), generator=generator)
    return log_probs, tokens, missing, embeddings


def certain(tokens: torch.Tensor, num_codes: int) -> torch.Tensor:
    """Log-probabilities of a model that knows."""
    return torch.nn.functional.one_hot(tokens, num_codes).float().log().clamp(min=-200)


def definition(log_probs, tokens, missing, embeddings, order):
    """The paper's formula written out, a sample and a difference at a time."""
    losses = []
    for p, codes, absent in zip(log_probs.exp(), tokens, missing, strict=True):
        true = [embeddings[code] for code in codes]
        expected = [
            sum(p[i, y] * embeddings[y] for y in range(p.shape[-1])) if absent[i] else true[i]
            for i in range(len(codes))
        ]
        terms = []
        for i in range(len(codes) - order):
            if not absent[i : i + order + 1].any():
                continue
            if order == 1:
                change, of_true = expected[i + 1] - expected[i], true[i + 1] - true[i]
            else:
                change = expected[i + 2] - 2 * expected[i + 1] + expected[i]
                of_true = true[i + 2] - 2 * true[i + 1] + true[i]
            terms.append(((change - of_true) ** 2).sum())
        losses.append(torch.stack(terms).mean() if terms else torch.tensor(0.0))
    return torch.stack(losses)


@pytest.mark.parametrize("order", [1, 2])
def test_equals_its_definition(order):
    arguments = sample()
    torch.testing.assert_close(loss_of(*arguments, order), definition(*arguments, order))


@pytest.mark.parametrize("order", [1, 2])
def test_is_zero_at_the_truth_and_nowhere_else(order):
    log_probs, tokens, missing, embeddings = sample()
    assert loss_of(certain(tokens, 5), tokens, missing, embeddings, order).tolist() == [0, 0, 0]
    assert (loss_of(log_probs, tokens, missing, embeddings, order) > 0).all()
    wrong = certain((tokens + 1) % 5, 5)
    assert (loss_of(wrong, tokens, missing, embeddings, order) > 0).all()


@pytest.mark.parametrize("order", [1, 2])
def test_a_gradient_step_leads_to_the_truth(order):
    """One of two codes is true: descending makes it more probable at every missing token, at the truth no more."""
    embeddings = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    tokens = torch.tensor([[0, 1, 0, 0, 1, 1, 0]])
    missing = torch.tensor([[False, False, True, False, False, True, False]])
    logits = torch.zeros(1, 7, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        loss_of(logits.log_softmax(-1), tokens, missing, embeddings, order).sum(), logits
    )
    towards = -gradient.gather(-1, tokens[..., None])[..., 0]
    assert (towards[missing] > 0).all() and (towards[~missing] == 0).all()

    log_probs = certain(tokens, 2).requires_grad_()
    loss = loss_of(log_probs, tokens, missing, embeddings, order).sum()
    (gradient,) = torch.autograd.grad(loss, log_probs)
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("order", [1, 2])
def test_descending_on_the_probabilities_alone_finds_the_truth(order):
    _, tokens, missing, _ = sample(seed=3)
    embeddings = torch.eye(5)
    logits = torch.zeros(3, 8, 5, requires_grad=True)
    optimizer = torch.optim.Adam([logits], 0.1)
    for _ in range(300):
        optimizer.zero_grad()
        # Next to a visible token, a missing one has the right difference only where it is right.
        loss_of(logits.log_softmax(-1), tokens, missing, embeddings, order).sum().backward()
        optimizer.step()
    assert torch.equal(logits.argmax(-1)[missing], tokens[missing])


def test_the_table_is_not_learned_from():
    log_probs, tokens, missing, embeddings = sample()
    log_probs.requires_grad_()
    embeddings.requires_grad_()
    loss = loss_of(log_probs, tokens, missing, embeddings).sum()
    assert torch.autograd.grad(loss, embeddings, allow_unused=True) == (None,)


def test_only_real_columns_count():
    """Neither the mask's embedding nor probability on a code that the model cannot generate has a part."""
    log_probs, tokens, missing, embeddings = sample()
    changed = embeddings.clone()
    changed[5] = 1e6
    torch.testing.assert_close(
        loss_of(log_probs, tokens, missing, changed), loss_of(log_probs, tokens, missing, embeddings)
    )
    # A score model: the last code stands for the mask, and scores are not normalised.
    log_probs = torch.cat([log_probs + 0.3, torch.full_like(log_probs[..., :1], -torch.inf)], -1)
    torch.testing.assert_close(
        loss_of(log_probs, tokens, missing, changed),
        loss_of(log_probs[..., :5], tokens, missing, changed),
    )


def test_differences_with_a_code_that_cannot_be_generated_are_left_out():
    log_probs = torch.zeros(1, 4, 3).log_softmax(-1)
    log_probs[..., 2] = -torch.inf
    embeddings = torch.tensor([[0.0], [1.0], [100.0]])
    tokens, missing = torch.tensor([[0, 2, 0, 1]]), torch.tensor([[False, True, False, True]])
    # The loss of the last pair alone, whose missing code is half way.
    assert loss_of(log_probs, tokens, missing, embeddings).item() == pytest.approx(0.25)


@pytest.mark.parametrize("order", [1, 2])
def test_each_sample_has_its_own_mean(order):
    log_probs, tokens, missing, embeddings = sample()
    missing[0] = False
    together = loss_of(log_probs, tokens, missing, embeddings, order)
    alone = [loss_of(*(part[i : i + 1] for part in (log_probs, tokens, missing)), embeddings, order) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone))
    assert together[0] == 0


def test_another_order_is_refused():
    with pytest.raises(ValueError, match="order must be 1 or 2, got 3"):
        loss_of(*sample(), order=3)
