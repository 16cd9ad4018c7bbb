"""Laws of the draws."""

import math

import pytest
import torch

from aidd.schedulers.sampling import in_parts, sample_categorical, shape_log_probs, uniform


INF = torch.inf
LARGEST = 1 - 2.0**-53


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_list_of_generators_draws_each_share_as_alone():
    together = uniform((6, 5), [generator(1), generator(2)])
    torch.testing.assert_close(together, torch.cat([uniform((3, 5), generator(1)), uniform((3, 5), generator(2))]))
    assert together.dtype == torch.float64


@pytest.mark.parametrize("generators", [[], [torch.Generator()] * 4])
def test_rows_that_generators_cannot_share_are_refused(generators):
    with pytest.raises(ValueError, match=f"got {len(generators)} for 6 rows"):
        uniform((6, 5), generators)


@pytest.mark.parametrize("num_rows", [0, 1, 7])
def test_rows_in_parts_have_the_codes_that_they_have_together(monkeypatch, num_rows):
    log_probs = torch.randn(num_rows, 50, generator=generator(1)).log_softmax(-1)
    uniforms = uniform((num_rows,), generator(2))
    expected, sizes = sample_categorical(log_probs, uniforms), []

    def draw(some, draws):
        sizes.append(len(some))
        return sample_categorical(some, draws)

    monkeypatch.setattr("aidd.schedulers.sampling.MOST_AT_A_TIME", 100)
    assert torch.equal(in_parts(draw, log_probs, uniforms), expected)
    assert max(sizes) <= 2 and sum(sizes) == num_rows


def test_rare_codes_are_drawn_at_their_probability():
    num_codes, rare, num_draws = 64, 1e-5, 1_000_000
    probs = torch.full((num_codes,), rare, dtype=torch.float64)
    probs[7] = 1 - rare * (num_codes - 1)
    draws = uniform((num_draws,), generator())
    counts = torch.zeros(num_codes, dtype=torch.int64)
    for chunk in draws.split(100_000):
        counts += torch.bincount(
            sample_categorical(probs.log().float().expand(len(chunk), -1), chunk), minlength=num_codes
        )
    others = counts[torch.arange(num_codes) != 7]
    expected = rare * num_draws
    assert abs(others.sum() - expected * 63) < 4.5 * math.sqrt(expected * 63)
    # Each count is Poisson of mean 10.
    assert ((others - expected) ** 2 / expected).sum() < 63 + 4.5 * math.sqrt(2 * 63 * 1.05)
    assert others.max() < 30


def test_draws_follow_unnormalised_probabilities():
    log_probs = torch.tensor([0.3, -INF, 1.2, -2.0, -INF]) + 300
    codes = sample_categorical(log_probs.expand(200_000, -1), uniform((200_000,), generator()))
    frequencies = torch.bincount(codes, minlength=5) / 200_000
    torch.testing.assert_close(frequencies, log_probs.softmax(-1), atol=0.005, rtol=0)
    assert frequencies[[1, 4]].tolist() == [0, 0]


@pytest.mark.parametrize("u", [0.0, LARGEST, 0.5, 5e-324])
def test_impossible_codes_are_never_drawn(u):
    log_probs = torch.randn(1000, 50, generator=generator())
    impossible = torch.rand(1000, 50, generator=generator(1)) < 0.8
    impossible[torch.arange(1000), torch.randint(50, (1000,), generator=generator(2))] = False
    codes = sample_categorical(log_probs.masked_fill(impossible, -INF), torch.full((1000,), u, dtype=torch.float64))
    assert not impossible.gather(-1, codes[:, None]).any()


def test_the_cumulative_distribution_is_inverted():
    log_probs = torch.tensor([0, 0.25, 0, 0.75, 0]).log()
    u = torch.tensor([0.0, 0.2499999, 0.2500001, LARGEST], dtype=torch.float64)
    assert sample_categorical(log_probs.expand(4, -1), u).tolist() == [1, 1, 3, 3]


def test_codes_beyond_the_precision_of_float32_are_found():
    log_probs = torch.tensor([1.0, 1e-9, 1e-9]).log()
    u = torch.tensor([1 - 3e-9, 1 - 1.5e-9, 1 - 0.5e-9], dtype=torch.float64)
    assert sample_categorical(log_probs.expand(3, -1), u).tolist() == [0, 1, 2]


@pytest.mark.parametrize("log_probs", [[-INF, -INF], [0.0, math.nan], [0.0, INF]])
def test_impossible_distributions_are_refused(log_probs):
    with pytest.raises(ValueError, match="no NaN and at least one possible code"):
        sample_categorical(torch.tensor([log_probs, [0.0, 0.0]]), torch.tensor([0.5, 0.5]).double())


def test_unit_temperature_and_full_mass_only_normalise():
    log_probs = torch.randn(10, 20, generator=generator()) * 5
    log_probs[:, 3] = -INF
    shaped = shape_log_probs(log_probs, 1.0, 1.0)
    torch.testing.assert_close(shaped, log_probs.double().log_softmax(-1))
    torch.testing.assert_close(shape_log_probs(log_probs + 7, 1.0, 1.0), shaped, rtol=0, atol=1e-5)


def test_temperature_is_a_power_of_the_probabilities():
    probs = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    torch.testing.assert_close(shape_log_probs(probs.log(), 0.5, 1.0).exp(), probs**2 / (probs**2).sum())
    torch.testing.assert_close(shape_log_probs(probs.log(), 1e9, 1.0).exp(), torch.full((3,), 1 / 3).double())


def test_top_p_keeps_the_smallest_set_that_holds_the_mass():
    probs = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
    kept = {1e-9: [1], 0.39: [1], 0.41: [1, 3], 0.69: [1, 3], 0.71: [1, 3, 2], 0.95: [1, 3, 2, 0]}
    for top_p, codes in kept.items():
        expected = torch.zeros(4, dtype=torch.float64)
        expected[codes] = probs[codes] / probs[codes].sum()
        torch.testing.assert_close(shape_log_probs(probs.log(), 1.0, top_p).exp(), expected)
