"""
Measure inpainting methods on folders of intact recordings: one centred gap in segments of 4.17 s.

    python examples/evaluate.py --data_dir recordings --output_dir outputs/evaluation

Methods: `masked` (silence), those of `aidd.METHODS`, `aidd_paper` (the same model with the published stitching, which
overwrites 10 ms of intact audio on both sides of a gap), and `codec`, the round trip of the intact audio through the
pipeline's codec: the ceiling of `aidd`. Segments lie evenly spread over each recording, at its own rate.

Writes a row a segment, gap length and method to `items.jsonl`, each as soon as it is measured, so that a run that was
stopped goes on where it stood when it is started again; `results.md`, the means of all rows that are there, with 95 %
bootstrap intervals by recording; and `summary.md`, means of LSD and SNR alone. A level error in `items.jsonl` has a
sign, and its mean is that of the absolute value. Values that are not finite are written as "inf" and "-inf", and
counted beside the mean of the others.
"""

import argparse
import hashlib
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
from aidd.evaluation.evaluated_methods import EVALUATED_METHODS, evaluated_methods
from aidd.evaluation.metrics import level_error, log_spectral_distance, seam_discontinuity, snr_in_gap
from aidd.evaluation.segments import SEGMENT_SECONDS, centred_gap, read_segments


METRICS = {
    "lsd": "LSD",
    "lsd_gap": "LSD in gap",
    "snr": "SNR in gap (dB)",
    "level_error": "absolute level error (dB)",
    "seam_discontinuity": "seam discontinuity (dB)",
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the rows and the table are written.")
    parser.add_argument(
        "--gap_ms",
        type=float,
        nargs="+",
        default=[20.0, 50.0, 100.0, 150.0, 200.0, 300.0, 375.0, 750.0],
        help="Gap lengths, in ms.",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[
            *("masked", "linear", "autoregressive", "janssen", "sparse", "envelope_noise"),
            *("aidd_paper", "aidd", "codec"),
        ],
        choices=EVALUATED_METHODS,
    )
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--segments_per_recording", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    recordings = find_recordings(args.data_dir)
    # Without the folder that a model of this machine lies in.
    model = Path(args.model).name
    items_file = args.output_dir / "items.jsonl"
    rows = read_rows(items_file)
    if any(row["seed"] != args.seed or row["model"] != model for row in rows):
        raise SystemExit(f"{items_file} holds rows of another --seed or --model: choose another --output_dir")
    done = {tuple(row[name] for name in ("recording", "start", "gap_ms", "method")) for row in rows}

    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    methods = evaluated_methods(pipe)
    for name, path in tqdm(recordings.items(), unit="recording"):
        if sf.info(path).duration < SEGMENT_SECONDS:
            tqdm.write(f"{path} is left out: shorter than {SEGMENT_SECONDS} s")
            continue
        for start, segment, rate in read_segments(path, args.segments_per_recording):
            for gap_ms in args.gap_ms:
                mask = centred_gap(len(segment), gap_ms, rate)
                if not segment[mask].any():
                    tqdm.write(f"{path}, {gap_ms:g} ms in the segment at {start} is left out: silent in the gap")
                    continue
                for method in args.methods:
                    if (name, start, gap_ms, method) in done:
                        continue
                    # Keyed by the item: a run that goes on draws as one that was never stopped.
                    key = f"{args.seed} {name} {start} {gap_ms:g}".encode()
                    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(key).digest()[:6], "big"))
                    audio = segment if method == "codec" else np.where(mask, np.nan, segment)
                    restored = methods[method](audio, mask, sampling_rate=rate, generator=generator)
                    item = {"recording": name, "start": start, "rate": rate, "gap_ms": gap_ms, "method": method}
                    item |= {"seed": args.seed, "model": model, **measure(segment, restored, mask, rate)}
                    rows.append(item)
                    append_row(items_file, item)

    if not rows:
        folders = ", ".join(map(str, args.data_dir))
        raise SystemExit(f"{folders} holds no recording of {SEGMENT_SECONDS} s that is not silent")
    (args.output_dir / "results.md").write_text(tables(rows, METRICS, with_intervals=True))
    summary = {metric: METRICS[metric] for metric in ("lsd", "snr")}
    (args.output_dir / "summary.md").write_text(tables(rows, summary, with_intervals=False))


def find_recordings(folders: list[Path]) -> dict[str, Path]:
    """Audio files by names that say which folder they are from, but not where that folder lies."""
    if len({folder.resolve().name for folder in folders}) < len(folders):
        raise SystemExit(f"folders must differ in name, got {', '.join(map(str, folders))}")
    return {
        f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}": path
        for folder in folders
        for path in find_audio_files(folder)
    }


def measure(segment: np.ndarray, restored: np.ndarray, mask: np.ndarray, sampling_rate: int) -> dict:
    values = {
        "snr": snr_in_gap(segment, restored, mask),
        "lsd": log_spectral_distance(segment, restored),
        "lsd_gap": log_spectral_distance(segment, restored, mask=mask),
        "level_error": level_error(segment, restored, mask),
        "seam_discontinuity": seam_discontinuity(segment, restored, mask, sampling_rate=sampling_rate),
    }
    # JSON has no infinity.
    return {name: str(value) if np.isinf(value) else value for name, value in values.items()}


def read_rows(path: Path) -> list[dict]:
    """Rows of an earlier run. Half a line at the end, which a run that was killed left, is taken off the file."""
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]


def append_row(path: Path, row: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row, allow_nan=False) + "\n")


def tables(rows: list[dict], metrics: dict[str, str], with_intervals: bool) -> str:
    """Markdown: a table a metric, with a line a method and a column a gap length."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["method"], row["gap_ms"]].append(row)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    gaps = sorted({row["gap_ms"] for row in rows})
    lines = []
    for metric, title in metrics.items():
        lines += [f"| {title} | {' | '.join(f'{gap:g} ms' for gap in gaps)} |", "| --- " * (1 + len(gaps)) + "|"]
        for method in methods:
            cells = [cell(grouped[method, gap], metric, with_intervals) for gap in gaps]
            lines.append(f"| {method} | {' | '.join(cells)} |")
        lines.append("")
    counts = [max(len(grouped[method, gap]) for method in methods) for gap in gaps]
    recordings = len({row["recording"] for row in rows})
    number = ", ".join(map(str, counts)) if len(set(counts)) > 1 else str(counts[0])
    lines.append(f"n = {number} gaps a length, of {recordings} recording{'s' * (recordings > 1)}.")
    return "\n".join(lines) + "\n"


def cell(items: list[dict], metric: str, with_interval: bool) -> str:
    """The mean of a metric over items."""
    if not items:
        return ""
    values = np.array([float(item[metric]) for item in items])
    values = np.abs(values) if metric == "level_error" else values
    digits = 3 if metric.startswith("lsd") else 1
    return mean_cell(values, [item["recording"] for item in items], digits, with_interval)


def mean_cell(values: np.ndarray, recordings: list[str], digits: int, with_interval: bool) -> str:
    """Mean and interval of the finite values, and how many others there are."""
    others = [f"{np.count_nonzero(values == value)} of {value:g}" for value in (-np.inf, np.inf) if value in values]
    finite = np.isfinite(values)
    if not finite.any():
        return ", ".join(others)
    mean = f"{values[finite].mean():.{digits}f}"
    if with_interval:
        kept = [name for name, is_finite in zip(recordings, finite, strict=True) if is_finite]
        low, high = bootstrap_interval(values[finite], kept)
        mean += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return ", ".join([mean, *others])


if __name__ == "__main__":
    main()
