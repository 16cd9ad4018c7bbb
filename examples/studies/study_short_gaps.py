"""
Study of methods for gaps of 5 to 100 ms: SNR and log-spectral distance in the gaps, PEAQ's grade, and seconds a gap.
Behind the variant of PHAIN in `aidd.METHODS`, and the lengths of `aidd.repair.plan.AUTO_LENGTHS`.

    python examples/studies/study_short_gaps.py --data_dir recordings --output_file outputs/short_gaps_study.md

Two gaps in segments of 4.17 s, evenly spread over each recording. PHAIN stands in the table as published too, from
silence in the gaps and with the published steps. Choose on recordings that are kept for training, report on others.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from segments import segments_in
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.classical import b_phain, r_phain, u_phain
from aidd.evaluation.methods.evaluated_methods import masked
from aidd.evaluation.metrics import log_spectral_distance, objective_difference_grade, snr_in_gap


# Steps, weights and windows of the authors' programs.
PUBLISHED = {"first": masked, "window_seconds": 2800 / 44_100, "weight": 1.0, "tolerance": 0.0}
METHODS = {
    **{name: aidd.METHODS[name] for name in ("autoregressive", "janssen", "sparse", "lines", "auto", "u_phain")},
    "b_phain": b_phain,
    "r_phain": r_phain,
    "u_phain, as published": partial(u_phain, num_rounds=10, num_iterations=100, **PUBLISHED),
    "b_phain, as published": partial(b_phain, num_iterations=1000, **PUBLISHED),
    "r_phain, as published": partial(r_phain, num_rounds=10, num_iterations=100, **PUBLISHED),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings, averaged to mono."
    )
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[5.0, 10.0, 20.0, 30.0, 50.0, 70.0, 100.0])
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS), help="Methods to compare.")
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the methods that draw.")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    recordings: list[str] = []
    scores: dict[tuple, list] = {(gap_ms, method): [] for gap_ms in args.gap_ms for method in args.method}
    for path, _, segment, rate in segments_in(args.data_dir, args.segments_per_recording):
        recordings.append(str(path))
        for gap_ms in args.gap_ms:
            mask = np.zeros(len(segment), bool)
            for middle in (len(segment) // 3, 2 * len(segment) // 3):
                first = middle - round(gap_ms / 2000 * rate)
                mask[first : first + max(round(gap_ms / 1000 * rate), 1)] = True
            damaged = np.where(mask, np.nan, segment)
            for method in args.method:
                generator = torch.Generator().manual_seed(args.seed)
                begin = time.process_time()
                restored = METHODS[method](damaged, mask, sampling_rate=rate, generator=generator)
                seconds = (time.process_time() - begin) / 2
                scores[gap_ms, method].append(
                    (
                        snr_in_gap(segment, restored, mask),
                        log_spectral_distance(segment, restored, mask=mask),
                        objective_difference_grade(segment, restored, sampling_rate=rate),
                        seconds,
                    )
                )
    lines = [
        *head_of(args),
        "| gap (ms) | method | n | SNR in gap (dB) | LSD in gap | ODG | processor seconds a gap |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (gap_ms, method), values in scores.items():
        *columns, seconds = zip(*values, strict=True)
        cells = [mean_and_interval(column, recordings) for column in columns]
        lines.append(f"| {gap_ms:g} | {method} | {len(values)} | {' | '.join(cells)} | {np.median(seconds):.3f} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
