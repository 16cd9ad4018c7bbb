"""
Study which method fills short gaps best: SNR and log-spectral distance of Janssen's method, of autoregressive
extrapolation and of the AIDD model against the gap's length. Behind `aidd.repair.plan.MAX_JANSSEN_SECONDS`.

    python examples/studies/study_auto.py --data_dir recordings --output_file outputs/auto_study.md

One centred gap in segments of 4.17 s, evenly spread over each recording. Choose on recordings that the model was
trained on, or on others, but never on those that results are reported on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

import aidd
from aidd.evaluation.metrics import log_spectral_distance, snr_in_gap
from aidd.evaluation.protocols.segments import read_segments
from aidd.evaluation.reports.bootstrap import bootstrap_interval
from aidd.signals.files import find_audio_files


METHODS = ("janssen", "autoregressive", "aidd")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0])
    parser.add_argument("--segments_per_recording", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    recordings: dict[float, list[str]] = {gap_ms: [] for gap_ms in args.gap_ms}
    scores: dict[tuple, list] = {(gap_ms, method): [] for gap_ms in args.gap_ms for method in METHODS}
    for path in tqdm(find_audio_files(args.data_dir), unit="recording"):
        for _, segment, rate in read_segments(path, args.segments_per_recording):
            for gap_ms in args.gap_ms:
                gap = max(round(gap_ms / 1000 * rate), 1)
                first = (len(segment) - gap) // 2
                mask = np.zeros(len(segment), bool)
                mask[first : first + gap] = True
                recordings[gap_ms].append(str(path))
                for method in METHODS:
                    generator = torch.Generator().manual_seed(args.seed)
                    damaged = np.where(mask, np.nan, segment)
                    restored = aidd.METHODS[method](damaged, mask, sampling_rate=rate, generator=generator)
                    scores[gap_ms, method].append(
                        (snr_in_gap(segment, restored, mask), log_spectral_distance(segment, restored, mask=mask))
                    )
    lines = [
        f"`{json.dumps(vars(args), default=str)}`",
        "",
        "| gap (ms) | method | n | SNR in gap (dB) | LSD in gap |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, method), values in scores.items():
        cells = []
        for column in zip(*values, strict=True):
            low, high = bootstrap_interval(column, recordings[gap_ms])
            cells.append(f"{np.mean(column):.3f} [{low:.3f}, {high:.3f}]")
        lines.append(f"| {gap_ms:g} | {method} | {len(values)} | {' | '.join(cells)} |")
    args.output_file.parent.mkdir(parents=True, exist_ok=True)
    args.output_file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
