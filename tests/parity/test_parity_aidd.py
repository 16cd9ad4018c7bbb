"""AIDD's network, loss and sampler against the original code: the same random weights, float32 on the CPU."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from aidd.models.dit_token import DiTTokenModel
from aidd.models.dit_token.convert_aidd_checkpoint import convert_checkpoint
from aidd.schedulers import LogLinearSchedule
from aidd.schedulers.scheduling_tau_leaping import transition_probs
from aidd.training.losses.score_entropy import score_entropy_loss


# The warnings are the original code's.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

SIGMAS = (1e-5, 0.7, 6.9)
MASK_ID = 4095


@pytest.fixture(scope="module")
def original_repo():
    folder = os.environ.get("AIDD_OFFICIAL_REPO")
    if folder is None:
        pytest.skip("needs AIDD_OFFICIAL_REPO, the folder of a checkout of github.com/iftachShoham/AIDD")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Path(folder)


@pytest.fixture(scope="module", params=["small", "medium"])
def pair(request, original_repo, tmp_path_factory):
    """The original with random moving averages, none of them at its initial 0 or 1, and ours, from its file."""
    from core.losses.losses import get_optimizer, optimization_manager
    from core.models import SEDD
    from core.models.ema import ExponentialMovingAverage
    from omegaconf import OmegaConf

    config = OmegaConf.load(original_repo / "configs" / "config.yaml")
    config.pop("defaults")
    config.model.update(OmegaConf.load(original_repo / "configs" / "model" / f"{request.param}.yaml"))
    torch.manual_seed(0)
    original = SEDD(config).eval()
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    ema = ExponentialMovingAverage(original.parameters(), decay=config.training.ema)
    for average in ema.shadow_params:
        average.mul_(1 + 0.2 * torch.randn(average.shape))
    optimizer = get_optimizer(config, original.parameters())
    scaler = SimpleNamespace(unscale_=lambda _: None, step=lambda _: None, update=lambda: None)
    # Leaves its learning rate in the optimizer as a numpy scalar.
    optimization_manager(config)(optimizer, scaler, [], step=3, grad_clip=-1)

    folder = tmp_path_factory.mktemp("aidd")
    states = {"model": original, "ema": ema, "optimizer": optimizer}
    torch.save({name: part.state_dict() for name, part in states.items()} | {"step": 3}, folder / "checkpoint.pth")
    OmegaConf.save(config, folder / "config.yaml")
    convert_checkpoint(folder / "checkpoint.pth", folder / "config.yaml", folder / "converted")
    (folder / "checkpoint.pth").unlink()
    ema.copy_to(original.parameters())
    return SimpleNamespace(
        name=request.param,
        config=config,
        original=original,
        ours=DiTTokenModel.from_pretrained(folder / "converted").eval(),
    )


def corrupted(batch_size: int, num_tokens: int, fraction: float):
    """Clean codes, none of them the clashing one, and which of them are missing."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(MASK_ID, (batch_size, num_tokens), generator=generator)
    return tokens, torch.rand(tokens.shape, generator=generator) < fraction


@torch.no_grad()
@pytest.mark.parametrize("sigma", SIGMAS)
def test_log_scores_are_equal(pair, sigma):
    tokens, missing = corrupted(batch_size=2, num_tokens=300, fraction=0.6)
    # Two items of different noise, so that a mix-up along the batch shows.
    sigma = torch.tensor([sigma, 1.1 * sigma])
    expected = pair.original(tokens.masked_fill(missing, MASK_ID), sigma)[missing][:, :MASK_ID]
    log_probs = pair.ours(tokens, missing, sigma).log_probs
    log_scores = (log_probs - torch.expm1(sigma).log()[:, None, None])[missing][:, :MASK_ID]
    difference = (log_scores - expected).abs().max()
    print(
        f"\n{pair.name}, sigma {sigma[0]:g}: log-scores differ by {difference:.1e} "
        f"(they spread by {expected.std(-1).mean():.2f})"
    )
    assert expected.std(-1).mean() > 0.5
    assert difference <= 1e-4


@torch.no_grad()
def test_loss_is_equal(pair):
    from core.losses.losses import get_loss_fn
    from core.utils.graph_lib import get_graph
    from core.utils.noise_lib import get_noise

    noise, graph = get_noise(pair.config), get_graph(pair.config, "cpu")
    loss_fn = get_loss_fn(noise, graph, train=False, lamda=0.0, mask_token_id=MASK_ID)
    t = torch.tensor([1e-3, 0.1, 0.5, 1.0])
    tokens, missing = corrupted(batch_size=len(t), num_tokens=150, fraction=0.6)
    schedule = LogLinearSchedule()
    expected = loss_fn(pair.original, tokens, t=t, perturbed_batch=tokens.masked_fill(missing, MASK_ID))
    log_probs = pair.ours(tokens, missing, schedule.sigma(t), positions=missing).log_probs
    loss = score_entropy_loss(log_probs, tokens, missing, t, schedule)
    difference = ((loss - expected) / expected).abs().max()
    print(f"\n{pair.name}: DWDSE losses differ by {difference:.1e}, relatively")
    assert difference <= 1e-5


@torch.no_grad()
@pytest.mark.parametrize(("t", "t_next"), [(1.0, 0.99), (0.5, 0.25), (0.1, 0.0992)])
def test_analytic_step_is_equal(pair, t, t_next):
    from core.utils.graph_lib import get_graph
    from core.utils.noise_lib import get_noise

    noise, graph, schedule = get_noise(pair.config), get_graph(pair.config, "cpu"), LogLinearSchedule()
    tokens, missing = corrupted(batch_size=2, num_tokens=100, fraction=0.6)
    masked_tokens = tokens.masked_fill(missing, MASK_ID)
    t, t_next = torch.full((2,), t), torch.full((2,), t_next)
    log_scores = pair.original(masked_tokens, noise(t)[0])

    def original_step(dtype):
        sigma, sigma_next = noise(t[:, None].to(dtype))[0], noise(t_next[:, None].to(dtype))[0]
        staggered = graph.staggered_score(log_scores.to(dtype).exp(), sigma - sigma_next)
        return (staggered * graph.transp_transition(masked_tokens, sigma - sigma_next))[missing]

    def differences(log_probs, expected):
        probs, stay = transition_probs(log_probs, t, t_next, schedule)
        of_codes = (probs[missing][:, :MASK_ID] - expected[:, :MASK_ID]).abs().max().item()
        return of_codes, (stay[missing] - expected[:, MASK_ID]).abs().max().item()

    # In float32 the original's probability of staying is a difference of large numbers, off by more than 1e-6 from
    # what its own formula gives in float64.
    expected, expected_float32 = original_step(torch.float64), original_step(torch.float32)
    same_scores = log_scores + torch.expm1(schedule.sigma(t)).log()[:, None, None]
    same_scores[..., MASK_ID] = -torch.inf
    ours = pair.ours(tokens, missing, schedule.sigma(t)).log_probs
    of_codes, of_staying = differences(same_scores, expected)
    end_to_end = differences(ours, expected)
    float32 = differences(same_scores, expected_float32)
    print(
        f"\n{pair.name}, t {t[0]:g} to {t_next[0]:g}: probabilities of codes differ by {of_codes:.1e}, of staying by "
        f"{of_staying:.1e}; through both networks by {end_to_end[0]:.1e} and {end_to_end[1]:.1e}; with the original's "
        f"step in float32 by {float32[0]:.1e} and {float32[1]:.1e}"
    )
    assert max(of_codes, of_staying) <= 1e-6
    assert max(end_to_end[0], float32[0]) <= 1e-6
    assert max(end_to_end[1], float32[1]) <= 1e-5
