"""RePaint against the closed-form posterior of a Gaussian prior, and the laws of its schedule and of its noise."""

import logging
from itertools import pairwise

import diffusers
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.utils.torch_utils import randn_tensor
from grids import for_every

from aidd.schedulers.repaint import PRESETS, num_network_calls, repaint, resampling_schedule


DIMS = 6
POSITIONS = torch.arange(DIMS, dtype=torch.float64)
COVARIANCE = 0.8 ** (POSITIONS[:, None] - POSITIONS).abs()
MASK = torch.tensor([False, True, True, False, True, True])
TRUTH = torch.tensor([1.0, 0.0, 0.0, -1.0, 0.0, 0.0], dtype=torch.float64)


class GaussianModel:
    """The exact prediction for data of the law N(0, COVARIANCE); remembers what it was called with."""

    def __init__(self, scheduler):
        self.alphas_cumprod = scheduler.alphas_cumprod.double()
        self.prediction_type = scheduler.config.prediction_type
        self.calls = []

    def __call__(self, sample, timestep):
        self.calls.append((int(timestep), sample.clone()))
        alpha = self.alphas_cumprod[timestep]
        precision = torch.linalg.inv(alpha * COVARIANCE + (1 - alpha) * torch.eye(DIMS, dtype=torch.float64))
        epsilon = (1 - alpha) ** 0.5 * sample @ precision
        clean = alpha**0.5 * sample @ (precision @ COVARIANCE)
        velocity = alpha**0.5 * epsilon - (1 - alpha) ** 0.5 * clean
        return {"epsilon": epsilon, "sample": clean, "v_prediction": velocity}[self.prediction_type]


def seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def fill(scheduler, batch_size=4, mask=MASK, generator=None, *, steps=8, jump=2, resamplings=3):
    known = TRUTH.repeat(batch_size, 1).masked_fill(mask, torch.nan)
    model = GaussianModel(scheduler)
    times = {"num_inference_steps": steps, "jump_length": jump, "num_resamplings": resamplings}
    return repaint(model, scheduler, known, mask, **times, generator=generator or seed()), model.calls


def posterior() -> tuple[torch.Tensor, torch.Tensor]:
    gain = COVARIANCE[MASK][:, ~MASK] @ torch.linalg.inv(COVARIANCE[~MASK][:, ~MASK])
    return gain @ TRUTH[~MASK], COVARIANCE[MASK][:, MASK] - gain @ COVARIANCE[~MASK][:, MASK]


def errors(resamplings: int) -> tuple[float, float]:
    """Errors of the mean, in standard deviations of the posterior, and of the covariance, relative."""
    # The variance that is exact where the data's is 1, so that coarse steps hide nothing.
    scheduler = DDPMScheduler(clip_sample=False, variance_type="fixed_large")
    fills = fill(scheduler, 1000, steps=50, jump=1, resamplings=resamplings)[0][:, MASK]
    mean, covariance = posterior()
    offset = (fills.mean(0) - mean).norm() / covariance.trace() ** 0.5
    return offset.item(), ((fills.T.cov() - covariance).norm() / covariance.norm()).item()


def test_fills_tend_to_the_posterior_as_resamplings_grow():
    means, covariances = zip(*map(errors, (1, 2, 5, 15)), strict=True)
    # Plain replacement is far off.
    assert means[0] > 0.4 and covariances[0] > 0.5
    assert all(more > 1.15 * less for more, less in pairwise(means))
    assert all(more > 1.15 * less for more, less in pairwise(covariances[:3]))
    # As close as the covariance of a thousand fills tells.
    assert means[-1] < 0.15 and covariances[-1] < 0.2


@pytest.mark.parametrize(
    "scheduler",
    [
        DDPMScheduler(clip_sample=False),
        DDPMScheduler(clip_sample=False, timestep_spacing="linspace"),
        DDPMScheduler(clip_sample=False, beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing"),
        DDIMScheduler(clip_sample=False),
        DDIMScheduler(clip_sample=False, steps_offset=1, set_alpha_to_one=False),
    ],
    ids=lambda scheduler: f"{type(scheduler).__name__}-{scheduler.config.timestep_spacing}",
)
def test_the_known_part_has_the_noise_of_the_step_that_it_is_given_to(scheduler):
    """At each call, those after a jump included: mean sqrt(alpha_bar) x_0, variance 1 - alpha_bar."""
    _, calls = fill(scheduler, 4000, steps=10, jump=3, resamplings=2)
    for timestep, sample in calls:
        alpha = scheduler.alphas_cumprod[timestep].double()
        noise = sample[:, ~MASK] - alpha**0.5 * TRUTH[~MASK]
        standard_error = ((1 - alpha) / noise.numel()) ** 0.5
        assert noise.mean().abs() < 4 * standard_error
        assert noise.var().item() == pytest.approx(1 - alpha.item(), rel=4 * (2 / noise.numel()) ** 0.5)


def papers_times(steps: int, jump: int, resamplings: int) -> list[int]:
    """Every time that a sample of the paper has, as its figure 9 draws them: counted from 0, and -1 when clean."""
    left = dict.fromkeys(range(0, steps - jump, jump), resamplings - 1)
    times = [steps - 1]
    while times[-1] >= 0:
        times.append(times[-1] - 1)
        if left.get(times[-1]):
            left[times[-1]] -= 1
            times += range(times[-1] + 1, times[-1] + jump + 1)
    return times


@for_every(steps=range(1, 13), jump=(1, 2, 3, 5), resamplings=(1, 2, 4))
def test_the_schedule_is_the_papers(steps, jump, resamplings):
    if resamplings > 1 and jump >= steps:
        with pytest.raises(ValueError, match=f"jump_length must be less than the {steps} steps .* got {jump}"):
            resampling_schedule(steps, jump, resamplings)
        return
    times = papers_times(steps, jump, resamplings)
    # The network is called at each time that a lower one follows.
    expected = [time + 1 for time, following in pairwise(times) if following < time]
    assert resampling_schedule(steps, jump, resamplings) == expected
    assert num_network_calls(steps, jump, resamplings) == len(expected)


def test_small_schedules_written_out():
    assert resampling_schedule(3, 1, 1) == [3, 2, 1]
    assert resampling_schedule(3, 1, 2) == [3, 3, 2, 2, 1]
    assert resampling_schedule(6, 2, 2) == [6, 5, 4, 5, 4, 3, 2, 3, 2, 1]
    assert {name: num_network_calls(*preset) for name, preset in PRESETS.items()} == {
        "paper": 250 + 24 * 9 * 10,
        "fast": 25 + 4 * 3 * 5,
        "plain": 25,
        "none": 250,
    }


@pytest.mark.parametrize("name", ["num_inference_steps", "jump_length", "num_resamplings"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None])
def test_a_schedule_is_of_counts(name, value):
    times = {"num_inference_steps": 4, "jump_length": 1, "num_resamplings": 1} | {name: value}
    with pytest.raises(ValueError, match=rf"{name} must be an integer of at least 1, got {value}"):
        resampling_schedule(**times)


def test_it_takes_as_many_calls_as_it_says(caplog):
    times = {"num_inference_steps": 9, "jump_length": 2, "num_resamplings": 3}
    scheduler, said = DDPMScheduler(), []
    model = GaussianModel(scheduler)

    def progress(schedule):
        said.append(len(schedule))
        return iter(schedule)

    with caplog.at_level(logging.INFO, "aidd"):
        repaint(model, scheduler, TRUTH[None], MASK, **times, generator=seed(), progress=progress)
    assert len(model.calls) == num_network_calls(**times) == said[0] > 9
    assert f"{len(model.calls)} network calls" in caplog.text
    # The timesteps are the scheduler's own, which itself is left as it was.
    assert scheduler.num_inference_steps is None and len(scheduler.timesteps) == 1000
    scheduler.set_timesteps(9)
    called = [timestep for timestep, _ in model.calls]
    assert called == [scheduler.timesteps[-left].item() for left in resampling_schedule(**times)]


@pytest.mark.parametrize("kind", [DDPMScheduler, DDIMScheduler])
def test_nothing_missing_asks_no_network(kind):
    restored, calls = fill(kind(), mask=torch.zeros(DIMS, dtype=torch.bool))
    assert torch.equal(restored, TRUTH.repeat(4, 1)) and not calls


@pytest.mark.parametrize("kind", [DDPMScheduler, DDIMScheduler])
@pytest.mark.parametrize("set_alpha_to_one", [True, False])
def test_the_truth_comes_back_to_the_bit(kind, set_alpha_to_one):
    """Also where it is outside of what the scheduler clips to, and where its last step leaves some noise."""
    options = {"set_alpha_to_one": set_alpha_to_one} if kind is DDIMScheduler else {}
    scheduler = kind(clip_sample=True, **options)
    known = 1e3 * torch.randn(4, 2, DIMS, generator=seed(5), dtype=torch.float64)
    mask = torch.rand(4, 1, DIMS, generator=seed(6)) < 0.5
    before, hidden = known.clone(), known.masked_fill(mask, torch.inf)
    restored, other = (
        repaint(GaussianModel(scheduler), scheduler, x, mask, **PRESETS["fast"]._asdict(), generator=seed())
        for x in (known, hidden)
    )
    mask = mask.expand_as(known)
    assert torch.equal(restored[~mask], before[~mask]) and torch.equal(known, before)
    # What the mask hides plays no part, and the scheduler's clipping holds for what it makes.
    assert torch.equal(restored, other) and restored[mask].abs().max() <= (1.0001 if set_alpha_to_one else 2)


def test_everything_missing_is_the_schedulers_own_sampling():
    everything = torch.ones(DIMS, dtype=torch.bool)
    for kind in (DDPMScheduler, DDIMScheduler):
        scheduler, generator = kind(clip_sample=False), seed()
        restored, _ = fill(scheduler, mask=everything, steps=20, jump=1, resamplings=1)
        model, shape = GaussianModel(scheduler), (4, DIMS)
        scheduler.set_timesteps(20)
        sample = randn_tensor(shape, generator, dtype=torch.float64)
        # The noise of the known part is drawn, but nowhere to be seen.
        randn_tensor(shape, generator, dtype=torch.float64)
        for timestep in scheduler.timesteps:
            sample = scheduler.step(model(sample, timestep), timestep, sample, generator=generator).prev_sample
            randn_tensor(shape, generator, dtype=torch.float64)
        assert torch.equal(restored, sample)


@pytest.mark.parametrize("kind", [DDPMScheduler, DDIMScheduler])
def test_ways_to_predict_are_one(kind):
    fills = [
        fill(kind(clip_sample=False, prediction_type=prediction))[0]
        for prediction in ("epsilon", "sample", "v_prediction")
    ]
    assert torch.allclose(fills[1], fills[0], atol=1e-4) and torch.allclose(fills[2], fills[0], atol=1e-4)


def test_a_learned_variance_is_the_schedulers_matter():
    """Twice the channels; minus one is the smaller of the two fixed variances."""
    learned = DDPMScheduler(clip_sample=False, variance_type="learned_range")
    fixed = DDPMScheduler(clip_sample=False, variance_type="fixed_small")
    gaussian, times = GaussianModel(fixed), {"num_inference_steps": 8, "jump_length": 2, "num_resamplings": 2}

    def two_headed(sample, timestep):
        epsilon = gaussian(sample, timestep)
        return torch.cat([epsilon, -torch.ones_like(epsilon)], dim=1)

    restored = repaint(two_headed, learned, TRUTH.repeat(3, 2, 1), MASK, **times, generator=seed())
    expected = repaint(gaussian, fixed, TRUTH.repeat(3, 2, 1), MASK, **times, generator=seed())
    assert torch.allclose(restored, expected, atol=1e-6)


def test_a_seed_is_a_fill_and_each_item_has_its_own():
    scheduler = DDPMScheduler()
    first, again, other = (fill(scheduler, generator=seed(number))[0] for number in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first[:, MASK], other[:, MASK])
    together = fill(scheduler, 3, generator=[seed(number) for number in (4, 5, 6)])[0]
    for number, item in zip((4, 5, 6), together, strict=True):
        # Sums may be taken in another order where the batch is of another size.
        assert torch.allclose(fill(scheduler, 1, generator=seed(number))[0][0], item, atol=1e-9)


REFUSED = [
    *("DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "PNDMScheduler", "EulerDiscreteScheduler"),
    *("FlowMatchEulerDiscreteScheduler", "LCMScheduler", "EDMEulerScheduler", "DPMSolverSinglestepScheduler"),
    *("ScoreSdeVeScheduler", "RePaintScheduler", "DDIMInverseScheduler"),
]


@pytest.mark.parametrize("name", REFUSED)
def test_other_schedulers_are_refused_by_name(name):
    scheduler = getattr(diffusers, name)()
    with pytest.raises(ValueError, match=f"takes a DDPMScheduler or a DDIMScheduler.* got {name}$"):
        repaint(None, scheduler, TRUTH[None], MASK, **PRESETS["fast"]._asdict())


def test_a_scheduler_that_takes_another_number_of_steps_is_refused():
    """1000 / (1000 / 61) is more than 61 in floating point."""
    with pytest.raises(ValueError, match="expected 61 times, got 62 of DDPMScheduler"):
        fill(DDPMScheduler(timestep_spacing="trailing"), steps=61)


@pytest.mark.parametrize("spacing", ["linspace", "trailing"])
def test_ddim_steps_that_miss_the_next_time_are_refused(spacing):
    scheduler = DDIMScheduler(timestep_spacing=spacing)
    with pytest.raises(ValueError, match=f"111 times down .*'{spacing}' its 9 times are not so far apart"):
        fill(scheduler, steps=9)


@pytest.mark.parametrize(
    ("known", "mask", "generator", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), torch.ones(3, dtype=torch.bool), None, "float .* got torch.int64"),
        (torch.zeros(3), torch.ones(3, dtype=torch.bool), None, r"\(batch, ...\), got torch.float32 of \(3,\)"),
        (torch.zeros(0, 3), torch.ones(3, dtype=torch.bool), None, r"got torch.float32 of \(0, 3\)"),
        (torch.zeros(2, 3), torch.ones(3), None, "mask must be bool, .* got torch.float32"),
        (torch.zeros(2, 3), torch.ones(2, dtype=torch.bool), None, r"broadcastable to \(2, 3\), got \(2,\)"),
        (torch.zeros(2, 3), torch.ones(1, 2, 3, dtype=torch.bool), None, r"to \(2, 3\), got \(1, 2, 3\)"),
        (torch.full((2, 3), torch.nan), torch.tensor([True, False, True]), None, "finite wherever the mask is False"),
        (torch.zeros(2, 3), torch.ones(3, dtype=torch.bool), [seed()], "one for each of 2 items, got 1"),
    ],
)
def test_bad_inputs_are_refused(known, mask, generator, message):
    with pytest.raises(ValueError, match=message):
        repaint(None, DDPMScheduler(), known, mask, **PRESETS["fast"]._asdict(), generator=generator)
