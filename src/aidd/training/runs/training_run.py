"""The course of a training run, which the training scripts share: steps and minutes, log, checkpoints and record."""

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import broadcast
from diffusers.optimization import get_scheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm

from .arguments import read_arguments, write_arguments
from .checkpoints import load_checkpoint, save_checkpoint
from .gradients import clip_gradients
from .metrics_file import append_metrics


logger = get_logger(__name__)


class TrainingRun:
    """
    Counts the steps and the minutes of a run, and ends it when either are used up; logs, and keeps checkpoints.
    Networks, data, losses and the step itself stay with the script. Every process of the run has one.

    Args:
        accelerator: of the script.
        args: of the script, with those of [`~aidd.training.runs.options.add_run_options`]. The minutes count from
            here on.

    Attributes:
        step: number of steps that are done.
        minutes: wall-clock minutes that these took, those before a checkpoint included; the same in all processes
            where `max_train_minutes` is given.
    """

    def __init__(self, accelerator: Accelerator, args: Namespace):
        self.accelerator = accelerator
        self.args = args
        self.step = 0
        self.minutes = 0.0
        self._minutes_before = 0.0
        self._started = time.monotonic()

    @property
    def position(self) -> float:
        """
        How far the run has come, from 0 to `max_train_steps`: the number of steps, or the share of
        `max_train_minutes` that is spent, whichever is further.
        """
        if self.args.max_train_minutes is None:
            return self.step
        return max(self.step, self.args.max_train_steps * self.minutes / self.args.max_train_minutes)

    @property
    def is_over(self) -> bool:
        """Whether the last step is done."""
        return self.position >= self.args.max_train_steps

    def make_lr_scheduler(self, optimizer: Optimizer, first_step: int = 0) -> LambdaLR:
        """
        Makes diffusers' schedule `lr_scheduler` of a learning rate, from a step of the run to its end. Where minutes
        are given, what follows the warm-up is a function of `position`: it ends with whatever ends the run.
        """
        # Accelerate takes as many steps of a schedule as there are processes.
        num_processes = self.accelerator.num_processes
        num_warmup_steps = self.args.lr_warmup_steps * num_processes
        num_training_steps = (self.args.max_train_steps - first_step) * num_processes
        schedule = get_scheduler(
            self.args.lr_scheduler,
            optimizer,
            num_warmup_steps=num_warmup_steps,
            num_training_steps=num_training_steps,
        )

        # diffusers' factors are functions of fractional steps, too.
        def by_position(factor: Callable[[Any], float]) -> Callable[[int], float]:
            def factor_by_position(step: int) -> float:
                if step < num_warmup_steps:
                    return factor(step)
                position = (self.position - first_step) * num_processes
                return factor(min(max(step, position), num_training_steps))

            return factor_by_position

        if self.args.max_train_minutes is not None:
            schedule.lr_lambdas = [by_position(factor) for factor in schedule.lr_lambdas]
        return schedule

    def start(self, name: str, checkpoint: Path | None) -> None:
        """
        Starts the trackers under a name, and restores a checkpoint if there is one. What is trained has to be
        prepared by the accelerator and registered with it before.
        """
        if self.args.report_to != "none":
            self.accelerator.init_trackers(name)
        if checkpoint is not None:
            self.step = load_checkpoint(self.accelerator, checkpoint, self.args.output_dir)
            self.minutes = self._minutes_before = read_arguments(checkpoint).get("trained_minutes", 0.0)
            logger.info("resumed from %s", checkpoint)
        self.args.output_dir.mkdir(parents=True, exist_ok=True)

    def batches(self, dataloader: Any, batches_a_step: int = 1) -> Iterator[Any]:
        """Batches of the steps that are left, beneath a progress bar."""
        self._progress = tqdm(
            desc="Training",
            total=self.args.max_train_steps,
            initial=self.step,
            disable=not self.accelerator.is_local_main_process,
        )
        with self._progress:
            if self.is_over:
                return
            for batch in self.accelerator.skip_first_batches(dataloader, self.step * batches_a_step):
                yield batch
                if self.is_over:
                    return

    def clip_gradients(self, network: nn.Module) -> None:
        """Scales longer gradients down to `max_grad_norm`. Raises `FloatingPointError` unless they are finite."""
        clip_gradients(self.accelerator, network, self.args.max_grad_norm, place=f"step {self.step + 1}")

    def advance(self, **shown: float) -> None:
        """Counts a step that is done, and shows numbers beside the progress bar."""
        self.step += 1
        self.minutes = self._minutes_before + (time.monotonic() - self._started) / 60
        if self.args.max_train_minutes is not None and self.accelerator.num_processes > 1:
            # The clocks of processes differ; all have to end with the same step.
            self.minutes = broadcast(torch.tensor(self.minutes, device=self.accelerator.device)).item()
        self._progress.set_postfix({name: f"{value:.3f}" for name, value in shown.items()}, refresh=False)
        self._progress.update()

    def is_due(self, every: int) -> bool:
        """Whether what is done every so many steps is to be done after this one: after the last, it always is."""
        return self.step % every == 0 or self.is_over

    def log(self, metrics: dict[str, float]) -> None:
        """Hands what was measured after this step to the trackers, and adds it to `metrics.jsonl`."""
        self.accelerator.log(metrics, step=self.step)
        if self.accelerator.is_main_process:
            append_metrics(self.args.output_dir, self.step, metrics)

    def save_checkpoint(self) -> None:
        """Writes `checkpoint-<step>` and deletes the oldest. Every process calls it."""
        save_checkpoint(self.accelerator, self.args, self.step, self.minutes)

    def write_record(self) -> None:
        """Writes `training_arguments.json` beside the result: the arguments, and the steps and minutes it took."""
        write_arguments(self.args.output_dir, self.args, trained_steps=self.step, trained_minutes=self.minutes)
