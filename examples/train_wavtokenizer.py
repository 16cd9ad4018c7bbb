"""
Train a WavTokenizer on folders of recordings, in up to three phases.

    accelerate launch examples/train_wavtokenizer.py --train_data_dir recordings --output_dir outputs/wavtokenizer

First the encoder and the decoder learn to reconstruct without quantisation. At `--codebook_start_step` the codebook is
started by k-means on the encoder's outputs, the encoder is frozen, and the decoder goes on with quantised input.
(A codebook started together with an untrained encoder collapses to a handful of codes.) With `--no-freeze_encoder` all
learn on: the encoder straight through the codebook, the codebook by moving averages. Discriminators join in at
`--adversarial_start_step`. With `--max_train_minutes`, each phase begins at the same share of the minutes as of the
steps, whichever comes first. `--init_from` skips the first phase and goes on with a trained WavTokenizer.

The result, `--output_dir`, loads with transformers' `WavTokenizerModel.from_pretrained`. `--use_dummy_data` tries the
script out on synthetic tones.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import DistributedDataParallelKwargs, ProjectConfiguration, set_seed
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import WavTokenizerConfig, WavTokenizerModel

from aidd.evaluation.metrics import log_spectral_distance
from aidd.models.model_types import check_model_type
from aidd.models.wavtokenizer import CLASSES, load_wavtokenizer, save_wavtokenizer
from aidd.signals.seeds import seed_of
from aidd.training.codec.codebook_usage import CodebookUsage
from aidd.training.codec.discriminators import WavTokenizerDiscriminator
from aidd.training.codec.straight_through import StraightThroughWavTokenizer, initialise_decoder
from aidd.training.data.audio_segments import AudioSegmentDataset
from aidd.training.data.dummy_recording import write_dummy_recording
from aidd.training.losses.adversarial import Adversary
from aidd.training.losses.spectral_losses import BandLevelLoss, MultiResolutionSpectralLoss, MultiScaleMelLoss
from aidd.training.runs.arguments import check_kept, read_arguments
from aidd.training.runs.checkpoints import checkpoint_to_resume
from aidd.training.runs.options import add_run_options, check_run_options
from aidd.training.runs.scripts import HelpFormatter, errors_in_one_line
from aidd.training.runs.training_run import TrainingRun


logger = get_logger(__name__)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument("--train_data_dir", nargs="+", help="Folders of audio files, each given an equal share.")
    parser.add_argument("--validation_data_dir", nargs="+", help="Folders of audio files to validate on.")
    parser.add_argument("--use_dummy_data", action="store_true", help="Train on synthetic tones instead.")
    parser.add_argument(
        "--config_path",
        help="The config.json of a WavTokenizer, a MelTokenizerModel or a BandTokenizerModel. Default: the published "
        "architecture.",
    )
    parser.add_argument(
        "--init_from",
        help="Folder or Hub id of a trained WavTokenizer whose weights and codebook are the start. Where "
        "--config_path is given too, the decoder's head starts anew.",
    )
    parser.add_argument("--seed", type=int, default=0, help="Seed of weights, segments, codebook and dropout.")
    parser.add_argument("--segment_seconds", type=float, default=0.64, help="Duration of a training segment.")
    parser.add_argument("--train_batch_size", type=int, default=8, help="Segments per process and step.")
    parser.add_argument("--max_train_steps", type=int, default=10_000, help="Steps of the whole run.")
    parser.add_argument(
        "--codebook_start_step",
        type=int,
        help="Step after which the codebook is started. Default: 60 %% of --max_train_steps; a resumed run keeps what "
        "it was when the run was started.",
    )
    parser.add_argument(
        "--codebook_start_segments", type=int, default=640, help="Segments whose latents the k-means start sees."
    )
    parser.add_argument(
        "--freeze_encoder",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Whether the encoder stops learning once the codebook is started.",
    )
    parser.add_argument("--codebook_decay", type=float, default=0.99, help="Decay of the codebook's moving averages.")
    parser.add_argument(
        "--dead_code_threshold", type=float, default=2.0, help="A code with fewer uses per step is replaced."
    )
    parser.add_argument("--dropout", type=float, default=0.1, help="Dropout in the decoder's residual blocks.")
    parser.add_argument(
        "--adversarial_start_step", type=int, help="Step after which discriminators join in. Default: none do."
    )
    parser.add_argument(
        "--adversarial_seconds", type=float, help="Middle of a segment that is judged. Default: all of it."
    )
    parser.add_argument(
        "--period_discriminator_channels",
        type=int,
        default=32,
        help="Width of their first layer; the last has 32 times it.",
    )
    parser.add_argument(
        "--spectrogram_discriminator_channels", type=int, default=32, help="Width of each of their layers."
    )
    parser.add_argument("--learning_rate", type=float, default=1e-3, help="Highest learning rate, after the warm-up.")
    parser.add_argument(
        "--discriminator_learning_rate", type=float, default=2e-4, help="Highest learning rate of the discriminators."
    )
    parser.add_argument("--adam_beta1", type=float, default=0.8, help="Decay of AdamW's first moment.")
    parser.add_argument("--adam_beta2", type=float, default=0.99, help="Decay of AdamW's second moment.")
    parser.add_argument(
        "--mel_loss_weight", type=float, default=1.0, help="Weight of the distance of mel spectrograms."
    )
    parser.add_argument(
        "--spectral_loss_weight", type=float, default=0.2, help="Weight of the distance of linear spectrograms."
    )
    parser.add_argument(
        "--level_loss_weight",
        type=float,
        default=0.0,
        help="Weight of the distance of levels averaged over 0.1 s; 0 leaves it out.",
    )
    parser.add_argument(
        "--commitment_loss_weight",
        type=float,
        default=0.005,
        help="Weight of the distance of latents to their codes, with --no-freeze_encoder.",
    )
    parser.add_argument(
        "--adversarial_loss_weight", type=float, default=0.25, help="Weight of the discriminators' scores."
    )
    parser.add_argument(
        "--feature_matching_loss_weight", type=float, default=0.5, help="Weight of the distance of their feature maps."
    )
    add_run_options(parser)
    args = parser.parse_args()
    if bool(args.train_data_dir) == args.use_dummy_data:
        parser.error("give either --train_data_dir or --use_dummy_data")
    if args.init_from:
        if args.codebook_start_step:
            parser.error("--init_from has a codebook: no --codebook_start_step")
        args.codebook_start_step = 0
    if args.adversarial_start_step is not None and not 0 <= args.adversarial_start_step < args.max_train_steps:
        parser.error("--adversarial_start_step must lie in [0, --max_train_steps), or be left out")
    args.adversarial_seconds = args.adversarial_seconds or args.segment_seconds
    if not 0 < args.adversarial_seconds <= args.segment_seconds:
        parser.error("--adversarial_seconds must lie in (0, --segment_seconds]")
    check_run_options(parser, args)
    return args


@torch.no_grad()
def validate(
    model: StraightThroughWavTokenizer, segments: list[torch.Tensor], quantize: bool, mel_loss: MultiScaleMelLoss
) -> dict[str, float]:
    """Mel distance and log-spectral distance of the round trip of fixed segments, and the codes in use."""
    model.eval()
    mel, lsd, codes = [], [], []
    for segment in segments:
        output = model(segment[None].to(model.codec.device), quantize=quantize)
        estimate = output.audio_values[0].float().cpu()
        mel.append(mel_loss(estimate.to(model.codec.device), segment.to(model.codec.device)).item())
        lsd.append(log_spectral_distance(segment, estimate))
        if quantize:
            codes.append(output.audio_codes.flatten())
    model.train()
    metrics = {"valid/mel": float(np.mean(mel)), "valid/lsd": float(np.mean(lsd))}
    if quantize:
        metrics["valid/codes_in_use"] = len(torch.cat(codes).unique())
    return metrics


def codebook_start_step(args: argparse.Namespace, checkpoint: Path | None) -> int:
    """
    The step given, or the default. A resumed run keeps what was decided when it was started: a longer run must not
    start its codebook again.
    """
    step = args.codebook_start_step
    if step is None:
        default = int(0.6 * args.max_train_steps)
        step = read_arguments(checkpoint).get("codebook_start_step", default) if checkpoint else default
    if not 0 <= step < args.max_train_steps:
        raise ValueError(
            "--codebook_start_step must lie below --max_train_steps, or the codec is left without a codebook; got "
            f"{step} and {args.max_train_steps}"
        )
    return step


def start_from(codec: WavTokenizerModel, trained: WavTokenizerModel) -> None:
    """Gives a codec the weights of another one with the same encoder, codebook and backbone; its head stays new."""
    weights = {name: tensor for name, tensor in trained.state_dict().items() if not name.startswith("head.")}
    for name, tensor in codec.state_dict().items():
        expected = tuple(tensor.shape)
        got = tuple(weights[name].shape) if name in weights else None
        if got != expected and not name.startswith("head."):
            raise ValueError(f"--init_from: expected {name} of shape {expected}, as --config_path says, got {got}")
    codec.load_state_dict(weights, strict=False)


def load_model(args: argparse.Namespace) -> StraightThroughWavTokenizer:
    trained = load_wavtokenizer(args.init_from) if args.init_from else None
    if trained is not None and not args.config_path:
        codec = trained.train()
    else:
        # The published 75 tokens a second: transformers' own default is the variant of 40.
        config = WavTokenizerConfig(upsampling_ratios=[8, 5, 4, 2])
        if args.config_path:
            config_class = check_model_type(args.config_path, *CLASSES)
            config = config_class.from_pretrained(args.config_path)
        codec = CLASSES[type(config)](config)
        initialise_decoder(codec)
        if trained is not None:
            start_from(codec, trained)
    return StraightThroughWavTokenizer(codec, args.codebook_decay, args.dead_code_threshold, args.dropout)


def start_codebook(model: StraightThroughWavTokenizer, dataset: AudioSegmentDataset, args: argparse.Namespace) -> int:
    """Starts the codebook by k-means on latents of segments drawn for it; returns the number of codes they use."""
    with torch.no_grad():
        indices = range(len(dataset) - args.codebook_start_segments, len(dataset))
        segments = (dataset[i][None].to(model.codec.device) for i in tqdm(indices, "Latents"))
        latents = torch.cat([model.encoder(segment)[0].T for segment in segments])
        logger.info("k-means on %d latents, for %d codes", len(latents), model.codebook.codebook_size)
        model.codebook.start(latents, torch.Generator().manual_seed(args.seed))
        return len(model.codebook.encode(latents).unique())


def main() -> None:
    args = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    with errors_in_one_line():
        checkpoint = checkpoint_to_resume(args.output_dir, args.resume_from_checkpoint, args.max_train_steps)
        args.codebook_start_step = codebook_start_step(args, checkpoint)
        if checkpoint:
            check_kept(args, checkpoint)
    accelerator = Accelerator(
        mixed_precision=args.mixed_precision,
        log_with=None if args.report_to == "none" else args.report_to,
        project_config=ProjectConfiguration(project_dir=args.output_dir, logging_dir=args.output_dir / "logs"),
        # A frozen encoder takes no part in the backward pass.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=args.freeze_encoder)],
    )
    run = TrainingRun(accelerator, args)
    set_seed(args.seed)
    with errors_in_one_line():
        model = load_model(args)
    config = model.codec.config
    if args.use_dummy_data:
        args.train_data_dir = [str(args.output_dir / "dummy_data")]
        if accelerator.is_main_process:
            write_dummy_recording(args.output_dir / "dummy_data", config.sampling_rate, seconds=2)
        accelerator.wait_for_everyone()

    # The last draws of the data set are kept for the k-means start.
    num_segments = args.max_train_steps * args.train_batch_size * accelerator.num_processes
    num_segments += args.codebook_start_segments
    validation_segments = []
    with errors_in_one_line():
        dataset = AudioSegmentDataset(
            args.train_data_dir, num_segments, args.segment_seconds, config.sampling_rate, args.seed
        )
        num_tokens = -(-dataset.segment_length // config.hop_length)
        num_latents = args.train_batch_size * num_tokens * accelerator.num_processes
        if not args.freeze_encoder and args.dead_code_threshold >= num_latents / config.codebook_size:
            raise ValueError(
                f"--dead_code_threshold is {args.dead_code_threshold} uses a batch, but {num_latents} tokens a "
                f"batch use each of {config.codebook_size} codes {num_latents / config.codebook_size:.3g} times: "
                "lower it"
            )
        if args.validation_data_dir:
            held_out = AudioSegmentDataset(args.validation_data_dir, 32, 2.0, config.sampling_rate, seed=0)
            validation_segments = [held_out[i] for i in range(len(held_out))]
    # Starting to iterate draws from this generator, not from the global one: a resumed run has the same dropout.
    dataloader = DataLoader(
        dataset, args.train_batch_size, num_workers=args.dataloader_num_workers, generator=torch.Generator()
    )

    def with_optimizer(network: torch.nn.Module, learning_rate: float, first_step: int) -> tuple:
        optimizer = torch.optim.AdamW(
            network.parameters(), learning_rate, betas=(args.adam_beta1, args.adam_beta2), weight_decay=0.0
        )
        return accelerator.prepare(network, optimizer, run.make_lr_scheduler(optimizer, first_step))

    model, optimizer, lr_scheduler = with_optimizer(model, args.learning_rate, 0)
    dataloader = accelerator.prepare(dataloader)
    module = accelerator.unwrap_model(model)
    if args.adversarial_start_step is not None:
        discriminators = WavTokenizerDiscriminator(
            args.period_discriminator_channels, args.spectrogram_discriminator_channels
        )
        trained = with_optimizer(discriminators, args.discriminator_learning_rate, args.adversarial_start_step)
        adversary = Adversary(accelerator, *trained, args.max_grad_norm)
    judged_length = round(args.adversarial_seconds * config.sampling_rate)
    start = (dataset.segment_length - judged_length) // 2
    middle = slice(start, start + judged_length)
    usage = CodebookUsage(config.codebook_size).to(accelerator.device)
    accelerator.register_for_checkpointing(usage)
    mel_loss = MultiScaleMelLoss(config.sampling_rate).to(accelerator.device)
    spectral_loss = MultiResolutionSpectralLoss().to(accelerator.device)
    level_loss = BandLevelLoss(config.sampling_rate).to(accelerator.device)
    run.start("train_wavtokenizer", checkpoint)

    # A checkpoint holds the codebook as it was, started or not.
    codebook_started = run.step > 0 and bool(module.codebook.inited)
    for segments in run.batches(dataloader):
        quantize = run.position >= args.codebook_start_step
        started = {}
        if quantize and not codebook_started:
            if not args.init_from:
                started["train/codes_in_use"] = start_codebook(module, dataset, args)
            if not args.freeze_encoder:
                module.codebook.rescale_counts(num_latents)
            codebook_started = True
        module.encoder.requires_grad_(not (quantize and args.freeze_encoder))

        output = model(segments, quantize=quantize)
        estimate = output.audio_values.float()
        losses = {"mel": mel_loss(estimate, segments), "spectral": spectral_loss(estimate, segments)}
        if args.level_loss_weight:
            losses["level"] = level_loss(estimate, segments)
        metrics = {}
        if quantize and not args.freeze_encoder:
            losses["commitment"] = output.commitment_loss
        if args.adversarial_start_step is not None and run.position >= args.adversarial_start_step:
            judged = estimate[..., middle], segments[..., middle]
            metrics["discriminator"] = adversary.learn(*judged)
            losses["adversarial"], losses["feature_matching"] = adversary.judge(*judged)
        accelerator.backward(sum(vars(args)[f"{name}_loss_weight"] * loss for name, loss in losses.items()))
        run.clip_gradients(model)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        if quantize:
            usage.record(output.audio_codes)
            if not args.freeze_encoder:
                # Keyed by seed and step alone: all processes revive the same codes.
                generator = torch.Generator().manual_seed(seed_of(args.seed, run.step))
                vectors = output.latents.detach().transpose(1, 2).flatten(0, 1)
                module.codebook.update(vectors, output.audio_codes.flatten(), generator)
        run.advance(**{name: loss.item() for name, loss in losses.items()})

        if started:
            run.log(started)
        if run.is_due(args.logging_steps):
            metrics = {f"train/{name}": loss.item() for name, loss in (losses | metrics).items()}
            if quantize:
                metrics["train/codes_in_use"], metrics["train/perplexity"] = usage.measure()
            run.log(metrics)
        if accelerator.is_main_process and validation_segments and run.is_due(args.validation_steps):
            metrics = validate(module, validation_segments, quantize, mel_loss)
            logger.info("step %d: %s", run.step, metrics)
            run.log(metrics)
        if run.is_due(args.checkpointing_steps):
            run.save_checkpoint()

    if not codebook_started:
        logger.warning(
            "--max_train_minutes ended the run before a step with quantised input: starting the codebook now"
        )
        start_codebook(module, dataset, args)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        save_wavtokenizer(module.codec, args.output_dir)
        run.write_record()
    # A model that is wrapped for several processes and outlives their group may wait for the group's threads for ever.
    accelerator.free_memory()
    model = trained = adversary = None
    accelerator.end_training()
    accelerator.print(
        f"{args.output_dir} has the codec after {run.step} steps. Next: python "
        f"examples/tokenize_dataset.py --model {args.output_dir} --audio_dir {args.train_data_dir[0]} "
        "--output_dir TOKENS"
    )


if __name__ == "__main__":
    main()
