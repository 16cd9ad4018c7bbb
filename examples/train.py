"""
Train a DiTTokenModel on tokenised recordings (`examples/tokenize_dataset.py`).

    accelerate launch examples/train.py --train_data_dir outputs/tokens --output_dir outputs/dit

The objective is DWDSE. `--corruption` draws the missing tokens of a window: `independent` (SEDD) or `span` (AIDD, the
default); `--gap_probability` is the share of windows (half, by default) that get the pattern of inference instead.

The result, `--output_dir`, holds the moving average of the weights and loads with `DiTTokenModel.from_pretrained`.
`--use_dummy_data` tries the script out on a made-up token sequence.
"""

import argparse
import json
import logging
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from datasets import Dataset
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.schedulers import LogLinearSchedule, independent_mask, span_mask
from aidd.training.checkpoints import latest_checkpoint, prune_checkpoints
from aidd.training.gap_mask import gap_mask
from aidd.training.score_entropy import score_entropy_loss
from aidd.training.token_windows import TokenWindowDataset


logger = get_logger(__name__)
VALIDATION_GAPS = (4, 15, 28, 56)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_data_dir", nargs="+", help="Data sets of tokens.")
    parser.add_argument("--train_data_probabilities", nargs="+", type=float, help="Share of each in the draws.")
    parser.add_argument("--validation_data_dir", nargs="+", help="Data sets of tokens to validate on.")
    parser.add_argument("--use_dummy_data", action="store_true", help="Train on a made-up token sequence instead.")
    parser.add_argument("--config_path", help="A DiTTokenModel config.json. Default: AIDD's small architecture.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where checkpoints and the model are written.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train_batch_size", type=int, default=16, help="Windows a process and step.")
    parser.add_argument("--max_train_steps", type=int, default=100_000)
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1)
    parser.add_argument("--corruption", choices=["independent", "span"], default="span")
    parser.add_argument("--span_p0", type=float, default=0.8, help="Parameter p0 of the spans' lengths.")
    parser.add_argument("--span_alpha", type=float, default=0.5, help="Parameter alpha of the spans' lengths.")
    parser.add_argument("--gap_probability", type=float, default=0.5, help="Share of windows corrupted by gaps.")
    parser.add_argument("--max_gap", type=int, default=96, help="Longest gap, in tokens.")
    parser.add_argument("--learning_rate", type=float, default=3e-4)
    parser.add_argument("--lr_scheduler", default="cosine")
    parser.add_argument("--lr_warmup_steps", type=int, default=100)
    parser.add_argument("--adam_beta1", type=float, default=0.9)
    parser.add_argument("--adam_beta2", type=float, default=0.98)
    parser.add_argument("--adam_weight_decay", type=float, default=0.01)
    parser.add_argument("--max_grad_norm", type=float, default=1.0)
    parser.add_argument("--ema_decay", type=float, default=0.999)
    parser.add_argument("--mixed_precision", choices=["no", "bf16"], default="no")
    parser.add_argument("--dataloader_num_workers", type=int, default=0)
    parser.add_argument("--validation_steps", type=int, default=500)
    parser.add_argument("--checkpointing_steps", type=int, default=500)
    parser.add_argument("--checkpoints_total_limit", type=int, default=2)
    parser.add_argument("--resume_from_checkpoint", help='A checkpoint folder, or "latest".')
    parser.add_argument("--report_to", help="Tracker: tensorboard, wandb, ... Default: none, metrics.jsonl only.")
    args = parser.parse_args()
    if bool(args.train_data_dir) == args.use_dummy_data:
        parser.error("give either --train_data_dir or --use_dummy_data")
    return args


def write_dummy_data(folder: Path, codebook_size: int) -> str:
    """A periodic sequence of codes: enough to try the script out, not to learn from."""
    codes = [(7 * position) % min(codebook_size, 50) for position in range(2000)]
    Dataset.from_list([{"recording": "dummy", "speed": 1.0, "audio_codes": codes}]).save_to_disk(folder)
    return str(folder)


def corrupt(
    tokens: torch.Tensor, args: argparse.Namespace, schedule: LogLinearSchedule, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws times `(batch,)` and missing tokens `(batch, tokens)`; gaps have the time of their missing fraction."""
    batch_size, num_tokens = tokens.shape
    t = 1e-3 + (1 - 1e-3) * torch.rand(batch_size, generator=generator)
    if args.corruption == "span":
        missing = span_mask(
            schedule.masked_fraction(t), num_tokens, args.span_p0, args.span_alpha, generator=generator
        )
    else:
        missing = independent_mask(schedule.masked_fraction(t), num_tokens, generator)
    gaps = gap_mask(batch_size, num_tokens, generator, args.max_gap)
    of_gaps = torch.rand(batch_size, generator=generator) < args.gap_probability
    t = torch.where(of_gaps, gaps.float().mean(-1) / (1 - schedule.eps), t)
    missing = torch.where(of_gaps[:, None], gaps, missing)
    return t.to(tokens.device), missing.to(tokens.device)


@torch.no_grad()
def validate(model: DiTTokenModel, windows: torch.Tensor, schedule: LogLinearSchedule) -> dict[str, float]:
    """Cross-entropy in nats a token, scores renormalised, on a gap in the middle of fixed windows."""
    model.eval()
    metrics = {}
    for gap in (gap for gap in VALIDATION_GAPS if gap < windows.shape[1]):
        start = (windows.shape[1] - gap) // 2
        missing = torch.zeros_like(windows, dtype=torch.bool)
        missing[:, start : start + gap] = True
        sigma = (
            schedule.sigma(missing.float().mean(-1) / (1 - schedule.eps)) if model.config.time_conditioning else None
        )
        log_probs = model(windows, missing, sigma).log_probs[:, start : start + gap].log_softmax(-1)
        cross_entropy = -log_probs.gather(-1, windows[:, start : start + gap, None])
        metrics[f"valid/cross_entropy_gap_{gap}"] = cross_entropy.mean().item()
    model.train()
    return metrics


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        gradient_accumulation_steps=args.gradient_accumulation_steps,
        log_with=args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
    )
    set_seed(args.seed)
    config = DiTTokenConfig.from_pretrained(args.config_path) if args.config_path else DiTTokenConfig()
    window_length = config.max_position_embeddings
    if args.use_dummy_data:
        args.train_data_dir = [write_dummy_data(args.output_dir / "dummy_data", config.codebook_size)]

    model = DiTTokenModel(config)
    model.train()
    windows_a_step = args.train_batch_size * accelerator.num_processes * args.gradient_accumulation_steps
    dataset = TokenWindowDataset(
        args.train_data_dir,
        args.max_train_steps * windows_a_step,
        window_length,
        args.seed,
        args.train_data_probabilities,
    )
    # Starting to iterate draws from this generator, not from the global one: a resumed run has the same dropout.
    dataloader = DataLoader(
        dataset, args.train_batch_size, num_workers=args.dataloader_num_workers, generator=torch.Generator()
    )
    validation_windows = None
    if args.validation_data_dir:
        held_out = TokenWindowDataset(args.validation_data_dir, 64, window_length, seed=0)
        validation_windows = torch.stack([held_out[i] for i in range(len(held_out))]).to(accelerator.device)

    optimizer = torch.optim.AdamW(
        model.parameters(),
        args.learning_rate,
        betas=(args.adam_beta1, args.adam_beta2),
        weight_decay=args.adam_weight_decay,
    )
    lr_scheduler = get_scheduler(
        args.lr_scheduler,
        optimizer,
        num_warmup_steps=args.lr_warmup_steps * accelerator.num_processes,
        num_training_steps=args.max_train_steps * accelerator.num_processes,
    )
    ema = EMAModel(model.parameters(), decay=args.ema_decay)
    accelerator.register_for_checkpointing(ema)
    model, optimizer, dataloader, lr_scheduler = accelerator.prepare(model, optimizer, dataloader, lr_scheduler)
    ema.to(accelerator.device)
    module = accelerator.unwrap_model(model)
    schedule = LogLinearSchedule()
    if args.report_to:
        accelerator.init_trackers("train")

    first_step = 0
    if args.resume_from_checkpoint:
        checkpoint = args.resume_from_checkpoint
        checkpoint = latest_checkpoint(args.output_dir) if checkpoint == "latest" else Path(checkpoint)
        accelerator.load_state(str(checkpoint))
        first_step = int(checkpoint.name.split("-")[1])
        logger.info("resumed from %s", checkpoint)

    def log(metrics: dict, step: int) -> None:
        accelerator.log(metrics, step=step)
        if accelerator.is_main_process:
            with open(args.output_dir / "metrics.jsonl", "a") as file:
                file.write(json.dumps({"step": step, **metrics}) + "\n")

    args.output_dir.mkdir(parents=True, exist_ok=True)
    step = first_step
    batches = accelerator.skip_first_batches(dataloader, first_step * args.gradient_accumulation_steps)
    progress = tqdm(total=args.max_train_steps, initial=first_step, disable=not accelerator.is_local_main_process)
    for micro_step, tokens in enumerate(batches, first_step * args.gradient_accumulation_steps):
        # Keyed by seed, step and process, so that a resumed run draws what the uninterrupted one would have.
        generator = torch.Generator().manual_seed(hash((args.seed, micro_step, accelerator.process_index)) % 2**63)
        t, missing = corrupt(tokens, args, schedule, generator)
        with accelerator.accumulate(model):
            sigma = schedule.sigma(t) if config.time_conditioning else None
            log_probs = model(tokens, missing, sigma).log_probs
            loss = score_entropy_loss(log_probs, tokens, missing, t, schedule).mean() / window_length
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            optimizer.step()
            lr_scheduler.step()
            optimizer.zero_grad(set_to_none=True)
        if not accelerator.sync_gradients:
            continue

        ema.step(module.parameters())
        step += 1
        progress.update()
        progress.set_postfix(loss=f"{loss.item():.3f}")
        if step % 50 == 0:
            log({"train/loss": loss.item()}, step)
        if accelerator.is_main_process and validation_windows is not None and step % args.validation_steps == 0:
            ema.store(module.parameters())
            ema.copy_to(module.parameters())
            metrics = validate(module, validation_windows, schedule)
            ema.restore(module.parameters())
            logger.info("step %d: %s", step, metrics)
            log(metrics, step)
        if step % args.checkpointing_steps == 0:
            accelerator.save_state(str(args.output_dir / f"checkpoint-{step}"))
            if accelerator.is_main_process:
                prune_checkpoints(args.output_dir, args.checkpoints_total_limit)

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(module.parameters())
        module.save_pretrained(args.output_dir)
        (args.output_dir / "training_arguments.json").write_text(json.dumps(vars(args), default=str, indent=2))
    accelerator.end_training()


if __name__ == "__main__":
    main()
