"""
Study which method fills short gaps best: SNR and log-spectral distance of Janssen's method, of autoregressive
extrapolation and of the AIDD model against the gap's length. Behind `aidd.repair.plan.AUTO_LENGTHS`.

    python examples/studies/study_auto.py --data_dir recordings --output_file outputs/auto_study.md

One centred gap in segments of 4.17 s, evenly spread over each recording. Choose on recordings that the model was
trained on, or on others, but never on those that results are reported on.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
from segments import segments_in
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.evaluation.metrics import log_spectral_distance, snr_in_gap


METHODS = {
    **{name: aidd.METHODS[name] for name in ("janssen", "autoregressive", "aidd")},
    # This order spans as long a time at 44.1 kHz as 512 does at 24 kHz.
    "janssen, order 941": partial(aidd.METHODS["janssen"], order=941),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0])
    parser.add_argument("--method", nargs="+", choices=METHODS, default=["janssen", "autoregressive", "aidd"])
    parser.add_argument("--segments_per_recording", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    recordings: dict[float, list[str]] = {gap_ms: [] for gap_ms in args.gap_ms}
    scores: dict[tuple, list] = {(gap_ms, method): [] for gap_ms in args.gap_ms for method in args.method}
    for path, _, segment, rate in segments_in([args.data_dir], args.segments_per_recording):
        for gap_ms in args.gap_ms:
            gap = max(round(gap_ms / 1000 * rate), 1)
            first = (len(segment) - gap) // 2
            mask = np.zeros(len(segment), bool)
            mask[first : first + gap] = True
            recordings[gap_ms].append(str(path))
            for method in args.method:
                generator = torch.Generator().manual_seed(args.seed)
                damaged = np.where(mask, np.nan, segment)
                restored = METHODS[method](damaged, mask, sampling_rate=rate, generator=generator)
                scores[gap_ms, method].append(
                    (snr_in_gap(segment, restored, mask), log_spectral_distance(segment, restored, mask=mask))
                )
    lines = [
        *head_of(args),
        "| gap (ms) | method | n | SNR in gap (dB) | LSD in gap |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, method), values in scores.items():
        cells = [mean_and_interval(column, recordings[gap_ms]) for column in zip(*values, strict=True)]
        lines.append(f"| {gap_ms:g} | {method} | {len(values)} | {' | '.join(cells)} |")
    first, *others = args.method
    lines += [
        "",
        f"Differences from {first} on the same gaps:",
        "",
        "| gap (ms) | method | SNR in gap (dB) | LSD in gap |",
    ]
    lines.append("| --- | --- | --- | --- |")
    for gap_ms in args.gap_ms:
        for method in others:
            differences = np.subtract(scores[gap_ms, method], scores[gap_ms, first])
            cells = [mean_and_interval(column, recordings[gap_ms]) for column in differences.T]
            lines.append(f"| {gap_ms:g} | {method} | {' | '.join(cells)} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
