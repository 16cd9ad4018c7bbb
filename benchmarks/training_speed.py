"""
Measure how fast the token model and the codec are trained on a processor, and what of a step the networks take.

    python benchmarks/training_speed.py --output benchmarks/results/training_speed.json

Each row is a short run of `examples/train.py` or `examples/train_wavtokenizer.py`, as a user starts it, on data that
the scripts make up, with the configurations of `examples/configs/piano_cpu` and the batches that the scripts draw by
default. Seconds a step are those between a first checkpoint and the last step, so that neither the start of the
process nor the first steps count. `workers` are processes that draw batches and masks ahead; without any, the process
that trains does. In bfloat16, networks compute by automatic mixed precision.

The finding is measured in this process, on batches like those of the script: what of a step of the token model is
neither the network's pass forward nor that backward, namely gathering, masks, loss, gradients' norm, optimiser and
the moving average of the weights.
"""

import argparse
import json
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from measuring import Results, argument_parser, stopwatch
from whole_recording import Resources, resources_of

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.schedulers import LogLinearSchedule, span_mask
from aidd.training.data.corruption import CorruptingCollator
from aidd.training.losses.score_entropy import score_entropy_loss


EXAMPLES = Path(__file__).parents[1] / "examples"
CONFIGS = EXAMPLES / "configs" / "piano_cpu"
PRECISIONS = {"float32": "no", "bfloat16": "bf16"}
SCRIPTS = {"train.py": "dit_token_mel.json", "train_wavtokenizer.py": "mel_tokenizer.json"}


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__, threads=2)
    parser.add_argument("--scripts", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS), help="What is trained.")
    parser.add_argument("--configs", type=Path, default=CONFIGS, help="Folder of the networks' configurations.")
    parser.add_argument("--precisions", nargs="+", choices=list(PRECISIONS), default=list(PRECISIONS), help="To try.")
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 1], help="Numbers of processes to try.")
    parser.add_argument("--steps", type=int, default=30, help="Steps that are timed.")
    parser.add_argument("--first_steps", type=int, default=5, help="Steps before them.")
    parser.add_argument("--batch_size", type=int, default=16, help="Windows, or segments, a step.")
    return parser.parse_args()


def train(args: argparse.Namespace, script: str, precision: str, workers: int, folder: Path) -> Resources:
    """Trains by a script, with checkpoints after the first steps and at the end."""
    command: list = [EXAMPLES / script, "--use_dummy_data", "--config_path", args.configs / SCRIPTS[script]]
    command += ["--output_dir", folder, "--train_batch_size", args.batch_size, "--mixed_precision"]
    command += [PRECISIONS[precision], "--dataloader_num_workers", workers]
    command += ["--max_train_steps", args.first_steps + args.steps, "--checkpointing_steps", args.first_steps]
    command += ["--checkpoints_total_limit", args.steps + 1]
    return resources_of([*map(str, command)], args.threads)


def minutes_at(folder: Path, step: int) -> float:
    """Minutes that a run had taken at a checkpoint."""
    return json.loads((folder / f"checkpoint-{step}" / "training_arguments.json").read_text())["trained_minutes"]


def share_beside_the_network(args: argparse.Namespace) -> float:
    """Share of a step's time that is neither a pass forward nor one backward."""
    config = DiTTokenConfig.from_pretrained(str(args.configs / SCRIPTS["train.py"]))
    model, schedule, length = DiTTokenModel(config).train(), LogLinearSchedule(), config.max_position_embeddings
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    ema = EMAModel(model.parameters(), decay=0.999)
    collate = CorruptingCollator(
        0, schedule, partial(span_mask, p0=0.8, alpha=0.5, cap=30), gap_probability=0.5, max_gap=length // 2
    )
    generator, took = torch.Generator().manual_seed(0), Counter()
    for step in range(args.first_steps + args.steps):
        with stopwatch() as data:
            codes = torch.randint(config.codebook_size, (args.batch_size, length), generator=generator)
            first = step * args.batch_size
            batch = collate([{"tokens": row, "index": first + place} for place, row in enumerate(codes)])
        with stopwatch() as forward:
            log_probs = model(batch["tokens"], batch["missing"], positions=batch["missing"]).log_probs
        with stopwatch() as losses:
            loss = score_entropy_loss(log_probs, batch["tokens"], batch["missing"], batch["t"], schedule).mean()
        with stopwatch() as backward:
            (loss / length).backward()
        with stopwatch() as update:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            ema.step(model.parameters())
        if step >= args.first_steps:
            took["network"] += forward.seconds + backward.seconds
            took["beside"] += data.seconds + losses.seconds + update.seconds
    return took["beside"] / took.total()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    results = Results(args)
    for script in args.scripts:
        for precision in args.precisions:
            for workers in args.workers:
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name) / "run"
                    used = train(args, script, precision, workers, folder)
                    last, first = (minutes_at(folder, s) for s in (args.first_steps + args.steps, args.first_steps))
                seconds = 60 * (last - first) / args.steps
                results.add(
                    script=script,
                    dtype=precision,
                    workers=workers,
                    seconds_a_step=seconds,
                    steps_a_second=1 / seconds,
                    peak_MiB=used.peak_mib,
                )
    results.findings.append(
        f"In a step of the token model, {100 * share_beside_the_network(args):.1f} % of the time is neither the "
        "network's pass forward nor that backward."
    )
    results.write()


if __name__ == "__main__":
    main()
