import pytest
import torch

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.schedulers import LogLinearSchedule
from aidd.training.losses.validation import gap_cross_entropy


CODES = 11


def model(**changes):
    torch.manual_seed(0)
    config = DiTTokenConfig(
        codebook_size=CODES,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=12,
        **changes,
    )
    new = DiTTokenModel(config).eval()
    torch.nn.init.normal_(new.head.weight)
    torch.nn.init.normal_(new.head.bias)
    return new


SCORE = {"parameterization": "score", "time_conditioning": True}
WINDOWS = torch.randint(CODES - 1, (5, 12), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("changes", [{}, SCORE], ids=["log_probs", "score"])
def test_it_is_what_the_model_says_of_the_codes_it_can_generate(changes):
    tried = model(**changes)
    missing = torch.zeros(1, 12, dtype=torch.bool)
    missing[:, 4:8] = True
    # The masked fraction of the log-linear schedule is 1 - exp(-sigma).
    sigma = -torch.log(torch.tensor([1 - 4 / 12])) if changes else None
    nats = gap_cross_entropy(tried, WINDOWS, 4, LogLinearSchedule(), batch_size=2)
    assert nats.shape == (5, 4)
    for row, tokens in enumerate(WINDOWS):
        with torch.no_grad():
            probabilities = tried(tokens[None], missing, sigma).log_probs[0, 4:8].exp()
        expected = -(probabilities[torch.arange(4), tokens[4:8]] / probabilities.sum(-1)).log()
        # The schedule stops short of time 1: its sigma is that of a fraction a little off.
        torch.testing.assert_close(nats[row], expected, rtol=1e-3, atol=1e-4)


def test_a_code_that_cannot_be_generated_is_infinitely_unlikely():
    windows = WINDOWS.clone()
    windows[2, 5] = CODES - 1
    assert gap_cross_entropy(model(**SCORE), windows, 4, LogLinearSchedule()).isinf().nonzero().tolist() == [[2, 1]]
    assert gap_cross_entropy(model(), windows, 4, LogLinearSchedule()).isfinite().all()


def test_a_gap_without_context_is_refused():
    with pytest.raises(ValueError, match=r"gap must lie in \[1, 11\], got 12"):
        gap_cross_entropy(model(), WINDOWS, 12, LogLinearSchedule())
