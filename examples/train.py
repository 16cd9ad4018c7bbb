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
import logging
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from datasets import Dataset
from diffusers.training_utils import EMAModel
from huggingface_hub import create_repo
from torch.utils.data import DataLoader

from aidd.models.dit_token import DiTTokenConfig, DiTTokenModel
from aidd.models.model_types import check_model_type
from aidd.schedulers import LogLinearSchedule, independent_mask, span_mask
from aidd.training.codec.codec_record import codec_of_tokens
from aidd.training.data.corruption import CorruptingCollator
from aidd.training.data.token_windows import TokenWindowDataset
from aidd.training.losses.derivative_loss import derivative_loss
from aidd.training.losses.score_entropy import score_entropy_loss
from aidd.training.losses.validation import gap_cross_entropy
from aidd.training.runs.arguments import check_kept
from aidd.training.runs.averaging import averaged_weights
from aidd.training.runs.checkpoints import checkpoint_to_resume
from aidd.training.runs.hub import publish_model
from aidd.training.runs.options import add_run_options, check_run_options
from aidd.training.runs.recipes import parse_args_with_recipe
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line
from aidd.training.runs.training_run import TrainingRun


logger = get_logger(__name__)
VALIDATION_GAPS = (4, 15, 28, 56)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--arguments_path", type=Path, help="JSON file of arguments; the command line wins over it.")
    parser.add_argument("--train_data_dir", nargs="+", help="Data sets of tokens, all made by one codec.")
    parser.add_argument(
        "--train_data_probabilities",
        nargs="+",
        type=float,
        help="How often each is drawn from. Default: equally.",
    )
    parser.add_argument("--validation_data_dir", nargs="+", help="Data sets of tokens to validate on.")
    parser.add_argument("--use_dummy_data", action="store_true", help="Train on a made-up token sequence instead.")
    parser.add_argument("--config_path", help="A DiTTokenModel config.json. Default: AIDD's small architecture.")
    parser.add_argument("--init_from", help="Folder of a trained DiTTokenModel whose weights are the start.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights, windows, masks and dropout.")
    parser.add_argument("--train_batch_size", type=int, default=16, help="Windows per process and batch.")
    parser.add_argument("--max_train_steps", type=int, default=100_000, help="Steps of the whole run.")
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1, help="Batches per step.")
    parser.add_argument(
        "--corruption",
        choices=["independent", "span"],
        default="span",
        help="Whether tokens are masked one by one or in spans.",
    )
    parser.add_argument(
        "--span_p0", type=float, default=0.8, help="Spans end after a token with this probability where noise is low."
    )
    parser.add_argument("--span_alpha", type=float, default=0.5, help="How much longer spans get with the noise.")
    parser.add_argument("--span_cap", type=int, default=30, help="Longest span, in tokens.")
    parser.add_argument("--gap_probability", type=float, default=0.5, help="Share of windows corrupted by gaps.")
    parser.add_argument("--max_gap", type=int, default=96, help="Longest gap, in tokens.")
    parser.add_argument(
        "--derivative_loss_weight", type=float, default=0.0, help="Weight of the derivative loss; 0 leaves it out."
    )
    parser.add_argument(
        "--derivative_loss_order", type=int, choices=[1, 2], default=1, help="First or second differences in time."
    )
    parser.add_argument("--learning_rate", type=float, default=3e-4, help="Highest learning rate, after the warm-up.")
    parser.add_argument("--adam_beta1", type=float, default=0.9, help="Decay of AdamW's first moment.")
    parser.add_argument("--adam_beta2", type=float, default=0.98, help="Decay of AdamW's second moment.")
    parser.add_argument("--adam_weight_decay", type=float, default=0.01, help="Weight decay of AdamW.")
    parser.add_argument(
        "--adam_epsilon", type=float, default=1e-8, help="What AdamW adds to the root of the second moment."
    )
    parser.add_argument(
        "--ema_decay", type=float, default=0.999, help="Decay of the moving average of the weights, per step."
    )
    parser.add_argument("--push_to_hub", action="store_true", help="Publish the model when it is trained.")
    parser.add_argument("--hub_model_id", help="Repository to publish in. Default: the name of --output_dir.")
    add_run_options(parser)
    args = parse_args_with_recipe(parser)
    if bool(args.train_data_dir) == args.use_dummy_data:
        parser.error("give either --train_data_dir or --use_dummy_data")
    check_run_options(parser, args)
    return args


def write_dummy_data(folder: Path, codebook_size: int) -> None:
    """Writes a periodic sequence of codes: enough to try the script out, not to learn from."""
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


def load_model(args: argparse.Namespace) -> DiTTokenModel:
    source = args.config_path or args.init_from
    for path in filter(None, (args.config_path, args.init_from)):
        check_model_type(path, DiTTokenConfig)
    config = DiTTokenConfig.from_pretrained(source) if source else DiTTokenConfig()
    if args.init_from:
        return DiTTokenModel.from_pretrained(args.init_from, config=config, dtype=torch.float32)
    return DiTTokenModel(config)


def load_tokens(
    folders: list[str], num_windows: int, config: DiTTokenConfig, seed: int, probabilities: list[float] | None = None
) -> TokenWindowDataset:
    dataset = TokenWindowDataset(folders, num_windows, config.max_position_embeddings, seed, probabilities)
    if dataset.largest_code >= config.codebook_size:
        raise ValueError(
            f"{', '.join(folders)}: codes up to {dataset.largest_code}, "
            f"expected those of a codebook_size of {config.codebook_size}"
        )
    return dataset


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    with errors_in_one_line():
        checkpoint = checkpoint_to_resume(args.output_dir, args.resume_from_checkpoint, args.max_train_steps)
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        gradient_accumulation_steps=args.gradient_accumulation_steps,
        log_with=None if args.report_to == "none" else args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
    )
    run = TrainingRun(accelerator, args)
    set_seed(args.seed)
    with errors_in_one_line():
        model = load_model(args).train()
    config = model.config
    window_length = config.max_position_embeddings
    if args.use_dummy_data:
        args.train_data_dir = [str(args.output_dir / "dummy_data")]
        if accelerator.is_main_process:
            write_dummy_data(args.output_dir / "dummy_data", config.codebook_size)
        accelerator.wait_for_everyone()
    # Processes start from the same weights and drop out different units.
    set_seed(args.seed, device_specific=True)
    windows_a_step = args.train_batch_size * accelerator.num_processes * args.gradient_accumulation_steps
    num_windows = args.max_train_steps * windows_a_step
    with errors_in_one_line():
        dataset = load_tokens(args.train_data_dir, num_windows, config, args.seed, args.train_data_probabilities)
        # For the pipeline, which must have this codec; the validation is to be on its tokens too.
        args.codec_digest = codec_of_tokens([*args.train_data_dir, *(args.validation_data_dir or [])])
        validation_windows = None
        if args.validation_data_dir:
            held_out = load_tokens(args.validation_data_dir, 64, config, seed=0)
            validation_windows = torch.stack([held_out[i]["tokens"] for i in range(len(held_out))])
            validation_windows = validation_windows.to(accelerator.device)
        if checkpoint:
            check_kept(args, checkpoint)
        if args.push_to_hub and accelerator.is_main_process:
            # Now rather than at the end, for what may be wrong with names and tokens to show.
            repo_id = create_repo(args.hub_model_id or args.output_dir.resolve().name, exist_ok=True).repo_id
    schedule = LogLinearSchedule()
    mask_sampler = independent_mask
    if args.corruption == "span":
        mask_sampler = partial(span_mask, p0=args.span_p0, alpha=args.span_alpha, cap=args.span_cap)
    collator = CorruptingCollator(args.seed, schedule, mask_sampler, args.gap_probability, args.max_gap)
    # Starting to iterate draws from this generator, not from the global one: a resumed run has the same dropout.
    dataloader = DataLoader(
        dataset,
        args.train_batch_size,
        num_workers=args.dataloader_num_workers,
        collate_fn=collator,
        generator=torch.Generator(),
    )

    optimizer = torch.optim.AdamW(
        model.parameters(),
        args.learning_rate,
        betas=(args.adam_beta1, args.adam_beta2),
        eps=args.adam_epsilon,
        weight_decay=args.adam_weight_decay,
    )
    lr_scheduler = run.make_lr_scheduler(optimizer)
    ema = EMAModel(model.parameters(), decay=args.ema_decay)
    accelerator.register_for_checkpointing(ema)
    model, optimizer, dataloader, lr_scheduler = accelerator.prepare(model, optimizer, dataloader, lr_scheduler)
    ema.to(accelerator.device)
    module = accelerator.unwrap_model(model)
    run.start("train", checkpoint)

    losses = []
    for batch in run.batches(dataloader, args.gradient_accumulation_steps):
        tokens, t, missing = batch["tokens"], batch["t"], batch["missing"]
        with accelerator.accumulate(model):
            sigma = schedule.sigma(t) if config.time_conditioning else None
            log_probs = model(tokens, missing, sigma, positions=missing).log_probs
            loss = score_entropy_loss(log_probs, tokens, missing, t, schedule)
            if args.derivative_loss_weight:
                embeddings = module.embed_tokens.weight
                derivative = derivative_loss(log_probs, tokens, missing, embeddings, args.derivative_loss_order)
                loss = loss + args.derivative_loss_weight * derivative
            loss = loss.mean() / window_length
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                run.clip_gradients(model)
            optimizer.step()
            lr_scheduler.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        if not accelerator.sync_gradients:
            continue

        ema.step(module.parameters())
        run.advance(loss=loss.item())
        if run.is_due(args.logging_steps):
            mean_loss = accelerator.reduce(torch.stack(losses).mean(), "mean").item()
            run.log({"train/loss": mean_loss, "train/learning_rate": lr_scheduler.get_last_lr()[0]})
        losses.clear()
        validating = validation_windows is not None and run.is_due(args.validation_steps)
        if accelerator.is_main_process and validating:
            with averaged_weights(ema, module):
                metrics = validate(module, validation_windows, schedule, args.train_batch_size)
            logger.info("step %d: %s", run.step, metrics)
            run.log(metrics)
        if run.is_due(args.checkpointing_steps):
            run.save_checkpoint()

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(module.parameters())
        module.save_pretrained(args.output_dir)
        run.write_record()
        if args.push_to_hub:
            logger.info("published: %s", publish_model(args.output_dir, repo_id, "DiTTokenModel"))
    # A model that is wrapped for several processes and outlives their group may wait for the group's threads for ever.
    accelerator.free_memory()
    model = None
    accelerator.end_training()
    accelerator.print(
        f"{args.output_dir} has the token model after {run.step} steps. Next: python examples/assemble_pipeline.py "
        f"--codec CODEC --transformer {args.output_dir} --output_dir PIPELINE"
    )


if __name__ == "__main__":
    main()
