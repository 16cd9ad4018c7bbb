"""
Train a small DDPM on pictures of letters and digits, which are drawn as they are needed: there is no data to download.

    accelerate launch examples/images/train_image_ddpm.py --output_dir outputs/glyph_ddpm

The result, `--output_dir`, is a `DDPMPipeline` with the moving average of the weights;
`examples/images/repaint_images.py` inpaints with it. Pictures, times and noise are keyed by `--seed` and the number of
the picture, so that a run is the same however its batches are shared out among processes, and also when it was stopped
and goes on with `--resume_from_checkpoint latest`. It needs matplotlib, whose fonts the letters are of: pip install
aidd[report].
"""

import argparse
import logging

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from diffusers.utils.torch_utils import randn_tensor
from glyphs import GlyphDataset
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

from aidd.signals.seeds import seed_of
from aidd.training.losses.denoising import denoising_target
from aidd.training.runs.arguments import check_kept
from aidd.training.runs.averaging import averaged_weights
from aidd.training.runs.checkpoints import checkpoint_to_resume
from aidd.training.runs.options import add_run_options, check_run_options
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line
from aidd.training.runs.training_run import TrainingRun


logger = get_logger(__name__)
NUM_VALIDATION_IMAGES = 128


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights, pictures, times and noise.")
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
    parser.add_argument("--train_batch_size", type=int, default=64, help="Pictures per process and step.")
    parser.add_argument("--max_train_steps", type=int, default=3000, help="Steps of the whole run.")
    parser.add_argument("--learning_rate", type=float, default=1e-3, help="Highest learning rate, after the warm-up.")
    parser.add_argument(
        "--ema_decay",
        type=float,
        default=0.999,
        help="Decay of the moving average of the weights; less in the first steps n: (1 + n) / (10 + n).",
    )
    add_run_options(parser)
    args = parser.parse_args()
    check_run_options(parser, args)
    return args


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
    generators = [torch.Generator().manual_seed(seed_of(seed, index)) for index in indices.tolist()]
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
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        log_with=None if args.report_to == "none" else args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
    )
    run = TrainingRun(accelerator, args)
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
    lr_scheduler = run.make_lr_scheduler(optimizer)
    ema = EMAModel(unet.parameters(), decay=args.ema_decay)
    accelerator.register_for_checkpointing(ema)
    model, optimizer, dataloader, lr_scheduler = accelerator.prepare(unet, optimizer, dataloader, lr_scheduler)
    ema.to(accelerator.device)
    logger.info("a U-Net of %.2f million parameters", unet.num_parameters() / 1e6)

    run.start("train_image_ddpm", checkpoint)

    recent = []
    for batch in run.batches(dataloader):
        loss = losses(model, scheduler, batch["image"], batch["index"], args.seed).mean()
        accelerator.backward(loss)
        run.clip_gradients(model)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        ema.step(unet.parameters())
        recent.append(loss.detach())
        run.advance(loss=loss.item())
        if run.is_due(args.logging_steps):
            mean_loss = accelerator.reduce(torch.stack(recent).mean(), "mean").item()
            run.log({"train/loss": mean_loss, "train/learning_rate": lr_scheduler.get_last_lr()[0]})
            recent.clear()
        if accelerator.is_main_process and run.is_due(args.validation_steps):
            with averaged_weights(ema, unet):
                error = validate(unet, scheduler, validation_dataset, args.train_batch_size)
            logger.info("step %d: error on held-out pictures %.4f", run.step, error)
            run.log({"valid/loss": error})
        if run.is_due(args.checkpointing_steps):
            run.save_checkpoint()

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(unet.parameters())
        DDPMPipeline(unet, scheduler).save_pretrained(args.output_dir)
        run.write_record()
    accelerator.end_training()
    accelerator.print(
        f"{args.output_dir} has the pipeline after {run.step} steps. Next: examples/images/train_glyph_classifier.py, "
        "which examples/images/repaint_images.py needs too"
    )


if __name__ == "__main__":
    main()
