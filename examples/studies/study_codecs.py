"""
Compare codecs with one codebook: what their round trip keeps of recordings, and what a short gap costs with each.

    python examples/studies/study_codecs.py --data_dir valid --output_file outputs/codecs.md

Pipelines (`--models`) have trained weights: segments of 4.17 s, evenly spread over each recording, are brought to the
codec's rate and a peak of -3 dBFS, encoded and decoded, and compared as a whole. Intervals are 95 % bootstrap
intervals by recording. Published architectures (`--random`) have random weights: they are timed, and what they return
is noise.

For each, a pipeline fills a gap in the middle of the first segment, on the processor, in a process of its own. With
random weights, its token model is of the default model's size, with as many codes as the codec. MiB are the most that
the process holds (VmHWM of Linux), the weights included, beyond what it held with its libraries imported. Seconds are
those that the processor computed for the second time.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from segments import segments_in
from tables import head_of, mean_and_interval, write_page
from transformers import NeuCodecConfig, WavTokenizerConfig, WavTokenizerModel, Xcodec2Config

import aidd
from aidd.evaluation.metrics import log_mel_distance, log_spectral_distance
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.models.codecs import Codec
from aidd.models.loading_codecs import load_codec
from aidd.models.wavtokenizer import decode, encode
from aidd.signals.levels import PEAK
from aidd.signals.resampling import resample


TITLES = (
    *("codec", "weights", "rate (Hz)", "tokens a second", "codes", "parameters (M)", "n", "LSD", "log-mel (dB)"),
    *("calls", "gap: MiB", "gap: CPU s"),
)


def wavtokenizer(upsampling_ratios: list[int]) -> WavTokenizerModel:
    model = WavTokenizerModel(WavTokenizerConfig(upsampling_ratios=upsampling_ratios))
    # An empty codebook is refused.
    model.encoder_model.quantizer.codebook.embed.normal_()
    return model


# Published architectures, by what they are called.
PUBLISHED: dict[str, Callable[[], Codec]] = {
    "WavTokenizer-40": lambda: wavtokenizer([6, 5, 5, 4]),
    "WavTokenizer-75": lambda: wavtokenizer([8, 5, 4, 2]),
    "XCodec2": lambda: aidd.XCodec2TokenizerModel(Xcodec2Config()),
    "NeuCodec": lambda: aidd.NeuCodecTokenizerModel(NeuCodecConfig()),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--models", nargs="*", default=[aidd.DEFAULT_MODEL], help="Folders of trained pipelines.")
    parser.add_argument("--random", nargs="*", choices=PUBLISHED, default=list(PUBLISHED), help="To be timed alone.")
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--gap_ms", type=float, default=300.0)
    parser.add_argument("--threads", type=int, default=1, help="Threads of torch that fill a gap.")
    parser.add_argument("--costs_of", help="Measure a gap with this model alone, and print JSON.")
    return parser.parse_args()


def peak_mib() -> float:
    """Largest memory of this process so far. Unlike that of getrusage, it leaves out the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def pipeline_of(name: str) -> aidd.AIDDPipeline:
    """A trained pipeline, or one with a published codec of random weights."""
    if name not in PUBLISHED:
        return aidd.AIDDPipeline.from_pretrained(name)
    torch.manual_seed(0)
    codec = PUBLISHED[name]().eval()
    config = aidd.DiTTokenConfig.from_pretrained(aidd.DEFAULT_MODEL, subfolder="transformer")
    config.codebook_size = codec.config.codebook_size
    return aidd.AIDDPipeline(codec, aidd.DiTTokenModel(config).eval(), aidd.MaskedDiscreteScheduler())


def costs(args: argparse.Namespace) -> dict[str, float]:
    """Facts of a codec, and what a gap costs with it."""
    torch.set_num_threads(args.threads)
    _, _, segment, rate = next(segments_in(args.data_dir, args.segments_per_recording))
    mask = centred_gap(len(segment), rate, gap_seconds=args.gap_ms / 1000)
    loaded = peak_mib()
    pipe = pipeline_of(args.costs_of)
    pipe.set_progress_bar_config(disable=True)
    for _ in range(2):
        start = time.process_time()
        pipe(np.where(mask, np.nan, segment), mask, sampling_rate=rate, generator=torch.Generator().manual_seed(0))
        seconds = time.process_time() - start
        num_calls = len(pipe.scheduler.timesteps)
    return {
        "rate": pipe.sampling_rate,
        "tokens_a_second": pipe.sampling_rate / pipe.hop_length,
        "codes": pipe.codec.config.codebook_size,
        "parameters": sum(parameter.numel() for parameter in pipe.codec.parameters()) / 1e6,
        "calls": num_calls,
        "mib": peak_mib() - loaded,
        "seconds": seconds,
    }


def costs_apart(args: argparse.Namespace, name: str) -> dict[str, float]:
    """[`costs`] with a model, in a process of its own."""
    options = ["--output_file", args.output_file, "--segments_per_recording", args.segments_per_recording]
    options += ["--gap_ms", args.gap_ms, "--threads", args.threads, "--costs_of", name, "--data_dir", *args.data_dir]
    command = [sys.executable, __file__, *map(str, options)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def losses(args: argparse.Namespace, name: str) -> list[str]:
    """Number of segments, LSD and log-mel distance of the round trip."""
    codec = load_codec(name, subfolder="codec").eval()
    rate = codec.config.sampling_rate
    distances, recordings = [], []
    for path, _, segment, file_rate in segments_in(args.data_dir, args.segments_per_recording):
        audio = resample(segment, file_rate, rate)
        audio = audio * (PEAK / np.abs(audio).max())
        with torch.no_grad():
            codes = encode(codec, torch.from_numpy(audio)[None, None].to(codec.dtype))
            decoded = decode(codec, codes)[0, 0].double().numpy()[: len(audio)]
        recordings.append(path.stem)
        distances.append((log_spectral_distance(audio, decoded), log_mel_distance(audio, decoded, sampling_rate=rate)))
    return [str(len(distances)), *(mean_and_interval(kind, recordings) for kind in zip(*distances, strict=True))]


def main() -> None:
    args = parse_args()
    if args.costs_of:
        print(json.dumps(costs(args)))
        return
    lines = [*head_of(args), f"| {' | '.join(TITLES)} |", "| --- " * len(TITLES) + "|"]
    for name in [*args.models, *args.random]:
        is_random = name in PUBLISHED
        found = costs_apart(args, name)
        cells = [
            name if is_random else Path(name).name,
            "random" if is_random else "trained",
            f"{found['rate']}",
            f"{found['tokens_a_second']:g}",
            f"{found['codes']}",
            f"{found['parameters']:.1f}",
            *(["", "", ""] if is_random else losses(args, name)),
            f"{found['calls']}",
            f"{found['mib']:.0f}",
            f"{found['seconds']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
