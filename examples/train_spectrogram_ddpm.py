"""
Train a diffusion model of complex spectrograms on folders of recordings, for SpectrogramRePaintPipeline.

    accelerate launch examples/train_spectrogram_ddpm.py --train_data_dir recordings --output_dir outputs/spectrogram

A step takes random segments at random levels, makes images of them (`SpectrogramFrontEnd`: a channel of real parts and
one of imaginary parts, with compressed magnitudes), adds noise of random strength, and teaches a `UNet2DModel` to tell
them apart. The network is trained without gaps: RePaint fills gaps of any shape with it. Its input has four channels,
as it also gets the position in frequency (`SpectrogramFrontEnd.coordinates`).

What to know before a long run:

- `sample_size` of the configuration is (bins, frames) of a window, in training and later. A gap can fill half of one;
  frames are 21 ms apart.
- `valid/error_<t>` is the error on held-out recordings at the noise of step t; the mean square of what has to be
  predicted is about 1. Small t concern the finest details, large t the music as a whole, which is learnt last.
- Every draw is keyed by `--seed` and its number. A run that is killed goes on, to the bit, with
  `--resume_from_checkpoint latest`.
- On CPUs that compute in bfloat16, `--mixed_precision bf16` nearly halves the time of a step.

The result, `--output_dir`, has the moving average of the weights in `unet`, beside `scheduler` and `front_end`.
`examples/assemble_spectrogram_pipeline.py` makes a pipeline of it. `--use_dummy_data` tries the script out on
synthetic tones.
"""

import argparse
import json
import logging
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from torch.utils.data import DataLoader

from aidd.models.model_types import model_name
from aidd.models.spectrogram import SpectrogramFrontEnd
from aidd.training.data.dummy_recording import write_dummy_recording
from aidd.training.losses.denoising import NoisySpectrogramDataset, denoising_error
from aidd.training.runs.arguments import check_kept
from aidd.training.runs.averaging import averaged_weights
from aidd.training.runs.checkpoints import checkpoint_to_resume
from aidd.training.runs.options import add_run_options, check_run_options
from aidd.training.runs.recipes import parse_args_with_recipe
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line
from aidd.training.runs.training_run import TrainingRun


logger = get_logger(__name__)
# Times of the diffusion, out of 1000, whose errors are logged.
VALIDATION_TIMESTEPS = (50, 150, 300, 500, 700, 900)


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
    parser.add_argument("--config_path", required=True, help="A UNet2DModel config.json, 4 channels in and 2 out.")
    parser.add_argument("--front_end", help="A SpectrogramFrontEnd folder. Default: the class's defaults.")
    parser.add_argument("--init_from", help="Folder of a trained UNet2DModel whose weights are the start.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights, segments, noise and dropout.")
    parser.add_argument(
        "--prediction_type",
        choices=["epsilon", "v_prediction"],
        default="v_prediction",
        help="What the network predicts: the noise, or the velocity.",
    )
    parser.add_argument(
        "--beta_schedule",
        choices=["linear", "squaredcos_cap_v2"],
        default="squaredcos_cap_v2",
        help="How the noise grows with time.",
    )
    parser.add_argument("--train_batch_size", type=int, default=4, help="Segments per process and batch.")
    parser.add_argument("--max_train_steps", type=int, default=100_000, help="Steps of the whole run.")
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1, help="Batches per step.")
    parser.add_argument("--learning_rate", type=float, default=5e-4, help="Highest learning rate, after the warm-up.")
    parser.add_argument("--adam_beta1", type=float, default=0.9, help="Decay of AdamW's first moment.")
    parser.add_argument("--adam_beta2", type=float, default=0.99, help="Decay of AdamW's second moment.")
    parser.add_argument("--adam_weight_decay", type=float, default=0.01, help="Weight decay of AdamW.")
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
def validate(
    unet: UNet2DModel, scheduler: DDPMScheduler, coordinates: torch.Tensor, held_out: list[dict[str, torch.Tensor]]
) -> dict[str, float]:
    """Errors at several strengths of noise, each the mean over fixed segments and noises."""
    unet.eval()
    metrics = {}
    for time in VALIDATION_TIMESTEPS:
        errors = [
            denoising_error(
                unet,
                scheduler,
                coordinates,
                item["clean"][None].to(unet.device),
                item["noise"][None].to(unet.device),
                torch.tensor([time], device=unet.device),
            )
            for item in held_out
        ]
        metrics[f"valid/error_{time}"] = torch.cat(errors).mean().item()
    unet.train()
    return metrics


def load_unet(args: argparse.Namespace, front_end: SpectrogramFrontEnd) -> UNet2DModel:
    config = json.loads(Path(args.config_path).read_text())
    if config.get("_class_name") != "UNet2DModel":
        raise ValueError(f"{args.config_path} is {model_name(config)}, expected a UNet2DModel")
    unet = UNet2DModel.from_config(config)
    if unet.config.sample_size[0] != front_end.grid.num_bins:
        raise ValueError(
            f"sample_size must have the front end's {front_end.grid.num_bins} bins, got {unet.config.sample_size[0]}"
        )
    if args.init_from:
        unet.load_state_dict(UNet2DModel.from_pretrained(args.init_from).state_dict())
    return unet.train()


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
    run = TrainingRun(accelerator, args)
    set_seed(args.seed)
    with errors_in_one_line():
        front_end = SpectrogramFrontEnd.from_pretrained(args.front_end) if args.front_end else SpectrogramFrontEnd()
        unet = load_unet(args, front_end)
    num_frames = unet.config.sample_size[1]
    scheduler = DDPMScheduler(
        beta_schedule=args.beta_schedule,
        prediction_type=args.prediction_type,
        clip_sample=False,
        timestep_spacing="trailing",
    )
    coordinates = torch.from_numpy(front_end.coordinates(num_frames)).to(accelerator.device)
    if args.use_dummy_data:
        args.train_data_dir = [str(args.output_dir / "dummy_data")]
        if accelerator.is_main_process:
            write_dummy_recording(args.output_dir / "dummy_data", front_end.sampling_rate, seconds=5)
        accelerator.wait_for_everyone()

    # Processes start from the same weights and drop out different units.
    set_seed(args.seed, device_specific=True)
    windows_a_step = args.train_batch_size * accelerator.num_processes * args.gradient_accumulation_steps
    held_out = []
    with errors_in_one_line():
        dataset = NoisySpectrogramDataset(
            args.train_data_dir,
            args.max_train_steps * windows_a_step,
            num_frames,
            front_end,
            scheduler.config.num_train_timesteps,
            args.seed,
            args.train_data_probabilities,
        )
        if args.validation_data_dir:
            validation_dataset = NoisySpectrogramDataset(
                args.validation_data_dir, args.validation_segments, num_frames, front_end, 1, seed=0
            )
            held_out = [validation_dataset[i] for i in range(len(validation_dataset))]
    # Starting to iterate draws from this generator, not from the global one: a resumed run has the same dropout.
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
    run.start("train_spectrogram_ddpm", checkpoint)

    losses = []
    for batch in run.batches(dataloader, args.gradient_accumulation_steps):
        with accelerator.accumulate(unet):
            error = denoising_error(unet, scheduler, coordinates, batch["clean"], batch["noise"], batch["timestep"])
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
                metrics = validate(module, scheduler, coordinates, held_out)
            logger.info("step %d: %s", run.step, metrics)
            run.log(metrics)
        if run.is_due(args.checkpointing_steps):
            run.save_checkpoint()

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ema.copy_to(module.parameters())
        module.save_pretrained(args.output_dir / "unet")
        scheduler.save_pretrained(args.output_dir / "scheduler")
        front_end.save_pretrained(args.output_dir / "front_end")
        run.write_record()
    # A model that is wrapped for several processes and outlives their group may wait for the group's threads for ever.
    accelerator.free_memory()
    unet = None
    accelerator.end_training()
    accelerator.print(
        f"{args.output_dir} has the network after {run.step} steps. Next: python "
        f"examples/assemble_spectrogram_pipeline.py --model {args.output_dir} --output_dir PIPELINE"
    )


if __name__ == "__main__":
    main()
