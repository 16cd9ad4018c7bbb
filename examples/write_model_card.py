"""
Write the model card of a pipeline from the records of its training and evaluation.

    python examples/write_model_card.py --record_dir model_cards/aidd-piano-small --pipeline outputs/pipeline

The record folder holds `description.md` (what a person says of the model), for each part that was trained, `codec/`
and `transformer/` or `unet/`, the `training_arguments.json` and `metrics.jsonl` of its run, and, each with a
`results.md`, the evaluations: `evaluation*/` of `aidd evaluate`,
`evaluation_codec/` of `examples/evaluate_codec.py`. The card is written there as README.md, and into the pipeline's
folder, each with a picture of the curves, `validation.png`.
"""

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from matplotlib.figure import Figure

import aidd
from aidd.evaluation.tables import ALL_METRICS


EVALUATIONS = {
    "evaluation": "One gap in a segment (`aidd evaluate --protocol one_gap`)",
    "evaluation_gaps": "Gaps (`aidd evaluate --protocol tf_gaps`)",
    "evaluation_cells": "Cells of spectrograms (`aidd evaluate --protocol tf_masks`)",
    "evaluation_sets": "Sets of windows (`aidd evaluate --protocol one_gap_sets`)",
    "evaluation_codec": "The codec alone (`examples/evaluate_codec.py`)",
}
SUMMARISED = ("evaluation_gaps", "evaluation_cells")
RUNS = {
    "codec": "Codec (`examples/train_wavtokenizer.py`)",
    "transformer": "Token model (`examples/train.py`)",
    "unet": "Network (`examples/train_spectrogram_ddpm.py`)",
}
TAGS = {
    "AIDDPipeline": ["discrete-diffusion"],
    "SpectrogramRePaintPipeline": ["diffusion", "repaint", "spectrogram"],
}
# Of each pipeline's own method, what the card's metadata tell: metrics of items with one hole.
METHODS = {"AIDDPipeline": "aidd", "SpectrogramRePaintPipeline": "spectrogram_repaint"}
LISTED_METRICS = ("lsd", "snr", "lsd_cells", "snr_cells")
LISTED_GEOMETRIES = ("centred_gap", "centred_box")
SHOWN_ARGUMENTS = (
    "train_data_dir",
    "train_data_probabilities",
    "init_from",
    "seed",
    "train_batch_size",
    "max_train_steps",
    "codebook_start_step",
    "freeze_encoder",
    "adversarial_start_step",
    "learning_rate",
    "prediction_type",
    "beta_schedule",
    "commitment_loss_weight",
    "corruption",
    "gap_probability",
    "derivative_loss_weight",
    "ema_decay",
    "mixed_precision",
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record_dir", type=Path, required=True, help="Folder of the records.")
    parser.add_argument("--pipeline", type=Path, required=True, help="Pipeline folder that the card describes.")
    return parser.parse_args()


def validation_rows(folder: Path) -> list[dict[str, float]]:
    """Of a run's metrics, those on held-out recordings. A resumed run logs the steps behind its checkpoint again."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    metrics = {(row["step"], *row): row for row in rows}.values()
    return [row for row in metrics if any(name.startswith("valid/") for name in row)]


def validation_figure(runs: dict[str, list[dict[str, float]]]) -> Figure:
    """A row a run, a panel a metric."""
    names = {
        title: [name for name in dict.fromkeys(n for row in rows for n in row) if name != "step"]
        for title, rows in runs.items()
    }
    columns = max(map(len, names.values()))
    figure = plt.figure(figsize=(2.8 * columns, 2.4 * len(runs)), layout="constrained")
    for line, (title, rows) in enumerate(runs.items()):
        for column, name in enumerate(names[title]):
            panel = figure.add_subplot(len(runs), columns, line * columns + column + 1)
            curve = [(row["step"], row[name]) for row in rows if name in row]
            panel.plot(*zip(*curve, strict=True), marker="o", markersize=3)
            panel.set_title(f"{title}: {name.removeprefix('valid/')}", fontsize=9)
            panel.tick_params(labelsize=8)
            panel.set_xlabel("step", fontsize=8)
            panel.grid(alpha=0.3)
    return figure


def results(record_dir: Path) -> list[str]:
    """The tables of every evaluation that was recorded; of those with many, the summary."""
    files = {
        title: record_dir / folder / ("summary.md" if folder in SUMMARISED else "results.md")
        for folder, title in EVALUATIONS.items()
    }
    return [f"### {title}\n\n{file.read_text().strip()}" for title, file in files.items() if file.exists()]


def eval_results(record_dir: Path, method: str) -> list[EvalResult]:
    """Means over the items of each evaluation that was recorded, for the Hub to list."""
    listed = []
    for file in (path for folder in EVALUATIONS for path in (record_dir / folder).glob("items.parquet")):
        rows = pd.read_parquet(file)
        rows = rows[(rows["method"] == method) & rows["geometry"].isin(LISTED_GEOMETRIES)]
        recordings = ", ".join(sorted(rows["recording"].str.split("/").str[0].unique()))
        for condition, items in rows.groupby("condition", sort=False):
            for name in (metric for metric in LISTED_METRICS if metric in items):
                values = items[name].astype(float)
                if np.isfinite(values).any():
                    result = EvalResult(
                        task_type="audio-to-audio",
                        task_name="Audio inpainting",
                        dataset_type=items["protocol"].iloc[0],
                        dataset_name=f"{items['protocol'].iloc[0]} on {recordings}",
                        metric_type=name,
                        metric_name=f"{ALL_METRICS[name].title}, {condition}",
                        metric_value=round(float(values[np.isfinite(values)].mean()), 4),
                    )
                    listed.append(result)
    return listed


def training_section(title: str, folder: Path) -> str:
    arguments = json.loads((folder / "training_arguments.json").read_text())
    validation = validation_rows(folder)
    names = list(dict.fromkeys(name for row in validation for name in row if name != "step"))
    lines = [f"### {title}", "", "| argument | value |", "| --- | --- |"]
    lines += [f"| `{name}` | {arguments[name]} |" for name in SHOWN_ARGUMENTS if arguments.get(name) is not None]
    lines += [
        "",
        "On the validation recordings:",
        "",
        f"| step | {' | '.join(names)} |",
        "| --- " * (1 + len(names)) + "|",
    ]
    for row in validation:
        cells = (f"{row[name]:.4g}" if name in row else "" for name in names)
        lines.append(f"| {row['step']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def facts(pipe: aidd.AIDDPipeline | aidd.SpectrogramRePaintPipeline) -> str:
    """What a pipeline's parts say of themselves."""
    parameters = {
        name: f"{name} {sum(p.numel() for p in getattr(pipe, name).parameters()) / 1e6:.2f} M"
        for name in RUNS
        if name in pipe.components
    }
    if "codec" in parameters:
        codec = pipe.codec.config
        cells = f"Codes: {codec.codebook_size}, {codec.frame_rate:g} a second of {pipe.sampling_rate} Hz mono."
    else:
        bins, frames = pipe.unet.config.sample_size
        cells = (
            f"Windows: {bins} bins by {frames} frames of {pipe.sampling_rate} Hz mono, "
            f"{pipe.sampling_rate / pipe.hop_length:.1f} frames a second."
        )
    return f"Parameters: {', '.join(parameters.values())}. {cells} Longest gap: {pipe.max_gap_seconds:.2f} s."


def main() -> None:
    args = parse_args()
    class_name = json.loads((args.pipeline / "model_index.json").read_text())["_class_name"]
    pipe = getattr(aidd, class_name).from_pretrained(args.pipeline)
    data = ModelCardData(
        license="apache-2.0",
        library_name="diffusers",
        pipeline_tag="audio-to-audio",
        tags=["audio", "audio-inpainting", *TAGS[class_name], "piano"],
        model_name=args.record_dir.resolve().name,
        eval_results=eval_results(args.record_dir, METHODS[class_name]) or None,
    )
    runs = {name: args.record_dir / name for name in RUNS if (args.record_dir / name).is_dir()}
    sections = [
        f"---\n{data.to_yaml()}\n---",
        (args.record_dir / "description.md").read_text().strip(),
        facts(pipe),
        "## Results",
        *results(args.record_dir),
        "## Training",
        "![What was measured on the validation recordings during the training](validation.png)",
        *(training_section(RUNS[name], folder) for name, folder in runs.items()),
    ]
    card = ModelCard("\n\n".join(sections) + "\n")
    figure = validation_figure({name: validation_rows(folder) for name, folder in runs.items()})
    for folder in (args.record_dir, args.pipeline):
        card.save(folder / "README.md")
        figure.savefig(folder / "validation.png", dpi=100)


if __name__ == "__main__":
    main()
