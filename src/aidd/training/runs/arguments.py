"""`training_arguments.json`: what a model or a checkpoint was trained with."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from ...signals.replacing import replacing


FILE_NAME = "training_arguments.json"
# Arguments that a resumed run may change: length, batching, paths and logging.
FREE = {
    *("max_train_steps", "max_train_minutes", "train_batch_size", "gradient_accumulation_steps", "mixed_precision"),
    *("output_dir", "train_data_dir", "validation_data_dir", "resume_from_checkpoint", "arguments_path"),
    *("dataloader_num_workers", "logging_steps", "validation_steps", "validation_segments", "checkpointing_steps"),
    *("checkpoints_total_limit", "report_to", "push_to_hub", "hub_model_id"),
}


def write_arguments(folder: str | Path, args: Namespace, **results: float) -> None:
    """Writes the arguments of a script, and numbers that its run had as results, into an existing folder."""
    with replacing(Path(folder) / FILE_NAME) as unfinished:
        unfinished.write_text(json.dumps(vars(args) | results, default=str, indent=2))


def read_arguments(folder: str | Path) -> dict[str, Any]:
    """Reads what was written; empty where nothing was, as for converted weights or a repository of the Hub."""
    path = Path(folder) / FILE_NAME
    return json.loads(path.read_text()) if path.is_file() else {}


def check_kept(args: Namespace, checkpoint: Path) -> None:
    """
    Checks that a run goes on from a checkpoint with the arguments it had. Most others would have no effect, as the
    state of the optimizer holds the old ones; the rest would change the task half-way.

    Raises:
        ValueError: an argument, not in `FREE`, that differs from the checkpoint's.
    """
    given = json.loads(json.dumps(vars(args), default=str))
    for name, value in read_arguments(checkpoint).items():
        if name not in FREE and given.get(name, value) != value:
            raise ValueError(
                f"{name} is {value} in {checkpoint}, got {given[name]}: a resumed run keeps it. To go on otherwise, "
                "train into another --output_dir with --init_from"
            )
