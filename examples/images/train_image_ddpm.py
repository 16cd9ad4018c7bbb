"""
Train a small DDPM on pictures of letters and digits, which are drawn as they are needed: no data to download.

    accelerate launch examples/images/train_image_ddpm.py --output_dir outputs/glyph_ddpm

The result, `--output_dir`, is a `DDPMPipeline` with the moving average of the weights;
`examples/images/repaint_images.py` inpaints with it. Pictures, times and noise are keyed by `--seed` and the number of
the picture, so that a run is the same however its batches are shared out among processes, and also when it was stopped
and goes on with `--resume_from_checkpoint latest`. It needs matplotlib, whose fonts the letters are of: pip install
aidd[report].
"""

import argparse
import logging
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import set_seed
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from diffusers.utils.torch_utils import randn_tensor
from glyphs import GlyphDataset
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aidd.training.losses.denoising import denoising_target
from aidd.training.runs.arguments import check_kept, write_arguments
from aidd.training.runs.checkpoints import checkpoint_to_resume, load_checkpoint, save_checkpoint
from aidd.training.runs.metrics_file import append_metrics
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line, is_due


logger = get_logger(__name__)
NUM_VALIDATION_IMAGES = 128


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True, help="Where checkpoints and the model are written.")
    parser.add_argument("--seed", type=int, default=0, help="Of weights, pictures, times and noise.")
    parser.add_argument("--resolution", type=int, default=32, help="Height and width of the pictures.")
    parser.add_argument(
        "--block_out_channels",
        type=int,
        nargs="+",
        default=[32, 64, 128],
        help="Channels of the U-Net, multiples of 8, at each resolution; it has attention at the lowest.",
    )
    parser.add_argument("--ddpm_num_steps", type=int, default=1000, help="Times of the diffusion.")
    parser.add_argument("--ddpm_beta_schedule", default="linear", help="linear, squaredcos_cap_v2, ...")
    parser.add_argument(
        "--prediction_type",
        choices=["epsilon", "sample", "v_prediction"],
        default="epsilon",
        help="What the network predicts: the noise, the picture or the velocity.",
    )
    parser.add_argument("--train_batch_size", type=int, default=64, help="Pictures a process and step.")
    parser.add_argument("--max_train_steps", type=int, default=3000, help="Steps of the whole run.")
    parser.add_argument("--learning_rate", type=float, default=1e-3, help="The highest, after the warm-up.")
    parser.add_argument("--lr_scheduler", default="cosine", help="As diffusers names them.")
    parser.add_argument("--lr_warmup_steps", type=int, default=100, help="Steps in which the learning rate rises.")
    parser.add_argument("--max_grad_norm", type=float, default=1.0, help="Longer gradients are scaled down to it.")
    parser.add_argument("--ema_decay", type=float, default=0.999, help="Less in the first steps: (1 + n) / (10 + n).")
    parser.add_argument("--mixed_precision", choices=["no", "bf16"], default="no", help="Type of the computations.")
    parser.add_argument("--dataloader_num_workers", type=int, default=0, help="Processes that draw pictures.")
    parser.add_argument("--logging_steps", type=int, default=50, help="Losses are logged every so many steps.")
    parser.add_argument("--validation_steps", type=int, default=500, help="Validated every so many steps.")
    parser.add_argument("--checkpointing_steps", type=int, default=500, help="A checkpoint every so many steps.")
    parser.add_argument("--checkpoints_total_limit", type=int, default=2, help="Checkpoints that are kept.")
    parser.add_argument("--resume_from_checkpoint", help='A checkpoint folder, or "latest".')
    return parser.parse_args()


def make_unet(resolution: int, channels: list[int]) -> UNet2DModel:
    plain = len(channels) - 1
    return UNet2DModel(
        sample_size=resolution,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=["DownBlock2D"] * plain + ["AttnDownBlock2D"],
        up_block_types=["AttnUpBlock2D"] + ["UpBlock2D"] * plain,
        norm_num_groups=8,
    )


def losses(model: torch.nn.Module, scheduler: DDPMScheduler, images: Tensor, indices: Tensor, seed: int) -> Tensor:
    """Squared error of each picture, at a time and with noise that belong to its number."""
    # The hash of integers is the same in every process.
    generators = [torch.Generator().manual_seed(hash((seed, index)) % 2**63) for index in indices.tolist()]
    times = [torch.randint(scheduler.config.num_train_timesteps, (), generator=generator) for generator in generators]
    timesteps = torch.stack(times).to(images.device)
    noise = randn_tensor(images.shape, generators, device=images.device)
    noisy = scheduler.add_noise(images, noise, timesteps)
    target = denoising_target(scheduler, images, noise, timesteps)
    prediction = model(noisy, timesteps).sample
    return mse_loss(prediction.float(), target, reduction="none").mean((1, 2, 3))


@torch.no_grad()
def validate(model: UNet2DModel, scheduler: DDPMScheduler, dataset: GlyphDataset, batch_size: int) -> float:
    model.eval()
    values = [
        losses(model, scheduler, batch["image"].to(model.device), batch["index"], dataset.seed)
        for batch in DataLoader(dataset, batch_size)
    ]
    model.train()
    return torch.cat(values).mean().item()


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    with errors_in_one_line():
        checkpoint = checkpoint_to_resume(args.output_dir, args.resume_from_checkpoint, args.max_train_steps)
        if checkpoint:
            check_kept(args, checkpoint)
    accelerator = Accelerator(mixed_precision=args.mixed_precision)
    set_seed(args.seed)
    unet = make_unet(args.resolution, args.block_out_channels)
    scheduler = DDPMScheduler(
        num_train_timesteps=args.ddpm_num_steps,
        beta_schedule=args.ddpm_beta_schedule,
        prediction_type=args.prediction_type,
    )
    num_images = args.max_train_steps * args.train_batch_size * accelerator.num_processes
    dataset = GlyphDataset(num_images, args.seed, args.resolution)
    validation_dataset = GlyphDataset(NUM_VALIDATION_IMAGES, args.seed + 1, args.resolution)
    dataloader = DataLoader(dataset, args.train_batch_size, num_workers=args.dataloader_num_workers)
    optimizer = torch.optim.AdamW(unet.parameters(), args.learning_rate, weight_decay=0.0)
    lr_scheduler = get_scheduler(
        args.lr_scheduler,
        optimizer,
        num_warmup_steps=args.lr_warmup_steps * accelerator.num_processes,
        num_training_steps=args.max_train_steps * accelerator.num_processes,
    )
    ema = EMAModel(unet.parameters(), decay=args.ema_decay)
    accelerator.register_for_checkpointing(ema)
    model, optimizer, dataloader, lr_scheduler = accelerator.prepare(unet, optimizer, dataloader, lr_scheduler)
    ema.to(accelerator.device)
    logger.info("a U-Net of %.2f million parameters", unet.num_parameters() / 1e6)

    step = 0
    if checkpoint:
        step = load_checkpoint(accelerator, checkpoint, args.output_dir)
        logger.info("resumed from %s", checkpoint)

    args.output_dir.mkdir(parents=True, exist_ok=True)
    progress = tqdm(
        desc="Training", total=args.max_train_steps, initial=step, disable=not accelerator.is_local_main_process
    )
    recent = []
    for batch in accelerator.skip_first_batches(dataloader, step):
        loss = losses(model, scheduler, batch["image"], batch["index"], args.seed).mean()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        ema.step(unet.parameters())
        recent.append(loss.detach())
        step += 1
        progress.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
        progress.update()
        if is_due(step, args.logging_steps, args.max_train_steps):
            mean_loss = accelerator.reduce(torch.stack(recent).mean(), "mean").item()
            recent.clear()
            if accelerator.is_main_process:
                metrics = {"train/loss": mean_loss, "train/learning_rate": lr_scheduler.get_last_lr()[0]}
                append_metrics(args.output_dir, step, metrics)
        if accelerator.is_main_process and is_due(step, args.validation_steps, args.max_train_steps):
            ema.store(unet.parameters())
            ema.copy_to(unet.parameters())
            error = validate(unet, scheduler, validation_dataset, args.train_batch_size)
            ema.restore(unet.parameters())
            logger.info("step %d: error on pictures it was not trained on %.4f", step, error)
            append_metrics(args.output_dir, step, {"valid/loss": error})
        if is_due(step, args.checkpointing_steps, args.max_train_steps):
            save_checkpoint(accelerator, args, step)

    progress.close()
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(unet.parameters())
        DDPMPipeline(unet, scheduler).save_pretrained(args.output_dir)
        write_arguments(args.output_dir, args)
    accelerator.end_training()
    accelerator.print(
        f"{args.output_dir} has the pipeline after {step} steps. Next: examples/images/train_glyph_classifier.py, "
        "which examples/images/repaint_images.py needs too"
    )


if __name__ == "__main__":
    main()
