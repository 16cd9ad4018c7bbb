"""
Study how tokens are drawn, which draw is taken and how it is put into a gap: temperature, top-p, reach, fine
structure, expected levels, steady partials, and the choice among several draws.

    python examples/studies/study_sampling.py --data_dir recordings --output_dir outputs/sampling_study

One centred gap in segments of 4.17 s, evenly spread over each recording, filled `--num_draws` times with every
setting; a setting's figure is the mean over its draws. Of the draws of one setting, those are looked at besides that
would be chosen: by how well they continue the gap's edges, by agreement among themselves (minimum Bayes risk), by the
model's likelihood, and, with knowledge of the answer, the best and the worst. `envelope_noise` is shaped noise,
`codec` the round trip of the intact audio.

Rows are written as they are made, and a run that was stopped goes on where it stood. Choose on recordings that the
model was trained on, or on others, but never on those that results are reported on.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from measures import METRICS, NOTES, measure
from segments import segments_in
from tables import head_of, write_page

import aidd
from aidd.evaluation.methods.evaluated_methods import methods_of_aidd
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.evaluation.reports.bootstrap import bootstrap_interval
from aidd.evaluation.runs.journal import Journal
from aidd.splice.continuation import continuation
from aidd.splice.ranking import agreement_risk, edge_distance
from aidd.splice.surroundings import surroundings_of


DIGITS = {"notes": 3, "lsd": 4, "lsd_gap": 3, "chroma": 3, "onsets": 3}
REFERENCE = "default"
# Settings of the pipeline and of the scheduler that a row does not name: those of the default model.
BASE = {
    "temperature": 0.5,
    "top_p": 1.0,
    "reach_seconds": 0.08,
    "fine_structure": 1.0,
    "edge_lines": 1.0,
    "expected_levels": 0.5,
    "steady_partials": 1.0,
}
SETTINGS: dict[str, dict[str, float]] = {
    REFERENCE: {},
    "temperature 1": {"temperature": 1.0},
    "temperature 0.7": {"temperature": 0.7},
    "temperature 0.3": {"temperature": 0.3},
    "top-p 0.8": {"top_p": 0.8},
    "reach 40 ms": {"reach_seconds": 0.04},
    "reach 160 ms": {"reach_seconds": 0.16},
    "fine structure 0.5": {"fine_structure": 0.5},
    "fine structure 0.75": {"fine_structure": 0.75},
    "edge lines 0": {"edge_lines": 0.0},
    "edge lines 0.5": {"edge_lines": 0.5},
    "edge lines 0.7": {"edge_lines": 0.7},
    "expected levels 0": {"expected_levels": 0.0},
    "expected levels 0.25": {"expected_levels": 0.25},
    "expected levels 0.75": {"expected_levels": 0.75},
    "expected levels 1": {"expected_levels": 1.0},
    "steady partials 0": {"steady_partials": 0.0},
}
CHOSEN = (REFERENCE, "temperature 1")
SCHEDULER_SETTINGS = ("temperature", "top_p")


class RecordingScheduler(aidd.MaskedDiscreteScheduler):
    """First hitting that adds up the log-probability of what it draws: `log_likelihood`, `(rows,)`."""

    log_likelihood: torch.Tensor | float = 0.0

    def step(self, model_output: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        output = super().step(model_output, *args, **kwargs)
        drawn = output.sampled_tokens.clamp(min=0)[..., None]
        log_probs = model_output.gather(-1, drawn)[..., 0]
        self.log_likelihood = self.log_likelihood + torch.where(output.sampled_tokens >= 0, log_probs, 0).sum(-1)
        return output


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, required=True, nargs="+", help="Folders of intact recordings.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where rows and the table are written.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[200.0, 375.0, 750.0])
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--num_draws", type=int, default=4)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS), metavar="SETTING")
    parser.add_argument(
        "--notes", action="store_true", help="Measure the agreement of notes too, as `aidd evaluate --notes` does."
    )
    parser.add_argument("--process", type=int, nargs=2, default=[0, 1], metavar=("INDEX", "NUMBER"))
    return parser.parse_args()


def draws(
    pipe: aidd.AIDDPipeline, setting: dict[str, float], damaged: np.ndarray, mask: np.ndarray, rate: int, seeds: range
) -> tuple[np.ndarray, np.ndarray]:
    """Restored audio of every draw `(draws, samples)`, and the log-likelihood of its tokens `(draws,)`."""
    setting = BASE | setting
    pipe.scheduler = RecordingScheduler(**{name: setting.pop(name) for name in SCHEDULER_SETTINGS})
    # Every draw counts by itself.
    pipe.register_to_config(**setting, num_candidates=1)
    restored = pipe(
        damaged,
        mask,
        sampling_rate=rate,
        num_variations=len(seeds),
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
    ).audios
    return restored, np.asarray(pipe.scheduler.log_likelihood)


def choices(
    restored: np.ndarray, likelihood: np.ndarray, damaged: np.ndarray, mask: np.ndarray, rate: int
) -> dict[str, int]:
    """Which draw each rule takes."""
    gap = (int(mask.argmax()), int(mask.argmax() + mask.sum()))
    estimate, weight = continuation(
        surroundings_of(damaged, mask, gap), sampling_rate=rate, reach_seconds=BASE["reach_seconds"]
    )
    fillings = restored[:, slice(*gap)]
    by_edges = [edge_distance(filling, estimate, weight, sampling_rate=rate) for filling in fillings]
    return {
        "edges": int(np.argmin(by_edges)),
        "agreement": int(np.argmin(agreement_risk(fillings, sampling_rate=rate))),
        "likelihood": int(np.argmax(likelihood)),
    }


def rows_of(pipe: aidd.AIDDPipeline, args: argparse.Namespace, done: set) -> Iterator[list[dict[str, Any]]]:
    """All rows of one setting on one item at a time."""
    codec = methods_of_aidd(pipe)["codec"]
    for path, start, segment, rate in segments_in(args.data_dir, args.segments_per_recording, tuple(args.process)):
        for gap_ms in args.gap_ms:
            mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
            damaged = np.where(mask, np.nan, segment)
            described = {"recording": path.stem, "start": start, "gap_ms": gap_ms}
            seeds = range(start, start + args.num_draws)
            for setting in ("envelope_noise", "codec", *args.settings):
                if (path.stem, start, gap_ms, setting) in done:
                    continue
                likelihood = np.zeros(1)
                if setting == "codec":
                    # Not with what the last setting left.
                    pipe.register_to_config(**{name: BASE[name] for name in BASE if name not in SCHEDULER_SETTINGS})
                    generator = torch.Generator().manual_seed(start)
                    restored = codec(segment, mask, sampling_rate=rate, generator=generator)[None]
                elif setting == "envelope_noise":
                    options = {"sampling_rate": rate, "generator": torch.Generator().manual_seed(start)}
                    restored = aidd.METHODS["envelope_noise"](damaged, mask, **options)[None]
                else:
                    restored, likelihood = draws(pipe, SETTINGS[setting], damaged, mask, rate, seeds)
                rows = [
                    described
                    | {"setting": setting, "draw": draw}
                    | measure(segment, audio, mask, rate, notes=args.notes)
                    for draw, audio in enumerate(restored)
                ]
                if setting in CHOSEN:
                    for rule, draw in choices(restored, likelihood, damaged, mask, rate).items():
                        rows.append(rows[draw] | {"setting": f"{setting}, by {rule}"})
                yield rows


def table(rows: pd.DataFrame) -> list[str]:
    """Means over items, and the difference in log-mel distance to the reference with its 95 % interval."""
    metrics = {name: title for name, title in (METRICS | NOTES).items() if name in rows}
    known = rows[rows["setting"].isin(CHOSEN)]
    drawn = known.groupby(["recording", "start", "gap_ms", "setting"])["log_mel"]
    for which, places in {"best": drawn.idxmin(), "worst": drawn.idxmax()}.items():
        extreme = known.loc[places]
        rows = pd.concat([rows, extreme.assign(setting=extreme["setting"] + f", the {which}, knowing the answer")])
    items = rows.groupby(["gap_ms", "setting", "recording", "start"], sort=False)[list(metrics)].mean()
    lines = [
        f"| gap (ms) | setting | n | {' | '.join(metrics.values())} | log-mel less that of {REFERENCE} |",
        "| --- " * (len(metrics) + 4) + "|",
    ]
    for gap_ms, of_gap in items.groupby(level="gap_ms"):
        of_gap = of_gap.droplevel("gap_ms")
        reference = of_gap.loc[REFERENCE]
        for setting in of_gap.index.get_level_values("setting").unique():
            values = of_gap.loc[setting]
            common = values.index.intersection(reference.index)
            difference = values.loc[common, "log_mel"] - reference.loc[common, "log_mel"]
            low, high = bootstrap_interval(difference.to_list(), [recording for recording, _ in common])
            means = values.mean()
            shown = [f"{means[name]:.{DIGITS.get(name, 2)}f}" for name in metrics]
            lines.append(
                f"| {gap_ms:g} | {setting} | {len(values)} | {' | '.join(shown)} | {difference.mean():+.2f} "
                f"[{low:+.2f}, {high:+.2f}] |"
            )
    return lines


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    journal = Journal(args.output_dir, "rows", args.process[0])
    with journal.writing():
        done = {(row["recording"], row["start"], row["gap_ms"], row["setting"]) for row in journal.read()}
        for rows in rows_of(pipe, args, done):
            journal.append(rows)
    write_page(args.output_dir / "table.md", [*head_of(args), *table(pd.DataFrame(journal.read()))])


if __name__ == "__main__":
    main()
