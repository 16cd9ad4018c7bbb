"""What holds for every scheduler, and the laws of each that an enumeration with a perfect network cannot see."""

import itertools
import logging
import math

import pytest
import torch

from aidd.schedulers import (
    DiscreteSchedulerOutput,
    EulerTauLeapingScheduler,
    LogLinearSchedule,
    MaskedDiscreteScheduler,
    MaskedEntropyBoundScheduler,
    TauLeapingScheduler,
    ThetaTrapezoidalScheduler,
)
from aidd.schedulers.sampling import shape_log_probs


# Those that call the network as often as the missing tokens need, and those that do so as often as they are told.
BY_TOKENS = [MaskedDiscreteScheduler, MaskedEntropyBoundScheduler]
TAU_LEAPING = [TauLeapingScheduler, EulerTauLeapingScheduler]
SCHEDULERS = [*BY_TOKENS, *TAU_LEAPING, ThetaTrapezoidalScheduler]
# Arguments that some of them alone have.
OWN_ARGUMENTS = {
    MaskedDiscreteScheduler: {},
    MaskedEntropyBoundScheduler: {"entropy_bound": 0.3},
    TauLeapingScheduler: {"schedule": "geometric", "eps": 1e-3},
    EulerTauLeapingScheduler: {"schedule": "geometric", "eps": 1e-3},
    ThetaTrapezoidalScheduler: {"theta": 0.3},
}
BATCH, TOKENS, CODES = 6, 9, 11

every_scheduler = pytest.mark.parametrize("scheduler_class", SCHEDULERS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def predict(tokens: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
    """A prediction that depends on all visible tokens of the row; code 5 cannot be generated."""
    visible = (tokens + 1).masked_fill(missing, 0)
    phases = visible.cumsum(-1)[..., None] + 3 * visible.sum(-1)[:, None, None] * torch.arange(CODES)
    logits = 2 * phases.double().sin().float()
    logits[..., 5] = -torch.inf
    return logits.log_softmax(-1)


def damaged() -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and a mask whose rows miss from none to all of them."""
    tokens = torch.randint(CODES, (BATCH, TOKENS), generator=generator(1))
    missing = torch.arange(TOKENS) < torch.tensor([0, 1, 3, 9, 5, 5])[:, None]
    return tokens, missing.gather(1, torch.rand(BATCH, TOKENS, generator=generator(2)).argsort(-1))


def sample(scheduler, tokens, missing, draws, num_inference_steps=None):
    """The loop of a pipeline; yields the state before each step, the prediction and the output."""
    scheduler.set_timesteps(num_inference_steps, num_missing=missing.sum(-1), generator=draws)
    for t in scheduler.timesteps:
        output = scheduler.step(predict(tokens, missing), t, tokens, missing=missing, generator=draws)
        yield tokens, missing, output
        tokens, missing = output.prev_sample, output.prev_missing


def steps_of(scheduler_class) -> int | None:
    return None if scheduler_class in BY_TOKENS else 8


@every_scheduler
def test_steps_fill_missing_tokens_and_change_no_other(scheduler_class):
    scheduler, (tokens, missing) = scheduler_class(), damaged()
    *_, last = states = list(sample(scheduler, tokens, missing, generator(), steps_of(scheduler_class)))
    assert len(states) == len(scheduler)
    for before, missing_before, output in states:
        drawn = output.sampled_tokens >= 0
        assert torch.equal(drawn, missing_before & ~output.prev_missing)
        assert torch.equal(output.prev_sample, torch.where(drawn, output.sampled_tokens, before))
        assert (output.sampled_tokens[~drawn] == -1).all()
        assert not (output.sampled_tokens == 5).any()
    assert not last[2].prev_missing.any()
    assert torch.equal(last[2].prev_sample[~missing], tokens[~missing])


@every_scheduler
def test_what_stands_at_missing_tokens_is_never_read(scheduler_class):
    tokens, missing = damaged()
    results = []
    for filler in (-(2**60), 4):
        filled = tokens.masked_fill(missing, filler)
        *_, (_, _, output) = sample(scheduler_class(), filled, missing, generator(), steps_of(scheduler_class))
        results.append(output.prev_sample)
    assert torch.equal(*results)


@every_scheduler
def test_a_row_in_a_batch_equals_the_row_alone(scheduler_class):
    tokens, missing = (x[3:5].repeat(3, 1) for x in damaged())
    *_, (_, _, together) = sample(
        scheduler_class(), tokens, missing, [generator(seed) for seed in range(3)], steps_of(scheduler_class)
    )
    for seed in range(3):
        alone = sample(scheduler_class(), tokens[:2], missing[:2], generator(seed), steps_of(scheduler_class))
        *_, (_, _, output) = alone
        assert torch.equal(together.prev_sample[2 * seed : 2 * seed + 2], output.prev_sample)
    assert len(together.prev_sample[::2].unique(dim=0)) == 3


@every_scheduler
def test_top_p_near_zero_draws_the_most_probable_code(scheduler_class):
    tokens, missing = damaged()
    for before, missing_before, output in sample(
        scheduler_class(top_p=1e-6), tokens, missing, generator(), steps_of(scheduler_class)
    ):
        drawn = output.sampled_tokens >= 0
        best = predict(before, missing_before).argmax(-1)
        assert torch.equal(output.sampled_tokens[drawn], best[drawn])


@every_scheduler
def test_temperature_shapes_codes_and_leaves_unmasking_alone(scheduler_class):
    num_draws, log_probs = 100_000, torch.tensor([0.1, 0.3, 0.6]).log() - 0.5
    shape = (num_draws, 1)
    outputs = []
    for temperature in (1.0, 0.5):
        scheduler = scheduler_class(temperature=temperature)
        steps = None if scheduler_class in BY_TOKENS else 2
        scheduler.set_timesteps(steps, num_missing=torch.ones(num_draws, dtype=torch.int64), generator=generator())
        outputs.append(
            scheduler.step(
                log_probs.expand(*shape, 3),
                scheduler.timesteps[0],
                torch.zeros(shape, dtype=torch.int64),
                missing=torch.ones(shape, dtype=torch.bool),
                generator=generator(),
            )
        )
    assert torch.equal(outputs[0].prev_missing, outputs[1].prev_missing)
    for output, power in zip(outputs, (1, 2), strict=True):
        drawn = output.sampled_tokens[output.sampled_tokens >= 0]
        frequencies = torch.bincount(drawn, minlength=3) / len(drawn)
        torch.testing.assert_close(frequencies, (power * log_probs).softmax(-1), atol=0.012, rtol=0)


def test_hitting_times_of_n_tokens_are_n_ordered_uniform_draws():
    num_rows, num_missing = 50_000, 5
    scheduler = MaskedDiscreteScheduler()
    scheduler.set_timesteps(num_missing=torch.full((num_rows,), num_missing), generator=generator())
    assert scheduler.timesteps.shape == (num_missing, num_rows)
    assert (scheduler.timesteps.diff(dim=0) <= 0).all() and (scheduler.timesteps > 0).all()
    # Order statistics of uniform draws, largest first: mean (n - k) / (n + 1), and all together uniform.
    means = torch.arange(num_missing, 0, -1).double() / (num_missing + 1)
    torch.testing.assert_close(scheduler.timesteps.mean(-1), means, atol=0.005, rtol=0)
    pooled = scheduler.timesteps.flatten().sort().values
    grid = torch.linspace(0, 1, len(pooled), dtype=torch.float64)
    assert (pooled - grid).abs().max() < 2 / math.sqrt(num_rows)


def test_rows_of_first_hitting_are_hit_first_and_idle_last():
    num_missing = torch.tensor([3, 0, 5, 1])
    scheduler = MaskedDiscreteScheduler()
    scheduler.set_timesteps(num_missing=num_missing, generator=generator())
    assert scheduler.num_inference_steps == len(scheduler) == 5
    moves = torch.cat([torch.ones(1, 4), scheduler.timesteps]).diff(dim=0) < 0
    assert torch.equal(moves, torch.arange(5)[:, None] < num_missing)

    tokens, missing = damaged()
    hits = [(output.sampled_tokens >= 0).sum(-1) for *_, output in sample(scheduler, tokens, missing, generator())]
    expected = (torch.arange(TOKENS)[:, None] < missing.sum(-1)).long()
    assert torch.equal(torch.stack(hits), expected)


def test_first_hitting_chooses_positions_uniformly():
    num_draws = 100_000
    missing = torch.tensor([False, True, True, False, True, False, True]).expand(num_draws, -1)
    output = MaskedDiscreteScheduler().step(
        torch.zeros(num_draws, 7, 3),
        torch.ones(num_draws),
        torch.zeros(num_draws, 7, dtype=torch.int64),
        missing=missing,
        generator=generator(),
    )
    chosen = (output.sampled_tokens >= 0).double()
    assert (chosen.sum(-1) == 1).all()
    torch.testing.assert_close(chosen.mean(0), missing[0].double() / 4, atol=0.007, rtol=0)


@pytest.mark.parametrize("scheduler_class", TAU_LEAPING)
def test_tau_leaping_calls_at_equal_steps_of_time_and_once_at_eps(scheduler_class):
    scheduler = scheduler_class(eps=0.2)
    scheduler.set_timesteps(4, num_missing=torch.tensor([0, 7]))
    expected = torch.tensor([1, 0.8, 0.6, 0.4, 0.2], dtype=torch.float64)
    torch.testing.assert_close(scheduler.timesteps, expected[:, None].repeat(1, 2))
    assert (scheduler.num_inference_steps, len(scheduler)) == (4, 5)
    scheduler.set_timesteps(num_missing=torch.tensor([0, 7]))
    assert len(scheduler) == 1025


@pytest.mark.parametrize("scheduler_class", TAU_LEAPING)
def test_the_last_step_of_tau_leaping_resolves_everything(scheduler_class):
    """However small the learned rate of unmasking; and no step before it does so at such a rate."""
    scheduler = scheduler_class()
    scheduler.set_timesteps(3, num_missing=torch.tensor([50]))
    tokens, missing = torch.zeros(1, 50, dtype=torch.int64), torch.ones(1, 50, dtype=torch.bool)
    left = [
        scheduler.step(torch.full((1, 50, 4), -40.0), t, tokens, missing=missing, generator=generator()).prev_missing
        for t in scheduler.timesteps
    ]
    assert [int(x.sum()) for x in left] == [50, 50, 50, 0]


@every_scheduler
def test_add_noise_masks_at_the_fraction_of_its_schedule(scheduler_class):
    t = torch.tensor([0.0, 0.3, 1.0]).repeat_interleave(1000)
    missing = scheduler_class().add_noise(torch.zeros(3000, 40, dtype=torch.int64), t, generator())
    assert missing.dtype == torch.bool
    fractions = missing.view(3, -1).double().mean(-1)
    expected = LogLinearSchedule().masked_fraction(torch.tensor([0.0, 0.3, 1.0]))
    torch.testing.assert_close(fractions, expected.double(), atol=0.01, rtol=0)


@every_scheduler
def test_step_returns_an_output_or_its_fields(scheduler_class):
    scheduler, (tokens, missing) = scheduler_class(), damaged()
    scheduler.set_timesteps(steps_of(scheduler_class), num_missing=missing.sum(-1), generator=generator())
    arguments = (predict(tokens, missing), scheduler.timesteps[0], tokens)
    output = scheduler.step(*arguments, missing=missing, generator=generator())
    fields = scheduler.step(*arguments, missing=missing, generator=generator(), return_dict=False)
    assert isinstance(output, DiscreteSchedulerOutput)
    assert isinstance(fields, tuple)
    for field, name in zip(fields, ("prev_sample", "prev_missing", "pred_logits", "sampled_tokens"), strict=True):
        assert torch.equal(field, output[name])


@every_scheduler
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (0.7, 0.6)])
def test_pred_logits_are_the_distribution_that_codes_are_drawn_from(scheduler_class, temperature, top_p):
    scheduler = scheduler_class(temperature=temperature, top_p=top_p, **OWN_ARGUMENTS[scheduler_class])
    tokens, missing = damaged()
    scheduler.set_timesteps(steps_of(scheduler_class), num_missing=missing.sum(-1), generator=generator())
    assert (scheduler.timesteps > 0).all() and (scheduler.timesteps <= 1).all()
    prediction = predict(tokens, missing)
    output = scheduler.step(prediction, scheduler.timesteps[0], tokens, missing=missing, generator=generator())
    expected = shape_log_probs(prediction, temperature, top_p)
    assert (output.pred_logits.dtype, output.pred_logits.shape) == (prediction.dtype, prediction.shape)
    torch.testing.assert_close(output.pred_logits[missing].double().softmax(-1), expected[missing].exp())
    drawn = output.sampled_tokens >= 0
    probs = output.pred_logits.softmax(-1).gather(-1, output.sampled_tokens.clamp(min=0)[..., None])
    assert (probs[drawn] > 0).all()


@pytest.mark.parametrize(
    "pair", list(itertools.permutations(SCHEDULERS, 2)), ids=lambda p: "-".join(c.__name__ for c in p)
)
def test_siblings_exchange_their_configs(pair, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    first, second = pair
    extra = OWN_ARGUMENTS[first]
    there = second.from_config(first(temperature=0.7, top_p=0.9, **extra).config)
    assert (there.config.temperature, there.config.top_p) == (0.7, 0.9)
    back = first.from_config(there.config)
    assert {name: back.config[name] for name in extra} == extra
    assert set(back.compatibles) == set(SCHEDULERS)
    assert not caplog.records


@every_scheduler
def test_config_is_saved_and_loaded(scheduler_class, tmp_path):
    scheduler = scheduler_class(temperature=0.8, top_p=0.5, **OWN_ARGUMENTS[scheduler_class])
    scheduler.save_pretrained(tmp_path)
    loaded = scheduler_class.from_pretrained(tmp_path)
    assert dict(loaded.config) == dict(scheduler.config)
    assert loaded.schedule == scheduler.schedule


@every_scheduler
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature must be finite and above 0"),
        ({"temperature": math.nan}, "temperature must be finite"),
        ({"top_p": 0}, r"top_p must lie in \(0, 1\]"),
        ({"top_p": 1.1}, r"top_p must lie in \(0, 1\]"),
    ],
)
def test_bad_configs_are_refused(scheduler_class, arguments, message):
    with pytest.raises(ValueError, match=message):
        scheduler_class(**arguments)


@pytest.mark.parametrize("scheduler_class", TAU_LEAPING)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": "cosine"}, r"one of \['geometric', 'loglinear'\], got 'cosine'"),
        ({"eps": 0.0}, r"eps must lie in \(0, 1\)"),
    ],
)
def test_bad_tau_leaping_configs_are_refused(scheduler_class, arguments, message):
    with pytest.raises(ValueError, match=message):
        scheduler_class(**arguments)


@every_scheduler
@pytest.mark.parametrize(
    ("num_missing", "message"),
    [
        (torch.tensor(3), r"shape \(batch,\)"),
        (torch.tensor([], dtype=torch.int64), r"shape \(batch,\)"),
        (torch.tensor([1.0]), "must be int64"),
        (torch.tensor([2, -1]), "not be negative"),
    ],
)
def test_bad_counts_are_refused(scheduler_class, num_missing, message):
    with pytest.raises(ValueError, match=message):
        scheduler_class().set_timesteps(steps_of(scheduler_class), num_missing=num_missing)


@pytest.mark.parametrize("scheduler_class", BY_TOKENS)
def test_a_number_of_steps_is_refused_where_tokens_say_it_and_siblings_are_named(scheduler_class):
    with pytest.raises(ValueError, match=rf"{scheduler_class.__name__} .*got 128.*TauLeapingScheduler\.from_config"):
        scheduler_class().set_timesteps(128, num_missing=torch.tensor([3]))


def test_tau_leaping_refuses_less_than_one_step():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        TauLeapingScheduler().set_timesteps(0, num_missing=torch.tensor([3]))


@every_scheduler
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample": torch.zeros(BATCH, TOKENS)}, "sample must be int64"),
        ({"missing": torch.ones(BATCH, TOKENS, dtype=torch.int64)}, "missing must be bool"),
        ({"missing": torch.ones(BATCH, TOKENS + 1, dtype=torch.bool)}, "missing must be bool of the sample's shape"),
        ({"model_output": torch.zeros(BATCH, CODES)}, r"model_output must have shape \(6, 9, codebook_size\)"),
        ({"timestep": torch.tensor(1.0)}, r"row of scheduler\.timesteps"),
        ({"generator": [torch.Generator()] * 4}, "4 for 6 rows"),
        ({"model_output": torch.full((BATCH, TOKENS, CODES), math.nan)}, "no NaN"),
        ({"model_output": torch.full((BATCH, TOKENS, CODES), -math.inf)}, "at least one possible code"),
    ],
)
def test_bad_step_inputs_are_refused(scheduler_class, change, message):
    scheduler, (tokens, missing) = scheduler_class(), damaged()
    scheduler.set_timesteps(steps_of(scheduler_class), num_missing=missing.sum(-1))
    valid = {"model_output": predict(tokens, missing), "timestep": scheduler.timesteps[-1], "sample": tokens}
    if scheduler.order == 2:
        scheduler.step(**valid | {"missing": missing, "timestep": scheduler.timesteps[-2]})
    with pytest.raises(ValueError, match=message):
        scheduler.step(**(valid | {"missing": missing} | change))


@pytest.mark.parametrize("scheduler_class", [*TAU_LEAPING, MaskedEntropyBoundScheduler, ThetaTrapezoidalScheduler])
def test_times_that_are_not_a_schedulers_own_are_refused(scheduler_class):
    scheduler, (tokens, missing) = scheduler_class(), damaged()
    arguments = (predict(tokens, missing), torch.full((BATCH,), 0.123), tokens)
    with pytest.raises(ValueError, match="set_timesteps"):
        scheduler.step(*arguments, missing=missing)
    scheduler.set_timesteps(steps_of(scheduler_class), num_missing=missing.sum(-1))
    with pytest.raises(ValueError, match=rf"shape \({len(scheduler)}, 6\)"):
        scheduler.step(*arguments, missing=missing)
