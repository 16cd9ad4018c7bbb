"""
Study what a recording itself knows of its gaps: partials carried through them, and what is alike elsewhere in it,
against shaped noise and extrapolation. Behind docs/what_the_recording_knows.md.

    python examples/studies/study_recording.py --data_dir recordings --output_file outputs/recording.md
    python examples/studies/study_recording.py --data_dir recordings --methods similarity lines \
        --output_file outputs/similarity.md

One centred gap in segments of 4.17 s, evenly spread over each recording. `similarity` is given the whole recording,
all others the segment, beyond which they read nothing. A method that refuses a gap has no figures there: the table
says how many it filled, and has each method's figures on those gaps that all of its methods have filled.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from measures import METRICS, NOTES, measure
from segments import segments_in
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.signals.recordings import read_excerpt, recording_length


METHODS = ("autoregressive", "envelope_noise", "lines", "sinusoidal")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[50.0, 100.0, 200.0, 300.0, 375.0, 750.0])
    parser.add_argument("--segments_per_recording", type=int, default=2)
    parser.add_argument("--notes", action="store_true", help="Measure the notes that sound, which takes longest.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def restore(name: str, path: Path, start: int, segment: np.ndarray, mask: np.ndarray, rate: int, seed: int):
    """The segment with its gap filled, float64 `(samples,)`, or None where the method refuses."""
    generator = torch.Generator().manual_seed(seed)
    audio, here = segment, slice(None)
    if name == "similarity":
        audio, here = read_excerpt(path, 0, recording_length(path)[0]), slice(start, start + len(segment))
    missing = np.zeros(len(audio), bool)
    missing[here] = mask
    try:
        damaged = np.where(missing, np.nan, audio)
        return aidd.METHODS[name](damaged, missing, sampling_rate=rate, generator=generator)[here]
    except ValueError:
        return None


def main() -> None:
    args = parse_args()
    columns = METRICS | (NOTES if args.notes else {})
    filled: dict[tuple[float, str], int] = {(gap, name): 0 for gap in args.gap_ms for name in args.methods}
    scores: dict[tuple[float, str], list] = {key: [] for key in filled}
    recordings: dict[float, list[str]] = {gap_ms: [] for gap_ms in args.gap_ms}
    for path, start, segment, rate in segments_in(args.data_dir, args.segments_per_recording):
        for gap_ms in args.gap_ms:
            mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
            restored = {name: restore(name, path, start, segment, mask, rate, args.seed) for name in args.methods}
            for name, one in restored.items():
                filled[gap_ms, name] += one is not None
            if any(one is None for one in restored.values()):
                continue
            recordings[gap_ms].append(str(path))
            for name, one in restored.items():
                scores[gap_ms, name].append(measure(segment, one, mask, rate, notes=args.notes))
    lines = [
        *head_of(args),
        f"| gap (ms) | method | filled | n | {' | '.join(columns.values())} |",
        f"| {' | '.join(['---'] * (4 + len(columns)))} |",
    ]
    for (gap_ms, name), values in scores.items():
        cells = [
            mean_and_interval([one[column] for one in values], recordings[gap_ms]) if values else ""
            for column in columns
        ]
        lines.append(f"| {gap_ms:g} | {name} | {filled[gap_ms, name]} | {len(values)} | {' | '.join(cells)} |")
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
