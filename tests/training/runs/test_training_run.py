"""A run of the smallest network: its steps, its minutes and its learning rate, its log, checkpoints and record."""

import json
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from aidd.training.runs import training_run
from aidd.training.runs.training_run import TrainingRun


class Clock:
    """Shows the seconds that it is set to."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(training_run.time, "monotonic", clock)
    return clock


def arguments(folder: Path, **changes) -> Namespace:
    return Namespace(
        **{
            **{"output_dir": folder, "max_train_steps": 10, "max_train_minutes": None, "max_grad_norm": 1.0},
            **{"lr_scheduler": "linear", "lr_warmup_steps": 0, "report_to": "none", "checkpoints_total_limit": 9},
            **changes,
        }
    )


def train(args: Namespace, clock: Clock, checkpoint: Path | None = None, seconds_a_step: float = 6.0) -> list[float]:
    """Trains as the scripts do, checkpoints and log every four steps; returns the learning rate of each step."""
    accelerator = Accelerator(cpu=True)
    run = TrainingRun(accelerator, args)
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(network.parameters(), 1.0)
    lr_scheduler = run.make_lr_scheduler(optimizer)
    dataloader = DataLoader(torch.arange(20.0).reshape(10, 2))
    network, optimizer, dataloader, lr_scheduler = accelerator.prepare(network, optimizer, dataloader, lr_scheduler)
    run.start("test", checkpoint)
    rates = []
    for batch in run.batches(dataloader):
        rates.append(lr_scheduler.get_last_lr()[0])
        accelerator.backward(network(batch).square().mean())
        run.clip_gradients(network)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad()
        clock.seconds += seconds_a_step
        run.advance(loss=1.0)
        if run.is_due(4):
            run.log({"batch": float(batch[0, 0])})
            run.save_checkpoint()
    run.write_record()
    torch.save(network.state_dict(), args.output_dir / "model.pt")
    return rates


def record(folder: Path) -> tuple[int, float]:
    content = json.loads((folder / "training_arguments.json").read_text())
    return content["trained_steps"], content["trained_minutes"]


def logged(folder: Path) -> list[tuple[int, float]]:
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [(row["step"], row["batch"]) for row in rows]


def test_a_run_without_a_limit_does_all_its_steps(clock, tmp_path):
    rates = train(arguments(tmp_path), clock)
    assert rates == pytest.approx([1 - step / 10 for step in range(10)])
    assert record(tmp_path) == (10, 1.0)
    # Every fourth step, and the last.
    assert logged(tmp_path) == [(4, 6.0), (8, 14.0), (10, 18.0)]
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {"checkpoint-4", "checkpoint-8", "checkpoint-10"}
    assert record(tmp_path / "checkpoint-8") == (8, pytest.approx(0.8))


def test_minutes_end_a_run_and_the_schedule_ends_with_them(clock, tmp_path):
    """Half a minute, at 6 s a step: 5 of 10 steps."""
    rates = train(arguments(tmp_path, max_train_minutes=0.5), clock)
    # In each step, what was left of the minutes after the step before: schedules lag one step behind the clock.
    assert rates == pytest.approx([1, 0.9, 0.8, 0.6, 0.4])
    assert record(tmp_path) == (5, 0.5)
    assert logged(tmp_path) == [(4, 6.0), (5, 8.0)]
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {"checkpoint-4", "checkpoint-5"}


def test_minutes_that_are_not_used_up_change_nothing(clock, tmp_path):
    rates = [train(arguments(tmp_path / str(limit), max_train_minutes=limit), clock) for limit in (None, 30)]
    assert rates[0] == rates[1]
    weights = [torch.load(tmp_path / name / "model.pt") for name in ("None", "30")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_learning_rate_rises_by_steps_and_falls_by_minutes(clock, tmp_path):
    rates = train(arguments(tmp_path, max_train_minutes=0.5, lr_warmup_steps=2), clock)
    assert rates[:2] == [0, 0.5] and rates[2] > rates[3] > rates[4] > 0


@pytest.mark.parametrize("name", ["cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup"])
def test_no_schedule_rises_again_when_minutes_are_used_up(clock, tmp_path, name):
    run = TrainingRun(Accelerator(cpu=True), arguments(tmp_path, max_train_minutes=1, lr_scheduler=name))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    schedule = run.make_lr_scheduler(optimizer)
    run.minutes = 5.0
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr()[0] == pytest.approx(float(name == "constant_with_warmup"), abs=1e-6)


def test_a_resumed_run_goes_on_with_the_minutes_it_has_left(clock, tmp_path):
    train(arguments(tmp_path, max_train_minutes=0.45), clock)
    assert record(tmp_path) == (5, 0.5)
    clock.seconds += 10_000
    # Half a minute is spent; another one is five more steps.
    rates = train(arguments(tmp_path, max_train_minutes=0.7), clock, tmp_path / "checkpoint-5")
    assert len(rates) == 2 and record(tmp_path) == (7, pytest.approx(0.7))
    assert logged(tmp_path)[-1] == (7, 12.0)
    # None is left: the model is written as it is.
    before = torch.load(tmp_path / "model.pt")
    assert train(arguments(tmp_path, max_train_minutes=0.6), clock, tmp_path / "checkpoint-7") == []
    after = torch.load(tmp_path / "model.pt")
    assert record(tmp_path) == (7, pytest.approx(0.7)) and all(
        torch.equal(after[name], before[name]) for name in after
    )


def test_a_gradient_that_is_not_finite_stops_the_run_before_the_step(clock, tmp_path):
    accelerator = Accelerator(cpu=True)
    run = TrainingRun(accelerator, arguments(tmp_path))
    network = accelerator.prepare(torch.nn.Linear(2, 1))
    accelerator.backward(network(torch.tensor([[1.0, float("nan")]])).sum())
    with pytest.raises(FloatingPointError, match=r"^step 1: expected a gradient of finite norm, got nan\. .*rate$"):
        run.clip_gradients(network)


def test_trackers_are_given_the_log(clock, tmp_path):
    pytest.importorskip("tensorboard")
    accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=tmp_path / "logs")
    run = TrainingRun(accelerator, arguments(tmp_path, report_to="tensorboard"))
    run.start("test", None)
    run.log({"loss": 1.0})
    accelerator.end_training()
    assert list((tmp_path / "logs" / "test").rglob("events.out.tfevents*"))
