"""
Measure inpainting methods on a folder of intact recordings: one centred gap in segments of 4.17 s.

    python examples/evaluate.py --data_dir recordings --gap_ms 100 300 --output_dir outputs/evaluation

Methods: `masked` (silence), those of `aidd.METHODS`, and `codec`, the round trip of the intact audio through the
pipeline's codec: the ceiling of `aidd`. Segments lie evenly spread over each recording, at its own rate. Writes
`items.jsonl`, a row a segment and method, and `results.md`, means with 95 % bootstrap intervals by recording.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from tqdm.auto import tqdm

import aidd
from aidd.audio_io import find_audio_files
from aidd.evaluation.bootstrap import bootstrap_interval
from aidd.evaluation.metrics import log_spectral_distance, snr_in_gap
from aidd.evaluation.segments import SEGMENT_SECONDS, read_segments


METRICS = {"lsd": "LSD", "lsd_gap": "LSD in gap", "snr": "SNR in gap (dB)"}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of intact recordings.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the rows and the table are written.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[100.0, 300.0], help="Gap lengths, in ms.")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["masked", "linear", "aidd", "codec"],
        choices=["masked", *aidd.METHODS, "codec"],
    )
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--segments_per_recording", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)

    def restore(method: str, segment: np.ndarray, mask: np.ndarray, rate: int) -> np.ndarray:
        damaged = np.where(mask, 0.0, segment)
        if method == "masked":
            return damaged
        if method == "codec":
            return pipe.reconstruct(segment, mask, sampling_rate=rate)
        generator = torch.Generator().manual_seed(args.seed)
        if method == "aidd":
            return pipe(damaged, mask, sampling_rate=rate, generator=generator).audios
        return aidd.METHODS[method](damaged, mask, sampling_rate=rate, generator=generator)

    rows = []
    for path in tqdm(find_audio_files(args.data_dir), unit="recording"):
        if sf.info(path).duration < SEGMENT_SECONDS:
            tqdm.write(f"{path} is left out: shorter than {SEGMENT_SECONDS} s")
            continue
        for start, segment, rate in read_segments(path, args.segments_per_recording):
            for gap_ms in args.gap_ms:
                gap = round(gap_ms / 1000 * rate)
                first = (len(segment) - gap) // 2
                mask = np.zeros(len(segment), bool)
                mask[first : first + gap] = True
                for method in args.methods:
                    restored = restore(method, segment, mask, rate)
                    metrics = {
                        "lsd": log_spectral_distance(segment, restored),
                        "lsd_gap": log_spectral_distance(segment, restored, mask=mask),
                        "snr": snr_in_gap(segment, restored, mask),
                    }
                    item = {"recording": path.name, "start": start, "rate": rate, "gap_ms": gap_ms, "method": method}
                    rows.append({**item, "seed": args.seed, **metrics})

    if not rows:
        raise SystemExit(f"{args.data_dir} holds no recording of {SEGMENT_SECONDS} s that is not silent")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    (args.output_dir / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (args.output_dir / "results.md").write_text(table(rows))


def table(rows: list[dict]) -> str:
    """Markdown: a line a gap length and method."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["gap_ms"], row["method"]].append(row)
    lines = [f"| gap (ms) | method | n | {' | '.join(METRICS.values())} |", "| --- " * (3 + len(METRICS)) + "|"]
    for (gap_ms, method), items in grouped.items():
        cells = []
        for metric in METRICS:
            values = [item[metric] for item in items]
            low, high = bootstrap_interval(values, [item["recording"] for item in items])
            cells.append(f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]")
        lines.append(f"| {gap_ms:g} | {method} | {len(items)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
