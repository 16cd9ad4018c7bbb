"""
Study of the method that `best` takes: every candidate fills a gap, trials in the intact music near it choose one of
them, and the choice is compared with each candidate taken every time. Behind the weight of the chroma in the score of
a trial, `aidd.repair.pseudo_gaps.CHROMA_WEIGHT_DB`.

    python examples/studies/study_best.py --data_dir recordings --output_file outputs/best_study.md

One gap in the middle of segments of 4.17 s, evenly spread over each recording; the whole recording around it is
intact, and trials are made in it. Choose weights on recordings that are kept for training, report on others. What was
filled is kept beside the table, in a file of rows, and a study that was stopped goes on from there. With fewer
candidates than before, it makes the table of these from the same rows.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from kept_rows import kept_rows
from segments import read_segments, recordings_in
from tables import head_of, mean_and_interval, write_page

from aidd.classical import similarity
from aidd.classical.source_search import Source
from aidd.evaluation.metrics import chroma_agreement, log_mel_distance
from aidd.repair.alike import LEAST_LIKENESS, LEAST_SECONDS, tried
from aidd.repair.best import candidates_of
from aidd.repair.methods import DEFAULT_CANDIDATES, SIMILARITY
from aidd.repair.pseudo_gaps import CHROMA_WEIGHT_DB
from aidd.repair.trials import try_candidates
from aidd.signals.files import read_audio


# Music on each side of a gap that is given to the candidates, at least.
CONTEXT_SECONDS = 4.0
MEASURES = {"log-mel (dB)": "log_mel_db", "chroma": "chroma"}


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--candidates", nargs="+", default=list(DEFAULT_CANDIDATES), help="Methods to try.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[50.0, 100.0, 200.0, 375.0, 750.0])
    parser.add_argument(
        "--chroma_weight_db",
        type=float,
        nargs="+",
        default=[CHROMA_WEIGHT_DB],
        help="Weights of the score to choose by, a line of the table each.",
    )
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="Every how many recordings one is taken.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    return parser.parse_args(args)


def rows_of(path: Path, args: argparse.Namespace, done: set[tuple]) -> Iterator[dict]:
    """Fills what is not done yet of a recording: a row for each gap."""
    recording = read_audio(path)
    audio, rate = recording.samples.mean(0, keepdims=True), recording.sampling_rate
    candidates = candidates_of(args.candidates, sampling_rate=rate)
    for start, segment, _ in read_segments(path, args.segments_per_recording):
        for gap_ms in args.gap_ms:
            if (path.name, start, gap_ms) in done:
                continue
            length = round(gap_ms / 1000 * rate)
            first = start + (len(segment) - length) // 2
            gap = np.array([[first, first + length]], np.int64)
            (trial,) = try_candidates(
                gap,
                gap,
                lambda first, last: audio[:, first:last],
                candidates,
                default=lambda _: args.candidates[0],
                num_samples=audio.shape[-1],
                sampling_rate=rate,
                seconds=np.inf,
                seed=args.seed,
            )
            sources: list[Source] = []
            measured = {
                name: filled_by(name, candidates, audio, gap[0], rate, args.seed, sources) for name in args.candidates
            }
            filled = {"trial": asdict(trial), "real": measured, "likeness": sources[0].likeness if sources else None}
            yield {"recording": path.name, "start": start, "gap_ms": gap_ms, **filled}


def filled_by(
    name: str, candidates: dict, audio: np.ndarray, gap: np.ndarray, rate: int, seed: int, sources: list[Source]
) -> dict[str, float] | None:
    """Both measures of a candidate's filling of a gap, or None where it refuses. `similarity` adds its source."""
    context = min(max(round(CONTEXT_SECONDS * rate), candidates[name].reach.samples), audio.shape[-1])
    first, last = max(gap[0] - context, 0), min(gap[1] + context, audio.shape[-1])
    music, mask = audio[:, first:last], np.zeros(last - first, bool)
    mask[gap[0] - first : gap[1] - first] = True
    generator = torch.Generator().manual_seed(seed)
    fill = partial(similarity, observe=sources.append) if name == "similarity" else candidates[name].fill
    try:
        filled = fill(np.where(mask, np.nan, music), mask, sampling_rate=rate, generator=generator)
    except ValueError:
        return None
    return {
        "log_mel_db": log_mel_distance(music, filled, mask=mask, sampling_rate=rate),
        "chroma": chroma_agreement(music, filled, mask, sampling_rate=rate),
    }


def chosen(row: dict, weight: float, names: Sequence[str]) -> str:
    """The candidate that a trial chooses among some with another weight, and that does not refuse the gap itself."""
    able = {name: score for name, score in row["trial"]["scores"].items() if name in names and row["real"][name]}
    scores = {
        name: np.mean(score["log_mel_db"]) + weight * (1 - np.mean(score["chroma"]))
        for name, score in able.items()
        if score["refusal"] is None and score["log_mel_db"]
    }
    return min(scores, key=scores.__getitem__) if scores else next(iter(able))


def taken_by_best(row: dict, weight: float, names: Sequence[str]) -> str:
    """What `best` takes with these candidates: what comes again in the recording, or what a trial chooses."""
    is_alike = SIMILARITY in names and (row["likeness"] or 0) >= LEAST_LIKENESS
    if is_alike and row["gap_ms"] >= 1000 * LEAST_SECONDS:
        return SIMILARITY
    return chosen(row, weight, tried(names))


def table(rows: list[dict], args: argparse.Namespace) -> list[str]:
    """Every candidate, `best` by each weight, and the candidate that is nearest to what was cut, a line each a gap."""
    lines = [
        f"| gap (ms) | method | n | {' | '.join(MEASURES)} | taken by `best` |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    first = args.chroma_weight_db[0]
    for gap_ms in args.gap_ms:
        here = [row for row in rows if row["gap_ms"] == gap_ms]
        recordings = [row["recording"] for row in here]
        taken = [taken_by_best(row, first, args.candidates) for row in here]
        fillings = {name: [row["real"][name] for row in here] for name in args.candidates}
        for weight in args.chroma_weight_db:
            fillings[f"best, {weight:g} dB"] = [
                row["real"][taken_by_best(row, weight, args.candidates)] for row in here
            ]
        if SIMILARITY in args.candidates:
            fillings["all by trials"] = [row["real"][chosen(row, first, args.candidates)] for row in here]
            fillings["trials, no similarity"] = [
                row["real"][chosen(row, first, tried(args.candidates))] for row in here
            ]
        fillings["the nearest of all"] = [
            min(
                (row["real"][name] for name in args.candidates if row["real"][name]),
                key=lambda one: one["log_mel_db"] - first * one["chroma"],
            )
            for row in here
        ]
        for name, values in fillings.items():
            filled = [(one, recording) for one, recording in zip(values, recordings, strict=True) if one]
            if not filled:
                continue
            measured, places = zip(*filled, strict=True)
            cells = [mean_and_interval([one[key] for one in measured], places) for key in MEASURES.values()]
            count = taken.count(name) if name in args.candidates else ""
            lines.append(f"| {gap_ms:g} | {name} | {len(measured)} | {' | '.join(cells)} | {count} |")
    return lines


def main() -> None:
    args = parse_args()
    paths = recordings_in(args.data_dir, (0, args.every))
    rows = kept_rows(
        args.output_file,
        ("recording", "start", "gap_ms"),
        lambda done: (row for path in paths for row in rows_of(path, args, done)),
    )
    write_page(args.output_file, [*head_of(args), *table(rows, args)])


if __name__ == "__main__":
    main()
