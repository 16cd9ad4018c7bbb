"""
The samplers against enumeration: a joint law small enough to write down, whose exact conditionals stand for a perfect
network. The noise floor is the distance that as many direct draws from the joint have from it.
"""

import itertools

import pytest
import torch
from torch import Tensor

from aidd.schedulers import (
    EulerTauLeapingScheduler,
    GeometricSchedule,
    LogLinearSchedule,
    MaskedDiscreteScheduler,
    MaskedEntropyBoundScheduler,
    TauLeapingScheduler,
    ThetaTrapezoidalScheduler,
)
from aidd.schedulers.sampling import uniform
from aidd.schedulers.scheduling_tau_leaping import transition_probs
from aidd.schedulers.scheduling_theta_trapezoidal import extrapolate


NUM_SYMBOLS = 3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Chain:
    """
    A random Markov chain, and its conditionals p(x_i | visible tokens) for every partly masked state. States are
    written in base 4, the digit 3 standing for a missing token. The larger the spread, the more tokens depend on
    each other.
    """

    def __init__(self, num_tokens: int, seed: int = 0, spread: float = 2.0):
        def random_law(*shape: int) -> Tensor:
            return (spread * torch.randn(shape, generator=generator(seed), dtype=torch.float64)).softmax(-1)

        first, transitions = random_law(NUM_SYMBOLS), random_law(num_tokens - 1, NUM_SYMBOLS, NUM_SYMBOLS)
        self.num_tokens = num_tokens
        self.words = torch.tensor(list(itertools.product(range(NUM_SYMBOLS), repeat=num_tokens)))
        self.joint = first[self.words[:, 0]]
        for position, transition in enumerate(transitions):
            self.joint = self.joint * transition[self.words[:, position], self.words[:, position + 1]]
        self.states = torch.tensor(list(itertools.product(range(NUM_SYMBOLS + 1), repeat=num_tokens)))
        self.agrees = ((self.states[:, None] == self.words) | (self.states[:, None] == NUM_SYMBOLS)).all(-1)
        one_hot = torch.nn.functional.one_hot(self.words, NUM_SYMBOLS).double()
        weights = (self.agrees * self.joint) @ one_hot.flatten(1)
        conditionals = weights.unflatten(1, (num_tokens, NUM_SYMBOLS))
        self.log_probs = (conditionals / conditionals.sum(-1, keepdim=True)).log()

    def index(self, tokens: Tensor, missing: Tensor) -> Tensor:
        """Index among `states`, `(batch,)`."""
        digits = tokens.masked_fill(missing, NUM_SYMBOLS)
        return (digits * (NUM_SYMBOLS + 1) ** torch.arange(self.num_tokens - 1, -1, -1)).sum(-1)

    def predict(self, tokens: Tensor, missing: Tensor) -> Tensor:
        return self.log_probs[self.index(tokens, missing)]

    def distance(self, tokens: Tensor, law: Tensor) -> float:
        """Total variation between drawn words and a law over `words`."""
        indices = (tokens * NUM_SYMBOLS ** torch.arange(self.num_tokens - 1, -1, -1)).sum(-1)
        frequencies = torch.bincount(indices, minlength=len(law)).double() / len(tokens)
        return (frequencies - law).abs().sum().item() / 2

    def noise_floor(self, law: Tensor, num_draws: int) -> float:
        draws = torch.multinomial(law, num_draws, replacement=True, generator=generator(99))
        return self.distance(self.words[draws], law)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain(num_tokens=6)


def sample(scheduler, predict, tokens: Tensor, missing: Tensor, num_inference_steps=None) -> tuple[Tensor, int]:
    """The loop of a pipeline. Returns the tokens and the number of calls of the network."""
    draws = generator(7)
    scheduler.set_timesteps(num_inference_steps, num_missing=missing.sum(-1), generator=draws)
    num_calls = 0
    for t in scheduler.timesteps:
        prediction = predict(scheduler.scale_model_input(tokens, t), missing)
        num_calls += 1
        output = scheduler.step(prediction, t, tokens, missing=missing, generator=draws)
        tokens, missing = output.prev_sample, output.prev_missing
    assert not missing.any()
    return tokens, num_calls


def all_missing(num_draws: int, num_tokens: int) -> tuple[Tensor, Tensor]:
    return torch.full((num_draws, num_tokens), -100), torch.ones(num_draws, num_tokens, dtype=torch.bool)


def learned_rates(chain: Chain, log_rate: float) -> Tensor:
    """Predictions of a score network whose conditionals are exact and whose rates of unmasking are not."""
    log_rates = log_rate * torch.randn(chain.log_probs.shape[:2], generator=generator(5), dtype=torch.float64)
    return chain.log_probs + log_rates[..., None]


@pytest.mark.parametrize("log_rate", [0.0, 3.0], ids=["normalised", "score"])
def test_first_hitting_is_exact_in_one_call_a_token(chain, log_rate):
    num_draws, predictions = 300_000, learned_rates(chain, log_rate)
    tokens, num_calls = sample(
        MaskedDiscreteScheduler(), lambda x, m: predictions[chain.index(x, m)], *all_missing(num_draws, 6)
    )
    distance, floor = chain.distance(tokens, chain.joint), chain.noise_floor(chain.joint, num_draws)
    print(f"total variation {distance:.4f}, noise floor {floor:.4f}, {num_calls} calls, {num_draws} draws")
    assert num_calls == 6
    assert abs(distance - floor) < 0.005


def test_first_hitting_is_exact_given_known_tokens(chain):
    num_draws, known = 300_000, {1: 2, 4: 0}
    tokens, missing = all_missing(num_draws, 6)
    agrees = torch.ones(len(chain.words), dtype=torch.bool)
    for position, symbol in known.items():
        tokens[:, position], missing[:, position] = symbol, False
        agrees &= chain.words[:, position] == symbol
    law = chain.joint * agrees / chain.joint[agrees].sum()
    drawn, num_calls = sample(MaskedDiscreteScheduler(), chain.predict, tokens, missing)
    distance, floor = chain.distance(drawn, law), chain.noise_floor(law, num_draws)
    print(f"total variation {distance:.4f}, noise floor {floor:.4f}, {num_calls} calls, {num_draws} draws")
    assert num_calls == 4
    assert torch.equal(drawn[~missing], tokens[~missing])
    assert abs(distance - floor) < 0.005


def test_first_hitting_is_exact_in_a_batch_of_unequal_gaps(chain):
    tokens = chain.words[torch.multinomial(chain.joint, 300_000, replacement=True, generator=generator(1))]
    missing = uniform(tokens.shape, generator(2)) < uniform((len(tokens), 1), generator(3))
    drawn, num_calls = sample(MaskedDiscreteScheduler(), chain.predict, tokens, missing)
    assert num_calls == missing.sum(-1).max()
    assert torch.equal(drawn[~missing], tokens[~missing])
    # What is known was drawn from the joint, so the whole is too.
    assert abs(chain.distance(drawn, chain.joint) - chain.noise_floor(chain.joint, len(drawn))) < 0.005


@pytest.mark.parametrize(
    "scheduler", [TauLeapingScheduler(), EulerTauLeapingScheduler(schedule="geometric")], ids=["analytic", "euler"]
)
def test_tau_leaping_approaches_the_joint_as_steps_grow(chain, scheduler):
    num_draws = 40_000
    floor = chain.noise_floor(chain.joint, num_draws)
    distances = {}
    for steps in (4, 16, 64):
        tokens, num_calls = sample(scheduler, chain.predict, *all_missing(num_draws, 6), steps)
        assert num_calls == steps + 1
        distances[steps] = chain.distance(tokens, chain.joint)
    print(f"total variation by steps {distances}, noise floor {floor:.4f}, {num_draws} draws")
    assert distances[4] > 2 * distances[16] > 3 * distances[64]
    assert distances[64] < floor + 0.03


def test_tau_leaping_draws_the_law_of_its_transition_probabilities(chain):
    """One step, half-way, with predictions whose sums are below and above what the step allows."""
    scheduler, num_draws = TauLeapingScheduler(), 400_000
    tokens, missing = all_missing(1, 6)
    missing[0, 2], tokens[0, 2] = False, 1
    prediction = chain.predict(tokens, missing) + torch.tensor([-2, 0, 0, 0.5, 1, 5])[:, None]
    scheduler.set_timesteps(3, num_missing=missing.sum(-1).repeat(num_draws))
    t, t_next = scheduler.timesteps[1], scheduler.timesteps[2]
    expanded = [x.expand(num_draws, *x.shape[1:]) for x in (prediction, tokens, missing)]
    output = scheduler.step(expanded[0], t, expanded[1], missing=expanded[2], generator=generator())
    probs, stay = transition_probs(prediction, t[:1], t_next[:1], LogLinearSchedule())
    assert stay.min() < 0 < stay.max()
    law = torch.cat([stay[..., None].clamp(min=0), probs], -1)[0]
    law = law / law.sum(-1, keepdim=True)
    for position in range(6):
        counts = torch.bincount(output.sampled_tokens[:, position] + 1, minlength=NUM_SYMBOLS + 1)
        expected = law[position] if missing[0, position] else torch.tensor([1.0, 0, 0, 0])
        torch.testing.assert_close((counts / num_draws).double(), expected.double(), atol=0.004, rtol=0)


def joint_of(laws: Tensor) -> Tensor:
    """Law of states, or of words, of independent tokens with these laws: `(..., tokens, n)` to `(..., n^tokens)`."""
    joint, *others = laws.unbind(-2)
    for law in others:
        joint = (joint[..., :, None] * law[..., None, :]).flatten(-2)
    return joint


def moves_of(chain: Chain, probs: Tensor, stay: Tensor, states: slice | Tensor = slice(None)) -> Tensor:
    """Law of every token's symbol behind a step from `states`, where a missing one moves by probs or stays missing."""
    shown = torch.nn.functional.one_hot(chain.states[states], NUM_SYMBOLS + 1).double()
    is_missing = (chain.states[states] == NUM_SYMBOLS)[..., None]
    return torch.where(is_missing, torch.cat([probs, stay[..., None].expand(*probs.shape[:-1], 1)], -1), shown)


def law_of_tau_leaping(chain: Chain, scheduler, steps: int) -> Tensor:
    """The law of what `steps` steps and the last call generate, over `words`, by propagating it through all states."""
    scheduler.set_timesteps(steps, num_missing=torch.tensor([chain.num_tokens]))
    law = torch.zeros(len(chain.states), dtype=torch.float64)
    law[-1] = 1
    fractions = [scheduler.unmasking_fraction(*pair) for pair in itertools.pairwise(scheduler.timesteps)]
    for fraction in [*fractions, torch.ones(1)]:
        probs = fraction * chain.log_probs.exp()
        law = law @ joint_of(moves_of(chain, probs, 1 - probs.sum(-1)))
    whole = (chain.states < NUM_SYMBOLS).all(-1)
    assert law[~whole].sum() < 1e-9
    return law[whole]


@pytest.mark.parametrize("scheduler_class", [TauLeapingScheduler, EulerTauLeapingScheduler])
@pytest.mark.parametrize("schedule", ["loglinear", "geometric"])
def test_error_of_tau_leaping_is_of_first_order(scheduler_class, schedule):
    """Without noise: the law itself, whose distance from the joint falls by 4 when steps grow by 4."""
    chain = Chain(num_tokens=4)
    scheduler = scheduler_class(schedule=schedule)
    errors = [
        (law_of_tau_leaping(chain, scheduler, steps) - chain.joint).abs().sum().item() / 2 for steps in (64, 256, 1024)
    ]
    assert errors[2] < 0.01
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("schedule", [LogLinearSchedule(), GeometricSchedule()])
@pytest.mark.parametrize("t", [1.0, 0.7, 0.01])
def test_analytic_probabilities_are_staggered_score_times_transition(chain, schedule, t):
    """The original's two factors, written out: scores carried back to t_next, times the law of masking from there."""
    t, t_next = torch.tensor([t], dtype=torch.float64), torch.tensor([t - 1 / 128], dtype=torch.float64).clamp(min=0)
    sigma, step_sigma = schedule.sigma(t), schedule.sigma(t) - schedule.sigma(t_next)
    log_probs = learned_rates(chain, 0.3)[-1:]
    scores = torch.cat([log_probs.exp() / torch.expm1(sigma), torch.ones(1, 6, 1, dtype=torch.float64)], -1)
    staggered = torch.exp(step_sigma) * scores
    staggered[..., -1] += (1 - torch.exp(step_sigma)) * scores.sum(-1)
    transition = (1 - torch.exp(-step_sigma)).expand(4).clone()
    transition[-1] += torch.exp(-step_sigma)[0]
    expected = staggered * transition
    probs, stay = transition_probs(log_probs, t, t_next, schedule)
    torch.testing.assert_close(torch.cat([probs, stay[..., None]], -1), expected, rtol=0, atol=1e-9)


def test_euler_equals_analytic_for_log_linear_noise_and_in_the_limit():
    t = torch.tensor([0.9, 0.3], dtype=torch.float64)
    for schedule, step, tolerance in (("loglinear", 0.2, 1e-12), ("geometric", 1e-6, 1e-4)):
        analytic = TauLeapingScheduler(schedule=schedule).unmasking_fraction(t, t - step)
        euler = EulerTauLeapingScheduler(schedule=schedule).unmasking_fraction(t, t - step)
        torch.testing.assert_close(euler, analytic, rtol=tolerance, atol=0)
    analytic, euler = (
        scheduler_class(schedule="geometric").unmasking_fraction(t, t - 0.2)
        for scheduler_class in (TauLeapingScheduler, EulerTauLeapingScheduler)
    )
    assert ((analytic - euler).abs() > 0.01 * analytic).all()


def law_within_bound(chain: Chain, bound: float) -> tuple[Tensor, float]:
    """The law over `words` of what the entropy bound generates, and the mean number of calls, by propagation."""
    missing, scheduler = chain.states == NUM_SYMBOLS, MaskedEntropyBoundScheduler(entropy_bound=bound)
    scheduler.set_timesteps(num_missing=missing.sum(-1))
    output = scheduler.step(chain.log_probs, scheduler.timesteps[0], chain.states, missing=missing)
    stay = output.prev_missing.double()
    transition = joint_of(moves_of(chain, chain.log_probs.exp() * (1 - stay[..., None]), stay))
    law, num_calls = torch.zeros(len(chain.states), dtype=torch.float64), 0.0
    law[-1] = 1
    whole = ~missing.any(-1)
    for _ in range(chain.num_tokens):
        num_calls += law[~whole].sum().item()
        law = law @ transition
    assert law[~whole].sum() < 1e-9
    return law[whole], num_calls


def total_variation(law: Tensor, other: Tensor) -> float:
    return (law - other).abs().sum().item() / 2


@pytest.mark.parametrize("bound", [0.0, 1e-6])
def test_near_bound_zero_the_law_is_that_of_first_hitting_one_token_a_call(bound):
    """Which is the joint: `test_first_hitting_is_exact_in_one_call_a_token`."""
    chain = Chain(num_tokens=5)
    law, num_calls = law_within_bound(chain, bound)
    assert num_calls == pytest.approx(5)
    torch.testing.assert_close(law, chain.joint, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_divergence_is_at_most_the_bound_a_call(seed):
    """Without noise. The larger the bound, the fewer the calls."""
    chain, distances, calls = Chain(num_tokens=5, seed=seed), [], []
    entropy = -(chain.joint * chain.joint.log()).sum().item() / 5
    print(f"chain {seed}: {entropy:.2f} nats a token")
    for bound in (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 100.0):
        law, num_calls = law_within_bound(chain, bound)
        divergence = (chain.joint * (chain.joint / law).log()).sum().item()
        print(
            f"bound {bound}: divergence {divergence:.4f}, total variation {total_variation(law, chain.joint):.4f}, "
            f"{num_calls:.2f} calls"
        )
        assert divergence <= bound * num_calls + 1e-12
        distances.append(total_variation(law, chain.joint))
        calls.append(num_calls)
    assert all(later <= earlier for earlier, later in itertools.pairwise(calls))
    assert calls[0] == pytest.approx(5) and calls[-1] == pytest.approx(1)
    assert distances[0] < 1e-12 and distances[2] < 0.05 < distances[-1]


@pytest.mark.parametrize("bound", [0.0, 0.2, 1.0])
def test_entropy_bound_draws_its_law_in_its_number_of_calls(bound):
    chain, num_draws, calls = Chain(num_tokens=5), 100_000, []
    law, mean_calls = law_within_bound(chain, bound)

    def predict(tokens: Tensor, missing: Tensor) -> Tensor:
        calls.append(missing.any(-1).double().mean().item())
        return chain.predict(tokens, missing)

    tokens, _ = sample(MaskedEntropyBoundScheduler(entropy_bound=bound), predict, *all_missing(num_draws, 5))
    # Calls a row needs are at most 5 and at least 1: their deviation is at most 2.
    assert abs(sum(calls) - mean_calls) < 4.5 * 2 / num_draws**0.5
    distance, floor = chain.distance(tokens, law), chain.noise_floor(law, num_draws)
    print(
        f"bound {bound}: total variation from its law {distance:.4f}, noise floor {floor:.4f}, from the joint "
        f"{chain.distance(tokens, chain.joint):.4f}, {mean_calls:.2f} calls, {num_draws} draws"
    )
    assert abs(distance - floor) < 0.006


def law_of_trapezoidal(chain: Chain, steps: int, theta: float) -> Tensor:
    """The law over `words`, propagated through all pairs of a state and what it is behind the first stage."""
    scheduler = ThetaTrapezoidalScheduler(theta=theta)
    scheduler.set_timesteps(steps, num_missing=torch.tensor([chain.num_tokens]))
    times = [*scheduler.timesteps[:, 0], torch.zeros((), dtype=torch.float64)]
    missing, first = chain.states == NUM_SYMBOLS, chain.log_probs
    # Pairs (x, x*) where x* agrees with all that x shows, and the law of codes between them.
    shows = (chain.states[:, None] == chain.states) | missing[:, None]
    before, between = shows.all(-1).nonzero().unbind(-1)
    second = extrapolate(first[before], first[between], theta).exp()
    law = torch.zeros(len(chain.states), dtype=torch.float64)
    law[-1] = 1
    for start, middle, end in zip(times[:-1:2], times[1::2], times[2::2], strict=True):
        stay = (middle / start).expand(len(law), chain.num_tokens)
        probs = first.exp() * (1 - middle / start)
        of_pairs = law[before] * joint_of(moves_of(chain, probs, stay))[before, between]
        stay = (end / middle).expand(len(before), chain.num_tokens)
        law = of_pairs @ joint_of(moves_of(chain, second * (1 - end / middle), stay, between))
    whole = ~missing.any(-1)
    assert law[~whole].sum() < 1e-9
    return law[whole]


@pytest.mark.parametrize("theta", [0.3, 0.5, 0.6])
def test_one_trapezoidal_step_is_exact_for_two_tokens(theta):
    chain = Chain(num_tokens=2, spread=0.3)
    torch.testing.assert_close(law_of_trapezoidal(chain, 1, theta), chain.joint, rtol=0, atol=1e-12)


@pytest.mark.parametrize("theta", [0.3, 0.5])
def test_error_of_the_trapezoidal_is_of_second_order(theta):
    """Without noise: the distance falls by 4 when steps grow by 2. That of tau-leaping, in as many calls, by 2."""
    chain, errors, errors_of_tau_leaping = Chain(num_tokens=4, spread=0.3), [], []
    for steps in (4, 8, 16):
        errors.append(total_variation(law_of_trapezoidal(chain, steps, theta), chain.joint))
        law = law_of_tau_leaping(chain, TauLeapingScheduler(), 2 * steps - 1)
        errors_of_tau_leaping.append(total_variation(law, chain.joint))
    print(f"total variation in 8, 16, 32 calls: {errors}, of tau-leaping {errors_of_tau_leaping}")
    for (error, half), (error_of_tau, half_of_tau) in zip(
        itertools.pairwise(errors), itertools.pairwise(errors_of_tau_leaping), strict=True
    ):
        assert error / half == pytest.approx(4, rel=0.1)
        assert error_of_tau / half_of_tau == pytest.approx(2, rel=0.15)
    assert 30 * errors[0] < errors_of_tau_leaping[0]


def test_of_strongly_coupled_tokens_the_trapezoidal_is_nearer_than_tau_leaping_in_as_many_calls():
    """Though codes are cut off, and its error falls by 2 when steps grow by 2."""
    chain = Chain(num_tokens=4)
    errors = {steps: total_variation(law_of_trapezoidal(chain, steps, 0.5), chain.joint) for steps in (1, 2, 4, 8)}
    for steps, error in errors.items():
        law = law_of_tau_leaping(chain, TauLeapingScheduler(), 2 * steps - 1)
        distance = total_variation(law, chain.joint)
        print(f"{2 * steps} calls: total variation {error:.4f}, of tau-leaping {distance:.4f}")
        assert error < 0.7 * distance
    assert errors[4] / errors[8] == pytest.approx(2, rel=0.1)


def test_trapezoidal_draws_its_law():
    num_draws, chain = 100_000, Chain(num_tokens=4)
    law = law_of_trapezoidal(chain, 2, 0.5)
    tokens, num_calls = sample(ThetaTrapezoidalScheduler(), chain.predict, *all_missing(num_draws, 4), 2)
    distance, floor = chain.distance(tokens, law), chain.noise_floor(law, num_draws)
    print(f"total variation from its law {distance:.4f}, noise floor {floor:.4f}, {num_calls} calls")
    assert num_calls == 4
    assert abs(distance - floor) < 0.005 < chain.distance(tokens, chain.joint) / 2
