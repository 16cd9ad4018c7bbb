"""
Train a diffusion model of waveforms on folders of recordings: CQT-Diff or CQT-Diff+, whose networks see a constant-Q
transform.

    accelerate launch examples/train_cqtdiff.py --config_path examples/configs/piano_gpu/cqtdiff_plus_unet.json \\
        --train_data_dir recordings --output_dir outputs/cqtdiff

A step takes random segments, brings them near a common level (`sigma_data` of the configuration), adds noise of random
strength, and teaches a `CQTDiffPlusUNet` or a `CQTDiffUNet` to take it away. The network is trained without gaps: they
are filled by guiding its denoising towards what is intact.

What to know before a long run:

- `sample_size` of the configuration is the length of a window, in training and later.
- `valid/error_<sigma>` is the error on held-out recordings at noise of that standard deviation, in units of what has
  to be predicted: 1 means that nothing was learnt. Small sigmas concern the finest details, large ones the music as a
  whole, which is learnt last.
- Every draw is keyed by `--seed` and its number. A run that is killed goes on with `--resume_from_checkpoint latest`,
  on a CPU to the bit.
- `--mixed_precision bf16` takes half of the memory; the transform itself is always in float32.

The result, `--output_dir`, has the moving average of the weights in `unet`. `--use_dummy_data` tries the script out on
synthetic tones.
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from diffusers.training_utils import EMAModel
from torch.utils.data import DataLoader

from aidd.models.cqtdiff import CQTDiffPlusUNet, CQTDiffUNet
from aidd.models.model_types import model_name
from aidd.training.data.dummy_recording import write_dummy_recording
from aidd.training.losses.edm import NoisyWaveformDataset, edm_error
from aidd.training.runs.arguments import check_kept
from aidd.training.runs.averaging import averaged_weights
from aidd.training.runs.checkpoints import checkpoint_to_resume
from aidd.training.runs.options import add_run_options, check_run_options
from aidd.training.runs.recipes import parse_args_with_recipe
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line
from aidd.training.runs.training_run import TrainingRun


logger = get_logger(__name__)
# Standard deviations of noise whose errors are logged.
VALIDATION_SIGMAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
NETWORKS = {network.__name__: network for network in (CQTDiffPlusUNet, CQTDiffUNet)}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--arguments_path", type=Path, help="JSON file of arguments; the command line wins over it.")
    parser.add_argument("--train_data_dir", nargs="+", help="Folders of audio files.")
    parser.add_argument(
        "--train_data_probabilities",
        nargs="+",
        type=float,
        help="How often each is drawn from. Default: equally.",
    )
    parser.add_argument("--validation_data_dir", nargs="+", help="Folders of audio files to validate on.")
    parser.add_argument("--use_dummy_data", action="store_true", help="Train on synthetic tones instead.")
    parser.add_argument(
        "--config_path", type=Path, required=True, help="A config.json of a CQTDiffPlusUNet or CQTDiffUNet."
    )
    parser.add_argument("--init_from", help="Folder of a trained network whose weights are the start.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights, segments and noise.")
    parser.add_argument("--sigma_min", type=float, default=1e-4, help="Standard deviation of the weakest noise.")
    parser.add_argument("--sigma_max", type=float, default=2.0, help="Standard deviation of the strongest noise.")
    parser.add_argument(
        "--rho", type=float, default=10.0, help="Powers of 1 / rho of the noise's standard deviation are uniform."
    )
    parser.add_argument("--train_batch_size", type=int, default=4, help="Segments per process and batch.")
    parser.add_argument("--max_train_steps", type=int, default=100_000, help="Steps of the whole run.")
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1, help="Batches per step.")
    parser.add_argument("--learning_rate", type=float, default=1e-3, help="Highest learning rate, after the warm-up.")
    parser.add_argument("--adam_beta1", type=float, default=0.9, help="Decay of AdamW's first moment.")
    parser.add_argument("--adam_beta2", type=float, default=0.99, help="Decay of AdamW's second moment.")
    parser.add_argument("--adam_weight_decay", type=float, default=0.0, help="Weight decay of AdamW.")
    parser.add_argument(
        "--ema_decay", type=float, default=0.999, help="Decay of the moving average of the weights, per step."
    )
    parser.add_argument("--validation_segments", type=int, default=16, help="Number of segments to validate on.")
    add_run_options(parser)
    args = parse_args_with_recipe(parser)
    if bool(args.train_data_dir) == args.use_dummy_data:
        parser.error("give either --train_data_dir or --use_dummy_data")
    check_run_options(parser, args)
    return args


@torch.no_grad()
def validate(unet: CQTDiffPlusUNet | CQTDiffUNet, held_out: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Errors at several strengths of noise, each the mean over fixed segments and noises."""
    unet.eval()
    metrics = {}
    for sigma in VALIDATION_SIGMAS:
        errors = [
            edm_error(
                unet,
                item["clean"][None].to(unet.device),
                item["noise"][None].to(unet.device),
                torch.tensor([sigma], device=unet.device),
                unet.config.sigma_data,
            )
            for item in held_out
        ]
        metrics[f"valid/error_{sigma:g}"] = torch.cat(errors).mean().item()
    unet.train()
    return metrics


def load_unet(args: argparse.Namespace) -> CQTDiffPlusUNet | CQTDiffUNet:
    config = json.loads(args.config_path.read_text())
    if config.get("_class_name") not in NETWORKS:
        raise ValueError(f"{args.config_path} is {model_name(config)}, expected a {' or '.join(NETWORKS)}")
    network = NETWORKS[config["_class_name"]]
    unet = network.from_config(config)
    if args.init_from:
        unet.load_state_dict(network.from_pretrained(args.init_from).state_dict())
    # Convolutions are faster with the channels last, most of all in bfloat16.
    return unet.train().to(memory_format=torch.channels_last)


def make_dataset(
    args: argparse.Namespace,
    unet: CQTDiffPlusUNet | CQTDiffUNet,
    folders: list[str],
    num_segments: int,
    **options: Any,
) -> NoisyWaveformDataset:
    return NoisyWaveformDataset(
        folders,
        num_segments,
        unet.config.sample_size,
        unet.config.sampling_rate,
        rms=unet.config.sigma_data,
        sigmas=(args.sigma_min, args.sigma_max),
        rho=args.rho,
        **options,
    )


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    with errors_in_one_line():
        checkpoint = checkpoint_to_resume(args.output_dir, args.resume_from_checkpoint, args.max_train_steps)
        if checkpoint:
            check_kept(args, checkpoint)
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        gradient_accumulation_steps=args.gradient_accumulation_steps,
        log_with=None if args.report_to == "none" else args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
    )
    # All steps have the same shapes: the fastest convolutions are looked for once.
    torch.backends.cudnn.benchmark = True
    run = TrainingRun(accelerator, args)
    set_seed(args.seed)
    with errors_in_one_line():
        unet = load_unet(args)
    sigma_data = unet.config.sigma_data
    if args.use_dummy_data:
        args.train_data_dir = [str(args.output_dir / "dummy_data")]
        if accelerator.is_main_process:
            write_dummy_recording(args.output_dir / "dummy_data", unet.config.sampling_rate, seconds=5)
        accelerator.wait_for_everyone()

    segments_a_step = args.train_batch_size * accelerator.num_processes * args.gradient_accumulation_steps
    held_out = []
    with errors_in_one_line():
        dataset = make_dataset(
            args,
            unet,
            args.train_data_dir,
            args.max_train_steps * segments_a_step,
            seed=args.seed,
            probabilities=args.train_data_probabilities,
        )
        if args.validation_data_dir:
            validation_dataset = make_dataset(
                args, unet, args.validation_data_dir, args.validation_segments, seed=0, rms_range_db=0
            )
            held_out = [validation_dataset[i] for i in range(len(validation_dataset))]
    # Starting to iterate draws from this generator, not from the global one.
    dataloader = DataLoader(
        dataset, args.train_batch_size, num_workers=args.dataloader_num_workers, generator=torch.Generator()
    )

    optimizer = torch.optim.AdamW(
        unet.parameters(),
        args.learning_rate,
        betas=(args.adam_beta1, args.adam_beta2),
        weight_decay=args.adam_weight_decay,
    )
    lr_scheduler = run.make_lr_scheduler(optimizer)
    ema = EMAModel(unet.parameters(), decay=args.ema_decay)
    accelerator.register_for_checkpointing(ema)
    unet, optimizer, dataloader, lr_scheduler = accelerator.prepare(unet, optimizer, dataloader, lr_scheduler)
    ema.to(accelerator.device)
    module = accelerator.unwrap_model(unet)
    run.start("train_cqtdiff", checkpoint)

    losses = []
    for batch in run.batches(dataloader, args.gradient_accumulation_steps):
        with accelerator.accumulate(unet):
            error = edm_error(unet, batch["clean"], batch["noise"], batch["sigma"], sigma_data)
            loss = error.mean()
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                run.clip_gradients(unet)
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
        if accelerator.is_main_process and held_out and run.is_due(args.validation_steps):
            with averaged_weights(ema, module), accelerator.autocast():
                metrics = validate(module, held_out)
            logger.info("step %d: %s", run.step, metrics)
            run.log(metrics)
        if run.is_due(args.checkpointing_steps):
            run.save_checkpoint()

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(module.parameters())
        module.save_pretrained(args.output_dir / "unet")
        run.write_record()
    # A model that is wrapped for several processes and outlives their group may wait for the group's threads for ever.
    accelerator.free_memory()
    unet = None
    accelerator.end_training()
    accelerator.print(
        f"{args.output_dir} has the network after {run.step} steps. Next: python "
        f"examples/assemble_cqtdiff_pipeline.py --model {args.output_dir} --output_dir PIPELINE"
    )


if __name__ == "__main__":
    main()
