"""Folders `checkpoint-<step>` of a training run."""

import shutil
from pathlib import Path


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
    for checkpoint in list_checkpoints(output_dir)[:-total_limit]:
        shutil.rmtree(checkpoint)
