"""Options that all training scripts have."""

import argparse
import math
from pathlib import Path

from accelerate.tracking import get_available_trackers


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that [`~aidd.training.runs.training_run.TrainingRun`] reads."""
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for checkpoints and the trained model.")
    parser.add_argument(
        "--max_train_minutes",
        type=float,
        help="Wall-clock minutes after which the run ends, if it has not done all its steps by then; the learning "
        "rate falls in time for that. The last validation and writing the model come on top. Default: no limit.",
    )
    parser.add_argument("--lr_scheduler", default="cosine", help="Learning-rate schedule, by its name in diffusers.")
    parser.add_argument("--lr_warmup_steps", type=int, default=100, help="Steps in which the learning rate rises.")
    parser.add_argument(
        "--max_grad_norm", type=float, default=1.0, help="Gradients of a larger norm are scaled down to it."
    )
    parser.add_argument(
        "--mixed_precision", choices=["no", "bf16"], default="no", help="Number format of the computations."
    )
    parser.add_argument("--dataloader_num_workers", type=int, default=0, help="Processes that load data.")
    parser.add_argument("--logging_steps", type=int, default=50, help="Steps from one log entry to the next.")
    parser.add_argument("--validation_steps", type=int, default=500, help="Steps from one validation to the next.")
    parser.add_argument("--checkpointing_steps", type=int, default=500, help="Steps from one checkpoint to the next.")
    parser.add_argument("--checkpoints_total_limit", type=int, default=2, help="Number of checkpoints that are kept.")
    parser.add_argument("--resume_from_checkpoint", help='Checkpoint folder to go on from, or "latest".')
    parser.add_argument(
        "--report_to", default="none", help="Tracker that is given the log as well: tensorboard, wandb, ..."
    )


def check_run_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends the program on a tracker that is not installed, or a time budget that is no positive number."""
    if args.report_to not in ("none", *map(str, get_available_trackers())):
        parser.error(f"--report_to: {args.report_to} is not installed: pip install aidd[train], or give none")
    if args.max_train_minutes is not None and not 0 < args.max_train_minutes < math.inf:
        parser.error(f"--max_train_minutes: expected a number above 0, got {args.max_train_minutes}")
