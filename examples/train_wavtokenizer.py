"""
Train a WavTokenizer on folders of recordings, in two phases.

    accelerate launch examples/train_wavtokenizer.py --train_data_dir recordings --output_dir outputs/wavtokenizer

First the encoder and the decoder learn to reconstruct without quantisation. At `--codebook_start_step` the codebook is
started by k-means on the encoder's outputs, the encoder is frozen, and the decoder goes on with quantised input.
(A codebook started together with an untrained encoder collapses to a handful of codes.)

The result, `--output_dir`, loads with `WavTokenizerModel.from_pretrained`. `--use_dummy_data` tries the script out on
synthetic tones.
"""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import ProjectConfiguration, set_seed
from diffusers.optimization import get_scheduler
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aidd.evaluation.metrics import log_spectral_distance
from aidd.models.wavtokenizer import WavTokenizerConfig, WavTokenizerModel
from aidd.training.audio_segments import AudioSegmentDataset
from aidd.training.checkpoints import latest_checkpoint, prune_checkpoints
from aidd.training.spectral_losses import MultiResolutionSpectralLoss, MultiScaleMelLoss


logger = get_logger(__name__)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_data_dir", nargs="+", help="Folders of audio files, each given an equal share.")
    parser.add_argument("--validation_data_dir", nargs="+", help="Folders of audio files to validate on.")
    parser.add_argument("--use_dummy_data", action="store_true", help="Train on synthetic tones instead.")
    parser.add_argument("--config_path", help="A WavTokenizer config.json. Default: the published architecture.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where checkpoints and the model are written.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--segment_seconds", type=float, default=0.64, help="Duration of a training segment.")
    parser.add_argument("--train_batch_size", type=int, default=8, help="Segments a process and step.")
    parser.add_argument("--max_train_steps", type=int, default=10_000)
    parser.add_argument("--codebook_start_step", type=int, help="Default: 60 %% of --max_train_steps.")
    parser.add_argument("--codebook_start_segments", type=int, default=640, help="Segments the k-means start sees.")
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--lr_scheduler", default="cosine")
    parser.add_argument("--lr_warmup_steps", type=int, default=100)
    parser.add_argument("--adam_beta1", type=float, default=0.8)
    parser.add_argument("--adam_beta2", type=float, default=0.99)
    parser.add_argument("--max_grad_norm", type=float, default=1.0)
    parser.add_argument("--mel_loss_weight", type=float, default=1.0)
    parser.add_argument("--spectral_loss_weight", type=float, default=0.2)
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
    if args.codebook_start_step is None:
        args.codebook_start_step = int(0.6 * args.max_train_steps)
    if not 0 <= args.codebook_start_step < args.max_train_steps:
        parser.error(
            "--codebook_start_step must lie below --max_train_steps, or the codec is left without a codebook; got "
            f"{args.codebook_start_step} and {args.max_train_steps}"
        )
    return args


def write_dummy_data(folder: Path, sampling_rate: int) -> str:
    """Two seconds of decaying harmonic tones: enough to try the script out, not to learn from."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(2 * sampling_rate) / sampling_rate
    tones = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 6)) * np.exp(-2 * (time % 0.5))
    sf.write(folder / "tones.wav", 0.2 * tones, sampling_rate)
    return str(folder)


@torch.no_grad()
def validate(model: WavTokenizerModel, segments: list[torch.Tensor], quantize: bool, mel_loss: MultiScaleMelLoss):
    """Mel distance and log-spectral distance of the round trip of fixed segments, and the codes in use."""
    model.eval()
    mel, lsd, codes = [], [], []
    for segment in segments:
        output = model(segment[None].to(model.device), quantize=quantize)
        estimate = output.audio_values[0].float().cpu()
        mel.append(mel_loss(estimate.to(model.device), segment.to(model.device)).item())
        lsd.append(log_spectral_distance(segment, estimate))
        if quantize:
            codes.append(output.audio_codes.flatten())
    model.train()
    metrics = {"valid/mel": float(np.mean(mel)), "valid/lsd": float(np.mean(lsd))}
    if quantize:
        metrics["valid/codes_in_use"] = len(torch.cat(codes).unique())
    return metrics


def start_codebook(model: WavTokenizerModel, dataset: AudioSegmentDataset, args: argparse.Namespace) -> int:
    """Starts the codebook by k-means on latents of segments drawn for it; returns the number of codes they use."""
    with torch.no_grad():
        indices = range(len(dataset) - args.codebook_start_segments, len(dataset))
        latents = torch.cat([model.encoder(dataset[i][None].to(model.device))[0].T for i in tqdm(indices, "Latents")])
        model.start_codebook(latents, torch.Generator().manual_seed(args.seed))
        return len(model.codebook.encode(latents).unique())


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        log_with=args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
    )
    set_seed(args.seed)
    config = WavTokenizerConfig.from_pretrained(args.config_path) if args.config_path else WavTokenizerConfig()
    if args.use_dummy_data:
        args.train_data_dir = [write_dummy_data(args.output_dir / "dummy_data", config.sampling_rate)]

    model = WavTokenizerModel(config)
    # The last draws of the data set are kept for the k-means start.
    dataset = AudioSegmentDataset(
        args.train_data_dir,
        args.max_train_steps * args.train_batch_size * accelerator.num_processes + args.codebook_start_segments,
        args.segment_seconds,
        config.sampling_rate,
        args.seed,
    )
    # Starting to iterate draws from this generator, not from the global one: a resumed run has the same dropout.
    dataloader = DataLoader(
        dataset, args.train_batch_size, num_workers=args.dataloader_num_workers, generator=torch.Generator()
    )
    validation_segments = []
    if args.validation_data_dir:
        held_out = AudioSegmentDataset(args.validation_data_dir, 32, 2.0, config.sampling_rate, seed=0)
        validation_segments = [held_out[i] for i in range(len(held_out))]

    optimizer = torch.optim.AdamW(
        model.parameters(), args.learning_rate, betas=(args.adam_beta1, args.adam_beta2), weight_decay=0.0
    )
    lr_scheduler = get_scheduler(
        args.lr_scheduler,
        optimizer,
        num_warmup_steps=args.lr_warmup_steps * accelerator.num_processes,
        num_training_steps=args.max_train_steps * accelerator.num_processes,
    )
    model, optimizer, dataloader, lr_scheduler = accelerator.prepare(model, optimizer, dataloader, lr_scheduler)
    module = accelerator.unwrap_model(model)
    mel_loss = MultiScaleMelLoss(config.sampling_rate).to(accelerator.device)
    spectral_loss = MultiResolutionSpectralLoss().to(accelerator.device)
    if args.report_to:
        accelerator.init_trackers("train_wavtokenizer")

    first_step = 0
    if args.resume_from_checkpoint:
        checkpoint = (
            latest_checkpoint(args.output_dir)
            if args.resume_from_checkpoint == "latest"
            else args.resume_from_checkpoint
        )
        accelerator.load_state(str(checkpoint))
        first_step = int(Path(checkpoint).name.split("-")[1])
        logger.info("resumed from %s", checkpoint)

    def log(metrics: dict, step: int) -> None:
        accelerator.log(metrics, step=step)
        if accelerator.is_main_process:
            with open(args.output_dir / "metrics.jsonl", "a") as file:
                file.write(json.dumps({"step": step, **metrics}) + "\n")

    args.output_dir.mkdir(parents=True, exist_ok=True)
    batches = accelerator.skip_first_batches(dataloader, first_step)
    progress = tqdm(range(first_step, args.max_train_steps), "Training", disable=not accelerator.is_local_main_process)
    for step, segments in zip(progress, batches, strict=False):
        quantize = step >= args.codebook_start_step
        if step == args.codebook_start_step:
            log({"train/codes_in_use": start_codebook(module, dataset, args)}, step)
        module.encoder.requires_grad_(not quantize)

        output = model(segments, quantize=quantize)
        estimate = output.audio_values.float()
        loss_mel, loss_spectral = mel_loss(estimate, segments), spectral_loss(estimate, segments)
        accelerator.backward(args.mel_loss_weight * loss_mel + args.spectral_loss_weight * loss_spectral)
        accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        progress.set_postfix(mel=f"{loss_mel.item():.3f}", spectral=f"{loss_spectral.item():.3f}")

        done = step + 1
        if done % 50 == 0:
            log({"train/mel": loss_mel.item(), "train/spectral": loss_spectral.item()}, done)
        if accelerator.is_main_process and validation_segments and done % args.validation_steps == 0:
            metrics = validate(module, validation_segments, quantize, mel_loss)
            logger.info("step %d: %s", done, metrics)
            log(metrics, done)
        if done % args.checkpointing_steps == 0:
            accelerator.save_state(str(args.output_dir / f"checkpoint-{done}"))
            if accelerator.is_main_process:
                prune_checkpoints(args.output_dir, args.checkpoints_total_limit)

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        module.save_pretrained(args.output_dir)
        (args.output_dir / "training_arguments.json").write_text(json.dumps(vars(args), default=str, indent=2))
    accelerator.end_training()


if __name__ == "__main__":
    main()
