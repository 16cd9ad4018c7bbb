"""
Time how many gaps a second pipelines fill on a GPU, and how much of its memory that takes.

    python benchmarks/accelerator.py --output benchmarks/results/accelerator.json

A batch is that many gaps in one recording, each in a window of its own, which the network sees at once. Every row is
the fastest of several repetitions, after one that is not counted and in which everything is compiled that is to be.
Seconds are those of the whole call, with what the processor does for each gap. `cqtdiff` has random weights unless a
model is given: its time is that of its network, and what it fills is not music. `sampler_calls.py --device cuda`
compares the sampler of the original AIDD with ours at its published size. `--device cpu` measures a processor.
"""

import argparse
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import torch
from measuring import DTYPES, GIB, PRELUDE, Results, argument_parser, stopwatch

import aidd
from aidd.pipelines import InpaintingPipeline
from aidd.pipelines.loading import load_pipeline
from aidd.signals.files import read_audio


# Recording for each gap, in seconds: more than any of the windows.
SECONDS_A_GAP = 8.0
CQTDIFF_CONFIG = Path(__file__).parents[1] / "examples" / "configs" / "piano_gpu" / "cqtdiff_plus_unet.json"


def parse_args() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--device", default="cuda", help="Where the networks compute. Default: cuda.")
    parser.add_argument("--audio", type=Path, default=PRELUDE, help="Recording. Default: the examples' prelude.")
    parser.add_argument("--pipelines", nargs="+", choices=list(PIPELINES), default=list(PIPELINES), help="Which.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--cqtdiff_model", help="Folder or Hub id of a CQT-Diff+ model. Default: random weights.")
    parser.add_argument("--cqtdiff_config", type=Path, default=CQTDIFF_CONFIG, help="Network with random weights.")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES), help="Types of networks.")
    parser.add_argument("--compile", nargs="+", type=int, choices=(0, 1), default=[0, 1], help="Compiled: 0, 1.")
    parser.add_argument("--num_gaps", type=int, nargs="+", default=[1, 16, 256], help="Gaps of a batch.")
    parser.add_argument("--gap_ms", type=float, default=375.0, help="Length of a gap.")
    parser.add_argument("--repeats", type=int, default=3, help="Repetitions of each case.")
    return parser.parse_args()


def aidd_pipeline(args: argparse.Namespace, dtype: str) -> InpaintingPipeline:
    return load_pipeline(args.model, "AIDDPipeline", dtype)


def repaint_pipeline(args: argparse.Namespace, dtype: str) -> InpaintingPipeline:
    return load_pipeline(aidd.DEFAULT_SPECTROGRAM_MODEL, "SpectrogramRePaintPipeline", dtype)


def cqtdiff_pipeline(args: argparse.Namespace, dtype: str) -> InpaintingPipeline:
    if args.cqtdiff_model is not None:
        return load_pipeline(args.cqtdiff_model, "CQTDiffPipeline", dtype)
    torch.manual_seed(0)
    unet = aidd.CQTDiffPlusUNet.from_config(json.loads(args.cqtdiff_config.read_text())).eval()
    # As examples/assemble_cqtdiff_pipeline.py writes it.
    scheduler = aidd.EDMAncestralScheduler()
    return aidd.CQTDiffPipeline(unet, scheduler, num_inference_steps=24, guidance_scale=0.0).to(getattr(torch, dtype))


# What makes each pipeline, and the name of its network.
PIPELINES: dict[str, tuple[Callable, str]] = {
    "aidd": (aidd_pipeline, "transformer"),
    "spectrogram_repaint": (repaint_pipeline, "unet"),
    "cqtdiff": (cqtdiff_pipeline, "unet"),
}


def recording_with_gaps(path: Path, num_gaps: int) -> tuple[np.ndarray, list[float], int]:
    """The recording in mono, repeated for so many gaps, their starts in seconds, and its rate."""
    music = read_audio(path)
    num_samples = round(num_gaps * SECONDS_A_GAP * music.sampling_rate)
    audio = np.resize(music.samples.mean(0), num_samples)
    return audio, [(number + 0.5) * SECONDS_A_GAP for number in range(num_gaps)], music.sampling_rate


def measure(pipe: InpaintingPipeline, args: argparse.Namespace, num_gaps: int) -> tuple[float, float | None]:
    """Seconds of the fastest call, and the most memory of the GPU in GiB; None on a processor."""
    audio, starts, rate = recording_with_gaps(args.audio, num_gaps)
    ends = [start + args.gap_ms / 1000 for start in starts]
    is_cuda = torch.device(args.device).type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(args.repeats + 1):
        generator = torch.Generator().manual_seed(0)
        # What comes back is on the processor, which waits for the GPU.
        with stopwatch() as elapsed:
            pipe(audio, mask_start_seconds=starts, mask_end_seconds=ends, sampling_rate=rate, generator=generator)
        seconds.append(elapsed.seconds)
    return min(seconds[1:]), torch.cuda.max_memory_allocated() / GIB if is_cuda else None


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    results = Results(args)
    is_cuda = torch.device(args.device).type == "cuda"
    results.findings.append(
        f"The GPU is of the kind {torch.cuda.get_device_name()}."
        if is_cuda
        else "These are a processor's times. On a GPU, nothing has been measured."
    )
    for name, dtype, compiled in product(args.pipelines, args.dtypes, args.compile):
        make, network = PIPELINES[name]
        pipe = make(args, dtype).to(args.device)
        pipe.set_progress_bar_config(disable=True)
        if compiled:
            getattr(pipe, network).compile(dynamic=True)
        for num_gaps in args.num_gaps:
            seconds, memory = measure(pipe, args, num_gaps)
            results.add(
                pipeline=name,
                dtype=dtype,
                compiled="yes" if compiled else "no",
                gaps=num_gaps,
                seconds=seconds,
                gaps_a_second=num_gaps / seconds,
                peak_GiB=memory,
            )
            # A run that is cut off loses no row.
            results.write()


if __name__ == "__main__":
    main()
