"""Folders `checkpoint-<step>` of a training run."""

import shutil
from pathlib import Path

from accelerate import Accelerator


def list_checkpoints(output_dir: str | Path) -> list[Path]:
    """Checkpoints of a run, oldest first."""
    return sorted(Path(output_dir).glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


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


def prune_checkpoints(output_dir: str | Path, total_limit: int) -> None:
    """Deletes the oldest checkpoints, keeping `total_limit` of them."""
    for checkpoint in list_checkpoints(output_dir)[::-1][total_limit:]:
        shutil.rmtree(checkpoint)


def save_checkpoint(accelerator: Accelerator, output_dir: str | Path, step: int, total_limit: int) -> None:
    """
    Writes the state of a run to `checkpoint-<step>` and deletes the oldest checkpoints, keeping `total_limit`. Every
    process calls it. The folder gets its name when it is complete: a run killed while writing leaves nothing behind
    that could be taken for a checkpoint.
    """
    unfinished = Path(output_dir) / "unfinished-checkpoint"
    accelerator.save_state(str(unfinished))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        checkpoint = Path(output_dir) / f"checkpoint-{step}"
        if checkpoint.exists():
            shutil.rmtree(checkpoint)
        unfinished.rename(checkpoint)
        prune_checkpoints(output_dir, total_limit)
    accelerator.wait_for_everyone()
