"""
Study what a recording itself knows of its gaps: partials carried through them, and what is alike elsewhere in it,
against shaped noise and extrapolation. Behind docs/what_the_recording_knows.md.

    python examples/studies/study_recording.py --data_dir recordings --output_file outputs/recording.md
    python examples/studies/study_recording.py --data_dir recordings --methods similarity lines \
        --output_file outputs/similarity.md

One centred gap in segments of 4.17 s, evenly spread over each recording. `similarity` is given the whole recording,
all others the segment, beyond which they read nothing. A method that refuses a gap has no figures there: the table
says how many it filled, and has each method's figures on those gaps that all of its methods have filled. With
`similarity`, it has them also by how alike what was put into the gap is to the gap's surroundings. What was filled is
kept beside the table, in a file of rows, and a study that was stopped goes on from there.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from kept_rows import kept_rows
from measures import METRICS, NOTES, measure
from segments import segments_in
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.classical.source_search import Source
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
    parser.add_argument(
        "--likeness", type=float, nargs="+", default=[0.7], help="Where to part what `similarity` fills."
    )
    parser.add_argument("--notes", action="store_true", help="Measure the notes that sound, which takes longest.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def restore(
    name: str, path: Path, start: int, segment: np.ndarray, mask: np.ndarray, rate: int, seed: int
) -> tuple[np.ndarray | None, float | None]:
    """
    The segment with its gap filled, float64 `(samples,)`, or None where the method refuses, and the likeness of what
    `similarity` has put into it.
    """
    generator = torch.Generator().manual_seed(seed)
    audio, here, sources, options = segment, slice(None), list[Source](), {}
    if name == "similarity":
        audio, here = read_excerpt(path, 0, recording_length(path)[0]), slice(start, start + len(segment))
        options["observe"] = sources.append
    missing = np.zeros(len(audio), bool)
    missing[here] = mask
    damaged = np.where(missing, np.nan, audio)
    try:
        filled = aidd.METHODS[name](damaged, missing, sampling_rate=rate, generator=generator, **options)
    except ValueError:
        return None, None
    return filled[here], sources[0].likeness if sources else None


def rows_of(args: argparse.Namespace, done: set[tuple]) -> Iterator[dict]:
    """Fills what is not done yet: a row for each gap, with the measures of each method, or None where it refuses."""
    for path, start, segment, rate in segments_in(args.data_dir, args.segments_per_recording):
        for gap_ms in args.gap_ms:
            if (path.name, start, gap_ms) in done:
                continue
            mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
            measured, likeness = {}, None
            for name in args.methods:
                filled, of_source = restore(name, path, start, segment, mask, rate, args.seed)
                measured[name] = None if filled is None else measure(segment, filled, mask, rate, notes=args.notes)
                likeness = likeness if of_source is None else of_source
            yield {
                "recording": path.name,
                "start": start,
                "gap_ms": gap_ms,
                "likeness": likeness,
                "measures": measured,
            }


def groups_of(rows: list[dict], args: argparse.Namespace) -> dict[str, list[dict]]:
    """Gaps that all methods have filled, by names; those that `similarity` has refused, or filled, by likeness."""
    groups = {"filled by all": [row for row in rows if all(row["measures"].values())]}
    if "similarity" in args.methods:
        for bound in args.likeness:
            alike = [row for row in rows if row["likeness"] is not None and row["likeness"] >= bound]
            groups[f"likeness from {bound:g} on"] = alike
            groups[f"likeness below {bound:g}, or refused"] = [row for row in rows if row not in alike]
    return groups


def table(rows: list[dict], args: argparse.Namespace) -> list[str]:
    """A line for each length, group of gaps and method that has filled all of the group."""
    columns = METRICS | (NOTES if args.notes else {})
    lines = [
        f"| gap (ms) | gaps | method | filled | n | {' | '.join(columns.values())} |",
        f"| {' | '.join(['---'] * (5 + len(columns)))} |",
    ]
    for gap_ms in args.gap_ms:
        here = [row for row in rows if row["gap_ms"] == gap_ms]
        for group, some in groups_of(here, args).items():
            recordings = [row["recording"] for row in some]
            for name in args.methods:
                filled = [row["measures"][name] for row in some if row["measures"][name]]
                if not filled or len(filled) < len(some):
                    continue
                cells = [mean_and_interval([one[column] for one in filled], recordings) for column in columns]
                count = sum(row["measures"][name] is not None for row in here)
                lines.append(f"| {gap_ms:g} | {group} | {name} | {count} | {len(some)} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    args = parse_args()
    rows = kept_rows(args.output_file, ("recording", "start", "gap_ms"), lambda done: rows_of(args, done))
    write_page(args.output_file, [*head_of(args), *table(rows, args)])


if __name__ == "__main__":
    main()
