"""
Write the model card of a pipeline from the records of its training and evaluation.

    python examples/cards/write_model_card.py --record_dir outputs/card --pipeline outputs/pipeline

The record folder holds `description.md`, the part of the card that a person writes. Its front matter becomes the
card's and must give `license` and `model_name`; tags of the kind of pipeline are added to its tags. The folder may
also hold

- for each part that was trained, `codec/` and `transformer/` or `unet/`, the `training_arguments.json` and
  `metrics.jsonl` of its run,
- `evaluation*/`, folders of `aidd evaluate`, with `items.parquet`, `results.md` and `summary.md`; evaluations of other
  weights are refused,
- `evaluation_codec/`, with the `results.md` of `examples/evaluate_codec.py`.

The card is written to the record folder and to the pipeline's folder, as README.md, with a picture of the validation
curves, `validation.png`.
"""

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import yaml
from evaluations import read_items
from huggingface_hub import EvalResult, ModelCard
from matplotlib.figure import Figure

import aidd
from aidd.evaluation.columns import METRICS
from aidd.evaluation.methods.names import shipped_protocols
from aidd.evaluation.runs.provenance import DIGITS, provenance_of_model
from aidd.models.loading import weights_digest


# Titles of evaluations by protocol, in the order of a card; other protocols follow.
PROTOCOLS = {
    "one_gap": "One gap in a segment",
    "tf_gaps": "Gaps",
    "tf_masks": "Cells of spectrograms",
    "one_gap_sets": "Sets of windows",
}
CODEC_EVALUATION = "evaluation_codec"
CURVES = "validation.png"
RUNS = {
    "codec": "Codec (`examples/train_wavtokenizer.py`)",
    "transformer": "Token model (`examples/train.py`)",
    "unet": "Network (`examples/train_spectrogram_ddpm.py`)",
}
TAGS = {
    "AIDDPipeline": ["discrete-diffusion"],
    "SpectrogramRePaintPipeline": ["diffusion", "repaint", "spectrogram"],
}
# The column of an evaluation that names the model.
COLUMNS = {"AIDDPipeline": "model", "SpectrogramRePaintPipeline": "spectrogram_model"}
# The card's metadata list metrics of each pipeline's own method, for items with one gap or box.
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
    "max_train_minutes",
    "codebook_start_step",
    "freeze_encoder",
    "adversarial_start_step",
    "learning_rate",
    "prediction_type",
    "beta_schedule",
    "commitment_loss_weight",
    "level_loss_weight",
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


def read_description(file: Path) -> ModelCard:
    """Reads the part of the card that a person writes. Raises `SystemExit` if it is missing or incomplete."""
    if not file.is_file():
        raise SystemExit(f"{file}: expected what is to be said of the model, found no such file")
    try:
        description = ModelCard(file.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise SystemExit(f"{file}: its front matter cannot be read: {' '.join(str(error).split())}") from error
    missing = [name for name in ("license", "model_name") if not description.data.get(name)]
    if missing:
        raise SystemExit(
            f"{file}: expected front matter with license and model_name, found no {' and no '.join(missing)}; begin "
            "it with lines such as ---, license: mit, model_name: my-model, ---"
        )
    return description


def validation_rows(folder: Path) -> list[dict[str, float]]:
    """A run's metrics on held-out recordings. A resumed run logs the steps after its checkpoint again."""
    file = folder / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    metrics = {(row["step"], *row): row for row in rows}.values()
    return [row for row in metrics if any(name.startswith("valid/") for name in row)]


def validation_figure(runs: dict[str, list[dict[str, float]]]) -> Figure:
    """A row for each run, a panel for each metric."""
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


def read_evaluations(record_dir: Path) -> dict[Path, pd.DataFrame]:
    """The rows of every evaluation that was recorded, by its folder."""
    found = {}
    for folder in sorted(record_dir.glob("evaluation*")):
        if folder.is_dir() and folder.name != CODEC_EVALUATION:
            found[folder] = read_items(folder)
    places = {name: place for place, name in enumerate(PROTOCOLS)}
    return dict(sorted(found.items(), key=lambda one: places.get(one[1]["protocol"].iloc[0], len(places))))


def digests(pipeline: Path, class_name: str, dtype: str) -> list[str]:
    """The digests by which rows may name the weights, which were loaded in a type of torch."""
    pipe = getattr(aidd, class_name).from_pretrained(pipeline, dtype=getattr(torch, dtype))
    column = COLUMNS[class_name]
    # Older rows have a digest of the network's weights alone, without the names of parts.
    before = [weights_digest(pipe.unet.state_dict())[:DIGITS]] if "unet" in pipe.components else []
    return [provenance_of_model(pipe, str(pipeline), column)[f"{column}_digest"], *before]


def check_model(evaluations: dict[Path, pd.DataFrame], pipeline: Path, class_name: str) -> None:
    """Raises `SystemExit` on an evaluation of other weights or settings than the pipeline's."""
    column = COLUMNS[class_name]
    settings = f"{column}_config_digest"
    pipe = getattr(aidd, class_name).from_pretrained(pipeline)
    own = provenance_of_model(pipe, str(pipeline), column)[settings]
    for folder, rows in evaluations.items():
        names = [f"{column}_digest", *(["spectrogram_dtype"] if column == "spectrogram_model" else [])]
        of_model = rows.reindex(columns=[column, *names]).dropna().drop_duplicates()
        for name, digest, *dtype in of_model.itertuples(index=False):
            expected = digests(pipeline, class_name, *(dtype or ["float32"]))
            if digest not in expected:
                raise SystemExit(
                    f"{folder}: its rows are of other weights ({name}, digest {digest}) than those of {pipeline} "
                    f"(digest {expected[0]}): evaluate this pipeline, or leave the folder out"
                )
        # Older rows do not record settings.
        if others := set(rows.get(settings, pd.Series(dtype=str)).dropna()) - {own}:
            raise SystemExit(
                f"{folder}: its rows are of other settings ({', '.join(sorted(others))}) than those of "
                f"{pipeline} ({own}), such as another scheduler: evaluate this pipeline, or leave the folder out"
            )


def results(record_dir: Path, evaluations: dict[Path, pd.DataFrame]) -> list[str]:
    """The tables of every evaluation; evaluations with several geometries show their summary only."""
    files = {
        folder / ("summary.md" if rows["geometry"].nunique() > 1 else "results.md"): title(rows["protocol"].iloc[0])
        for folder, rows in evaluations.items()
    }
    files[record_dir / CODEC_EVALUATION / "results.md"] = "The codec alone (`examples/evaluate_codec.py`)"
    return [f"### {heading}\n\n{file.read_text().strip()}" for file, heading in files.items() if file.exists()]


def title(protocol: str) -> str:
    """The title of an evaluation, from its protocol's name."""
    if protocol not in shipped_protocols():
        return f"Protocol `{protocol}`"
    command = f"`aidd evaluate --protocol {protocol}`"
    return f"{PROTOCOLS[protocol]} ({command})" if protocol in PROTOCOLS else command


def eval_results(evaluations: dict[Path, pd.DataFrame], method: str) -> list[EvalResult]:
    """Means over the items of each evaluation, for the Hub to list."""
    listed = []
    for rows in evaluations.values():
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
                        metric_name=f"{METRICS[name].title}, {condition}",
                        metric_value=round(float(values[np.isfinite(values)].mean()), 4),
                    )
                    listed.append(result)
    return listed


def training_section(title: str, folder: Path) -> str:
    """A run's arguments and its metrics on held-out recordings, as far as they were recorded."""
    lines = [f"### {title}"]
    if (file := folder / "training_arguments.json").is_file():
        arguments = json.loads(file.read_text())
        lines += ["", "| argument | value |", "| --- | --- |"]
        lines += [f"| `{name}` | {arguments[name]} |" for name in SHOWN_ARGUMENTS if arguments.get(name) is not None]
    if validation := validation_rows(folder):
        names = list(dict.fromkeys(name for row in validation for name in row if name != "step"))
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
    """Sizes and rates of a pipeline's parts."""
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
    index = args.pipeline / "model_index.json"
    if not index.is_file():
        raise SystemExit(f"{args.pipeline}: expected the folder of a pipeline, got one without model_index.json")
    class_name = json.loads(index.read_text())["_class_name"]
    if class_name not in TAGS:
        raise SystemExit(f"{args.pipeline}: expected a pipeline of {' or '.join(TAGS)}, got one of {class_name}")
    description = read_description(args.record_dir / "description.md")
    evaluations = read_evaluations(args.record_dir)
    check_model(evaluations, args.pipeline, class_name)
    data = description.data
    data.library_name, data.pipeline_tag = "diffusers", "audio-to-audio"
    data.tags = list(dict.fromkeys(["audio", "audio-inpainting", *TAGS[class_name], *(data.tags or [])]))
    data.eval_results = eval_results(evaluations, METHODS[class_name]) or None
    runs = {name: args.record_dir / name for name in RUNS if (args.record_dir / name).is_dir()}
    curves = {name: rows for name, folder in runs.items() if (rows := validation_rows(folder))}
    tables = results(args.record_dir, evaluations)
    sections = [
        f"---\n{data.to_yaml()}\n---",
        description.text.strip(),
        facts(getattr(aidd, class_name).from_pretrained(args.pipeline)),
        *(["## Results", *tables] if tables else []),
        *(["## Training"] if runs else []),
        *([f"![Metrics on the validation recordings during the training]({CURVES})"] if curves else []),
        *(training_section(RUNS[name], folder) for name, folder in runs.items()),
    ]
    card = ModelCard("\n\n".join(sections) + "\n")
    figure = validation_figure(curves) if curves else None
    for folder in (args.record_dir, args.pipeline):
        card.save(folder / "README.md")
        # A picture of an earlier card would be published with this one.
        (folder / CURVES).unlink(missing_ok=True)
        if figure is not None:
            figure.savefig(folder / CURVES, dpi=100)


if __name__ == "__main__":
    main()
