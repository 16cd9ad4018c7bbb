"""
Train a DiTTokenModel on tokenised recordings (`examples/tokenize_dataset.py`).

    accelerate launch examples/train.py --train_data_dir outputs/tokens --output_dir outputs/dit

The objective is DWDSE, with AIDD's derivative loss where `--derivative_loss_weight` is given. `--corruption` draws the
missing tokens of a window: `independent` (SEDD) or `span` (AIDD, the default); `--gap_probability` is the share of
windows (half, by default) that get the pattern of inference instead. Every draw is keyed by `--seed` and the number of
the window, so that a run is the same however its batches are shared out among processes.

`--arguments_path` reads arguments from a JSON file, such as the paper's in `examples/configs`; those on the command
line win. The result, `--output_dir`, holds the moving average of the weights and loads with
`DiTTokenModel.from_pretrained`. `--use_dummy_data` tries the script out on a made-up token sequence.
"""

import argparse
import json
import logging
import sys
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.tracking import get_available_trackers
from accelerate.utils import ProjectConfiguration, set_seed
from datasets import Dataset
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from huggingface_hub import create_repo
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.schedulers import LogLinearSchedule, independent_mask, span_mask
from aidd.training.checkpoints import latest_checkpoint, save_checkpoint
from aidd.training.corruption import corrupt
from aidd.training.derivative_loss import derivative_loss
from aidd.training.hub import publish_model
from aidd.training.recipes import recipe_options
from aidd.training.score_entropy import score_entropy_loss
from aidd.training.token_windows import TokenWindowDataset
from aidd.training.validation import gap_cross_entropy


logger = get_logger(__name__)
VALIDATION_GAPS = (4, 15, 28, 56)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arguments_path", type=Path, help="A JSON file of arguments.")
    parser.add_argument("--train_data_dir", nargs="+", help="Data sets of tokens.")
    parser.add_argument("--train_data_probabilities", nargs="+", type=float, help="Share of each in the draws.")
    parser.add_argument("--validation_data_dir", nargs="+", help="Data sets of tokens to validate on.")
    parser.add_argument("--use_dummy_data", action="store_true", help="Train on a made-up token sequence instead.")
    parser.add_argument("--config_path", help="A DiTTokenModel config.json. Default: AIDD's small architecture.")
    parser.add_argument("--init_from", help="A folder of a trained DiTTokenModel to go on with.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where checkpoints and the model are written.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train_batch_size", type=int, default=16, help="Windows a process and step.")
    parser.add_argument("--max_train_steps", type=int, default=100_000)
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1)
    parser.add_argument("--corruption", choices=["independent", "span"], default="span")
    parser.add_argument("--span_p0", type=float, default=0.8, help="Parameter p0 of the spans' lengths.")
    parser.add_argument("--span_alpha", type=float, default=0.5, help="Parameter alpha of the spans' lengths.")
    parser.add_argument("--span_cap", type=int, default=30, help="Longest span, in tokens.")
    parser.add_argument("--gap_probability", type=float, default=0.5, help="Share of windows corrupted by gaps.")
    parser.add_argument("--max_gap", type=int, default=96, help="Longest gap, in tokens.")
    parser.add_argument("--derivative_loss_weight", type=float, default=0.0)
    parser.add_argument("--derivative_loss_order", type=int, choices=[1, 2], default=1)
    parser.add_argument("--learning_rate", type=float, default=3e-4)
    parser.add_argument("--lr_scheduler", default="cosine")
    parser.add_argument("--lr_warmup_steps", type=int, default=100)
    parser.add_argument("--adam_beta1", type=float, default=0.9)
    parser.add_argument("--adam_beta2", type=float, default=0.98)
    parser.add_argument("--adam_weight_decay", type=float, default=0.01)
    parser.add_argument("--adam_epsilon", type=float, default=1e-8)
    parser.add_argument("--max_grad_norm", type=float, default=1.0, help="Of the loss a token.")
    parser.add_argument("--ema_decay", type=float, default=0.999)
    parser.add_argument("--mixed_precision", choices=["no", "bf16"], default="no")
    parser.add_argument("--dataloader_num_workers", type=int, default=0)
    parser.add_argument("--logging_steps", type=int, default=50)
    parser.add_argument("--validation_steps", type=int, default=500)
    parser.add_argument("--checkpointing_steps", type=int, default=500)
    parser.add_argument("--checkpoints_total_limit", type=int, default=2)
    parser.add_argument("--resume_from_checkpoint", help='A checkpoint folder, or "latest".')
    parser.add_argument("--report_to", default="tensorboard", help="tensorboard, wandb, ..., or none.")
    parser.add_argument("--push_to_hub", action="store_true", help="Publish the model when it is trained.")
    parser.add_argument("--hub_model_id", help="Repository to publish in. Default: the name of --output_dir.")
    args = parser.parse_args()
    if args.arguments_path:
        args = parser.parse_args([*recipe_options(args.arguments_path), *sys.argv[1:]])
    if bool(args.train_data_dir) == args.use_dummy_data:
        parser.error("give either --train_data_dir or --use_dummy_data")
    if args.report_to not in ("none", *map(str, get_available_trackers())):
        parser.error(f"--report_to: {args.report_to} is not installed: pip install aidd[train], or give none")
    return args


def write_dummy_data(folder: Path, codebook_size: int) -> None:
    """A periodic sequence of codes: enough to try the script out, not to learn from."""
    codes = [(7 * position) % min(codebook_size, 50) for position in range(2000)]
    Dataset.from_list([{"recording": "dummy", "speed": 1.0, "audio_codes": codes}]).save_to_disk(folder)


def validate(
    model: DiTTokenModel, windows: torch.Tensor, schedule: LogLinearSchedule, batch_size: int
) -> dict[str, float]:
    """Cross-entropy in nats a token on gaps in the middle of fixed windows, of the codes the model can generate."""
    model.eval()
    metrics = {}
    for gap in (gap for gap in VALIDATION_GAPS if gap < windows.shape[1]):
        nats = gap_cross_entropy(model, windows, gap, schedule, batch_size=batch_size)
        metrics[f"valid/cross_entropy_gap_{gap}"] = nats[nats.isfinite()].mean().item()
    model.train()
    return metrics


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        gradient_accumulation_steps=args.gradient_accumulation_steps,
        log_with=None if args.report_to == "none" else args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
    )
    if args.push_to_hub and accelerator.is_main_process:
        # Now rather than at the end, for what may be wrong with names and tokens to show.
        repo_id = create_repo(args.hub_model_id or args.output_dir.resolve().name, exist_ok=True).repo_id
    set_seed(args.seed)
    source = args.config_path or args.init_from
    config = DiTTokenConfig.from_pretrained(source) if source else DiTTokenConfig()
    window_length = config.max_position_embeddings
    if args.use_dummy_data:
        args.train_data_dir = [str(args.output_dir / "dummy_data")]
        if accelerator.is_main_process:
            write_dummy_data(args.output_dir / "dummy_data", config.codebook_size)
        accelerator.wait_for_everyone()

    if args.init_from:
        model = DiTTokenModel.from_pretrained(args.init_from, config=config, dtype=torch.float32)
    else:
        model = DiTTokenModel(config)
    model.train()
    # Processes start from the same weights and drop out different units.
    set_seed(args.seed, device_specific=True)
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
        validation_windows = torch.stack([held_out[i]["tokens"] for i in range(len(held_out))])
        validation_windows = validation_windows.to(accelerator.device)

    optimizer = torch.optim.AdamW(
        model.parameters(),
        args.learning_rate,
        betas=(args.adam_beta1, args.adam_beta2),
        eps=args.adam_epsilon,
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
    mask_sampler = independent_mask
    if args.corruption == "span":
        mask_sampler = partial(span_mask, p0=args.span_p0, alpha=args.span_alpha, cap=args.span_cap)
    if args.report_to != "none":
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
    losses = []
    for batch in batches:
        tokens = batch["tokens"]
        t, missing = corrupt(
            batch["index"].tolist(),
            window_length,
            seed=args.seed,
            schedule=schedule,
            mask_sampler=mask_sampler,
            gap_probability=args.gap_probability,
            max_gap=args.max_gap,
        )
        t, missing = t.to(tokens.device), missing.to(tokens.device)
        with accelerator.accumulate(model):
            sigma = schedule.sigma(t) if config.time_conditioning else None
            log_probs = model(tokens, missing, sigma).log_probs
            loss = score_entropy_loss(log_probs, tokens, missing, t, schedule)
            if args.derivative_loss_weight:
                embeddings = module.embed_tokens.weight
                derivative = derivative_loss(log_probs, tokens, missing, embeddings, args.derivative_loss_order)
                loss = loss + args.derivative_loss_weight * derivative
            loss = loss.mean() / window_length
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            optimizer.step()
            lr_scheduler.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        if not accelerator.sync_gradients:
            continue

        ema.step(module.parameters())
        step += 1
        progress.update()
        if step % args.logging_steps == 0:
            mean_loss = accelerator.reduce(torch.stack(losses).mean(), "mean").item()
            progress.set_postfix(loss=f"{mean_loss:.3f}")
            log({"train/loss": mean_loss, "train/learning_rate": lr_scheduler.get_last_lr()[0]}, step)
        losses.clear()
        if accelerator.is_main_process and validation_windows is not None and step % args.validation_steps == 0:
            ema.store(module.parameters())
            ema.copy_to(module.parameters())
            metrics = validate(module, validation_windows, schedule, args.train_batch_size)
            ema.restore(module.parameters())
            logger.info("step %d: %s", step, metrics)
            log(metrics, step)
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(module.parameters())
        module.save_pretrained(args.output_dir)
        (args.output_dir / "training_arguments.json").write_text(json.dumps(vars(args), default=str, indent=2))
        if args.push_to_hub:
            logger.info("published: %s", publish_model(args.output_dir, repo_id, "DiTTokenModel"))
    accelerator.end_training()


if __name__ == "__main__":
    main()
