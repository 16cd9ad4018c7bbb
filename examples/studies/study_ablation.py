"""
Compare token models that were trained in different ways: cross-entropy of the tokens of gaps, and log-spectral
distance after decoding.

    for seed in 0 1 2; do
      for recipe in base span derivative span_derivative time_free_gaps; do
        accelerate launch examples/train.py --arguments_path examples/configs/ablation/$recipe.json --seed $seed \
          --train_data_dir outputs/tokens --output_dir outputs/ablation/$recipe-$seed
      done
    done
    python examples/studies/study_ablation.py --runs outputs/ablation/* --validation_data_dir outputs/tokens_held_out \
      --data_dir held_out --output_file outputs/ablation_study.md

Runs of one recipe (the name of their `--arguments_path`) and different seeds are put together. Cross-entropy is in
nats a token, in the middle of windows of the tokens in `--validation_data_dir`; LSD is that of the frames of a centred
gap in segments of 4.17 s of the recordings in `--data_dir`, filled by the pipeline with the token model in question.
Intervals are 95 % bootstrap intervals by recording, and the plus-minus is the standard deviation of the seeds' means.
The second table holds the differences from the first recipe, of the same gaps and seeds.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from datasets import load_from_disk
from segments import segments_in
from tables import mean_and_interval, write_page
from tqdm.auto import tqdm

import aidd
from aidd.evaluation.metrics import log_spectral_distance
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.schedulers import LogLinearSchedule
from aidd.training.losses.validation import gap_cross_entropy


# Seed, recording, and where in it.
Item = tuple[int, str, int]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="Output folders of examples/train.py.")
    parser.add_argument("--validation_data_dir", type=Path, required=True, help="A data set of tokens.")
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown tables to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Pipeline whose codec made the tokens.")
    parser.add_argument("--gap_tokens", type=int, nargs="+", default=[4, 15, 28, 56])
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[50.0, 200.0, 375.0, 750.0])
    parser.add_argument("--windows_per_recording", type=int, default=16)
    parser.add_argument("--segments_per_recording", type=int, default=4)
    return parser.parse_args()


def cross_entropies(
    model: aidd.DiTTokenModel, recordings: dict[str, torch.Tensor], gap: int
) -> dict[tuple[str, int], float]:
    """Mean over the gap of every window, by recording and number of the window."""
    values = {}
    for name, windows in recordings.items():
        for number, nats in enumerate(gap_cross_entropy(model, windows, gap, LogLinearSchedule())):
            values[name, number] = nats[nats.isfinite()].mean().item()
    return values


def held_out_windows(folder: Path, length: int, number: int) -> dict[str, torch.Tensor]:
    """Windows of `length` tokens, `number` of them evenly spread over each recording, by its name."""
    recordings = {}
    for row in load_from_disk(str(folder)):
        codes = torch.tensor(row["audio_codes"])
        if len(codes) >= length:
            starts = np.linspace(0, len(codes) - length, number).astype(int)
            recordings[f"{row['recording']} {row['speed']}"] = torch.stack([codes[s : s + length] for s in starts])
    return recordings


def distances(
    pipe: aidd.AIDDPipeline, folders: list[Path], gap_ms: float, number: int
) -> dict[tuple[str, int], float]:
    """LSD over the frames of the gap, by recording and start of the segment."""
    values = {}
    for path, start, segment, rate in segments_in(folders, number):
        mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
        restored = pipe(segment, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(start)).audios
        values[path.stem, start] = log_spectral_distance(segment, restored, mask=mask)
    return values


def cell(values: dict[Item, float]) -> str:
    """Mean, interval by recording, and the standard deviation of the seeds' means."""
    of_seeds = defaultdict(list)
    for (seed, *_), value in values.items():
        of_seeds[seed].append(value)
    mean = mean_and_interval(list(values.values()), [recording for _, recording, _ in values])
    spread = np.std([np.mean(one) for one in of_seeds.values()], ddof=1) if len(of_seeds) > 1 else float("nan")
    return f"{mean} ± {spread:.3f}"


def table(results: dict[str, dict[str, dict[Item, float]]]) -> list[str]:
    """A line for each recipe, a column for each figure."""
    columns = list(next(iter(results.values())))
    lines = [f"| recipe | {' | '.join(columns)} |", "| --- " * (1 + len(columns)) + "|"]
    for recipe, figures in results.items():
        lines.append(f"| {recipe} | {' | '.join(cell(figures[column]) for column in columns)} |")
    return lines


def main() -> None:
    args = parse_args()
    pipe = aidd.AIDDPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    results: dict[str, dict[str, dict[Item, float]]] = {}
    for folder in tqdm(args.runs, unit="run"):
        arguments = json.loads((folder / "training_arguments.json").read_text())
        recipe, seed = Path(arguments["arguments_path"]).stem, arguments["seed"]
        transformer = aidd.DiTTokenModel.from_pretrained(folder).eval()
        pipe.register_modules(transformer=transformer)
        windows = held_out_windows(
            args.validation_data_dir, transformer.config.max_position_embeddings, args.windows_per_recording
        )
        figures = {f"CE, {gap} tokens": cross_entropies(transformer, windows, gap) for gap in args.gap_tokens}
        for gap_ms in args.gap_ms:
            figures[f"LSD in gap, {gap_ms:g} ms"] = distances(pipe, args.data_dir, gap_ms, args.segments_per_recording)
        for column, values in figures.items():
            cells = results.setdefault(recipe, {}).setdefault(column, {})
            cells.update({(seed, *item): value for item, value in values.items()})

    first = next(iter(results))
    differences = {
        recipe: {
            column: {item: value - results[first][column][item] for item, value in values.items()}
            for column, values in figures.items()
        }
        for recipe, figures in results.items()
        if recipe != first
    }
    counts = ", ".join(f"{len(values)} ({column})" for column, values in results[first].items())
    lines = [
        *table(results),
        "",
        f"n, all seeds together: {counts}.",
        "",
        f"Differences from {first}:",
        "",
        *table(differences),
    ]
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
