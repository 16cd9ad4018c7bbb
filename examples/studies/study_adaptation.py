"""
Study of adaptation: how well the token model predicts held-out gaps of a recording before and after it has learned the
rest of the recording, and what that does to its fillings.

    python examples/studies/study_adaptation.py --data_dir recordings --output_file outputs/adaptation_study.md

Gaps are evenly spread over each recording, all of them missing at once; the whole rest is learned. Cross-entropy is
that of the codes that the gaps have in the intact recording, given the codes around them. An adaptation ends early
where pieces of the rest that are held out get no better, and what was best for them is kept. What was measured is kept
beside the table, in a file of rows, and a study that was stopped goes on from there.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from kept_rows import kept_rows
from segments import recordings_in
from tables import head_of, mean_and_interval, write_page

from aidd import DEFAULT_MODEL, AIDDPipeline
from aidd.evaluation.metrics import chroma_agreement, log_mel_distance, note_pitch_agreement
from aidd.evaluation.protocols.selection import evenly_spread_starts
from aidd.masks.gaps import find_gaps
from aidd.pipelines.adaptation import missing_cross_entropy
from aidd.signals.files import read_audio


MEASURES = {
    "cross-entropy (nats)": "cross_entropy",
    "log-mel (dB)": "log_mel_db",
    "chroma": "chroma",
}
# Measured with --notes.
NOTES = {"notes that sound": "notes"}


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="Folder or Hub id of an AIDD pipeline.")
    parser.add_argument("--seconds", type=float, nargs="*", default=[30.0, 120.0], help="How long to learn.")
    parser.add_argument(
        "--steps", type=int, nargs="*", default=[], help="How many steps to learn, without a bound of time."
    )
    parser.add_argument("--gap_ms", type=float, default=375.0)
    parser.add_argument("--gaps_per_recording", type=int, default=12)
    parser.add_argument("--every", type=int, default=1, help="Every how many recordings one is taken.")
    parser.add_argument("--notes", action="store_true", help="Measure the notes that sound, too.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    return parser.parse_args(args)


def rows_of(path: Path, pipe: AIDDPipeline, args: argparse.Namespace, done: set[tuple]) -> Iterator[dict]:
    """Measures what is not done yet of a recording: a row for each bound and gap."""
    recording = read_audio(path)
    audio, rate = recording.samples.mean(0), recording.sampling_rate
    length = round(args.gap_ms / 1000 * rate)
    mask = np.zeros(len(audio), bool)
    for start in evenly_spread_starts(len(audio), length, args.gaps_per_recording):
        mask[start : start + length] = True
    bounds = [{"max_seconds": 0.0, "max_steps": 0}]
    bounds += [{"max_seconds": seconds, "max_steps": None} for seconds in args.seconds]
    bounds += [{"max_seconds": np.inf, "max_steps": steps} for steps in args.steps]
    for bound in bounds:
        label = label_of(bound)
        if (path.name, label) in done:
            continue
        adaptation = pipe.adapt(np.where(mask, np.nan, audio), mask, sampling_rate=rate, seed=args.seed, **bound)
        measured = measure(pipe, audio, mask, rate, args.seed, notes=args.notes)
        pipe.drop_adapter()
        yield {"recording": path.name, "learned": label, "adaptation": adaptation.to_dict(), **measured}


def label_of(bound: dict) -> str:
    """What a row calls how long was learned."""
    if bound["max_steps"] == 0:
        return "nothing"
    return f"{bound['max_steps']} steps" if bound["max_steps"] else f"{bound['max_seconds']:g} s"


def measure(
    pipe: AIDDPipeline, audio: np.ndarray, mask: np.ndarray, rate: int, seed: int, *, notes: bool
) -> dict[str, list[float]]:
    """All measures of every gap of a recording, float64 and bool `(samples,)`."""
    plan = pipe.plan(mask, rate)
    with torch.no_grad():
        tokens, _ = pipe.encode_windows(audio, plan.windows, rate)
        missing = torch.from_numpy(np.stack([plan.missing_hops[one.start : one.end] for one in plan.windows]))
        nats = [
            float(missing_cross_entropy(pipe.transformer, *(one[None] for one in pair)))
            for pair in zip(tokens, missing.to(tokens.device), strict=True)
        ]
    filled = pipe(
        np.where(mask, np.nan, audio), mask, sampling_rate=rate, generator=torch.Generator().manual_seed(seed)
    ).audios
    distances, agreements, notes_that_sound = [], [], []
    for start, stop in find_gaps(mask).tolist():
        here = slice(max(start - rate, 0), stop + rate)
        signals, one = (audio[here], filled[here]), np.zeros(len(audio), bool)
        one[start:stop] = True
        distances.append(log_mel_distance(*signals, mask=one[here], sampling_rate=rate))
        agreements.append(chroma_agreement(*signals, one[here], sampling_rate=rate))
        if notes:
            notes_that_sound.append(note_pitch_agreement(*signals, one[here], sampling_rate=rate))
    measured = {"cross_entropy": nats, "log_mel_db": distances, "chroma": agreements}
    return measured | ({"notes": notes_that_sound} if notes else {})


def table(rows: list[dict], measures: dict[str, str]) -> list[str]:
    """A line for each bound: the measures, and their differences from those of the model as it is."""
    columns = [*measures, *(f"change of {name}" for name in measures)]
    lines = [
        f"| learned | gaps | {' | '.join(columns)} | steps kept / made |",
        f"| {' | '.join(['---'] * (len(columns) + 3))} |",
    ]
    before = {row["recording"]: row for row in rows if row["learned"] == "nothing"}
    for learned in dict.fromkeys(row["learned"] for row in rows):
        here = [row for row in rows if row["learned"] == learned and row["recording"] in before]
        cells = []
        for compared in (False, True):
            for key in measures.values():
                values = [
                    value - compared * former
                    for row in here
                    for value, former in zip(row[key], before[row["recording"]][key], strict=True)
                ]
                recordings = [row["recording"] for row in here for _ in row[key]]
                cells.append("" if compared and learned == "nothing" else mean_and_interval(values, recordings))
        steps = ["/".join(str(row["adaptation"][key]) for key in ("kept_steps", "steps")) for row in here]
        lines.append(f"| {learned} | {len(recordings)} | {' | '.join(cells)} | {', '.join(steps)} |")
    return lines


def main() -> None:
    args = parse_args()
    pipe = AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    paths = recordings_in(args.data_dir, (0, args.every))
    rows = kept_rows(
        args.output_file,
        ("recording", "learned"),
        lambda done: (row for path in paths for row in rows_of(path, pipe, args, done)),
    )
    write_page(args.output_file, [*head_of(args), *table(rows, MEASURES | (NOTES if args.notes else {}))])


if __name__ == "__main__":
    main()
