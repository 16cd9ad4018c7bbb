"""
Study declipping: a diffusion model of waveforms that is guided by the clipping level, beside methods that fill clipped
samples and bring them beyond it.

    python examples/studies/study_declipping.py --data_dir recordings --model outputs/cqtdiff_pipeline \\
        --output_file outputs/declipping_study.md

A segment of each recording, from its middle, is clipped at the level that leaves a given signal-to-distortion ratio
(SDR): 3 dB is severe. `clipped` is what all methods are given. `cqtdiff` is
`aidd.pipelines.declipping_cqtdiff.declip`, all others fill what the detection finds as gaps
(`aidd.saturation.restore_saturated`). All restore the same samples, and leave the others as they are.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from segments import recordings_in
from tables import head_of, mean_and_interval, write_page
from tqdm.auto import tqdm

import aidd
from aidd.classical import janssen, sparse
from aidd.evaluation.metrics import log_mel_distance, log_spectral_distance
from aidd.pipelines.declipping_cqtdiff import declip
from aidd.signals.recordings import read_excerpt, recording_length


METRICS = ("SDR (dB)", "LSD", "log-mel distance (dB)", "CPU seconds")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown tables to write.")
    parser.add_argument("--model", help="Folder or Hub id of the CQT-Diff pipeline. Default: the other methods alone.")
    parser.add_argument("--sdr_db", type=float, nargs="+", default=[3.0, 6.0, 9.0, 12.0], help="Of clipped segments.")
    parser.add_argument("--seconds", type=float, default=1.5, help="Length of segments.")
    parser.add_argument("--guidance_scale", type=float, nargs="+", default=[0.0, 0.2], help="Of cqtdiff, one or more.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def sdr(intact: np.ndarray, restored: np.ndarray) -> float:
    """dB."""
    return float(10 * np.log10(np.sum(intact**2) / np.sum((intact - restored) ** 2)))


def clip_to(audio: np.ndarray, decibels: float) -> np.ndarray:
    """Audio, float64 `(samples,)`, clipped at the level that leaves this SDR, by bisection."""
    low, high = 0.0, np.abs(audio).max()
    for _ in range(60):
        level = (low + high) / 2
        too_soft = sdr(audio, np.clip(audio, -level, level)) < decibels
        low, high = (level, high) if too_soft else (low, level)
    return np.clip(audio, -high, high)


def tables(
    measured: dict[tuple[float, str], list[tuple[float, ...]]], shares: dict[float, list[float]], names: Sequence[str]
) -> list[str]:
    """A table for each metric, of methods and levels, in Markdown."""
    methods = list(dict.fromkeys(method for _, method in measured))
    head = " | ".join(f"{decibels:g} dB" for decibels in shares)
    lines = []
    for index, metric in enumerate(METRICS):
        lines += [f"| {metric} | {head} |", "| --- " * (len(shares) + 1) + "|"]
        for method in methods:
            cells = [
                mean_and_interval([one[index] for one in measured[decibels, method]], names) for decibels in shares
            ]
            lines.append(f"| {method} | {' | '.join(cells)} |")
        lines.append("")
    clipped = ", ".join(f"{np.mean(share):.0%} at {decibels:g} dB" for decibels, share in shares.items())
    return [*lines, f"n = {len(names)} segments a level, of as many recordings. Clipped samples: {clipped}."]


def main() -> None:
    args = parse_args()
    methods = {
        "clipped": lambda audio, **_: audio,
        "sparse": partial(aidd.saturation.restore_saturated, method=sparse),
        "janssen": partial(aidd.saturation.restore_saturated, method=janssen),
    }
    if args.model:
        pipe = aidd.CQTDiffPipeline.from_pretrained(args.model)
        pipe.set_progress_bar_config(disable=True)
        for scale in args.guidance_scale:
            methods[f"cqtdiff, guidance {scale:g}"] = partial(declip, pipe, guidance_scale=scale)
    measured: dict[tuple[float, str], list[tuple[float, ...]]] = defaultdict(list)
    shares: dict[float, list[float]] = defaultdict(list)
    names = []
    for path in recordings_in(args.data_dir):
        num_samples, rate = recording_length(path)
        length = round(args.seconds * rate)
        audio = read_excerpt(path, (num_samples - length) // 2, length)
        names.append(path.name)
        for decibels in tqdm(args.sdr_db, leave=False):
            clipped = clip_to(audio, decibels)
            shares[decibels].append(float(np.mean(clipped != audio)))
            for name, method in methods.items():
                generator, started = torch.Generator().manual_seed(args.seed), time.process_time()
                result = method(clipped, sampling_rate=rate, generator=generator)
                seconds = time.process_time() - started
                measured[decibels, name].append(
                    (
                        sdr(audio, result),
                        log_spectral_distance(audio, result),
                        log_mel_distance(audio, result, sampling_rate=rate),
                        seconds,
                    )
                )
    write_page(args.output_file, [*head_of(args), *tables(measured, shares, names)])


if __name__ == "__main__":
    main()
