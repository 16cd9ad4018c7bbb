"""Folders `checkpoint-<step>` of a training run."""

import re
import shutil
from argparse import Namespace
from pathlib import Path

from accelerate import Accelerator

from . import arguments, metrics_file


def list_checkpoints(output_dir: str | Path) -> list[Path]:
    """Checkpoints of a run, oldest first."""
    return sorted(Path(output_dir).glob("checkpoint-*"), key=checkpoint_step)


def checkpoint_step(checkpoint: Path) -> int:
    """
    Number of steps that a checkpoint was written after.

    Raises:
        ValueError: the name of the folder is not `checkpoint-<step>`.
    """
    match = re.fullmatch(r"checkpoint-(\d+)", checkpoint.name)
    if not match:
        raise ValueError(f"expected a folder checkpoint-<step>, got {checkpoint}")
    return int(match[1])


def latest_checkpoint(output_dir: str | Path) -> Path:
    """
    The newest checkpoint of a run.

    Raises:
        ValueError: there is none.
    """
    checkpoints = list_checkpoints(output_dir)
    if not checkpoints:
        raise ValueError(f"{output_dir} holds no checkpoint-<step> folder to resume from")
    return checkpoints[-1]


def checkpoint_to_resume(output_dir: Path, resume_from_checkpoint: str | None, max_train_steps: int) -> Path | None:
    """
    Finds the checkpoint that a run is to go on from.

    Args:
        output_dir: folder of the run.
        resume_from_checkpoint: a checkpoint's folder, "latest", or None for a run from the start.
        max_train_steps: steps of the whole run.

    Returns:
        Its folder, or None.

    Raises:
        ValueError: a run from the start where one has been; no such checkpoint; or one after the last step.
    """
    if resume_from_checkpoint is None:
        records = [output_dir / name for name in (metrics_file.FILE_NAME, arguments.FILE_NAME)]
        if list_checkpoints(output_dir) or any(record.exists() for record in records):
            raise ValueError(
                f"{output_dir} holds a training run: go on with it by --resume_from_checkpoint latest, or choose "
                "another --output_dir"
            )
        return None
    latest = resume_from_checkpoint == "latest"
    checkpoint = latest_checkpoint(output_dir) if latest else Path(resume_from_checkpoint)
    if checkpoint_step(checkpoint) > max_train_steps:
        raise ValueError(f"{checkpoint} is after the last step, --max_train_steps {max_train_steps}")
    if not checkpoint.is_dir():
        raise ValueError(f"there is no {checkpoint}")
    return checkpoint


def load_checkpoint(accelerator: Accelerator, checkpoint: Path, output_dir: str | Path) -> int:
    """Restores the state of a run, drops what was measured after it, and returns the number of steps done."""
    accelerator.load_state(str(checkpoint))
    step = checkpoint_step(checkpoint)
    if accelerator.is_main_process:
        metrics_file.cut_metrics(output_dir, step)
    return step


def prune_checkpoints(output_dir: str | Path, total_limit: int) -> None:
    """Deletes the oldest checkpoints, keeping `total_limit` of them."""
    for checkpoint in list_checkpoints(output_dir)[::-1][total_limit:]:
        shutil.rmtree(checkpoint)


def save_checkpoint(accelerator: Accelerator, args: Namespace, step: int, minutes: float) -> None:
    """
    Writes the state of a run, its arguments, and the steps and minutes that it took to `checkpoint-<step>` in
    `args.output_dir`, and deletes the oldest checkpoints, keeping `args.checkpoints_total_limit`. Every process calls
    it. The folder gets its name when it is complete: a run killed while writing leaves nothing behind that could be
    taken for a checkpoint.
    """
    unfinished = args.output_dir / "unfinished-checkpoint"
    accelerator.save_state(str(unfinished))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        arguments.write_arguments(unfinished, args, trained_steps=step, trained_minutes=minutes)
        checkpoint = args.output_dir / f"checkpoint-{step}"
        if checkpoint.exists():
            shutil.rmtree(checkpoint)
        unfinished.rename(checkpoint)
        prune_checkpoints(args.output_dir, args.checkpoints_total_limit)
    accelerator.wait_for_everyone()
