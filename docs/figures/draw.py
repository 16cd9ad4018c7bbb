"""
Draw the figures of how_it_works.md: one gap, step by step, with the default model, and the forward process; and of
cqtdiff.md: what both trainings lost.

    python docs/figures/draw.py --output_dir docs/figures

Every curve is what the package's own functions give.
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

import aidd
from aidd.masks.gaps import mask_from_seconds, resample_mask, tokens_touched
from aidd.pipelines.windows import plan_windows
from aidd.schedulers import LogLinearSchedule, independent_mask, span_mask
from aidd.splice.continuation import continuation
from aidd.splice.surroundings import surroundings_of


RECORDING = Path(__file__).parents[2] / "examples" / "audio" / "prelude_bwv848_damaged.flac"
GAP = (3.2, 3.5)
# Seconds before and after the gap that are shown.
MARGIN = 0.15
# Runs of the training of CQT-Diff+, by their folders, and the windows of a step.
CQTDIFF_RUNS = {
    "cqtdiff_study": ("five minutes of a GPU", 32),
    "cqtdiff_study/one_core": ("seven minutes of one core", 2),
}
KNOWN, MISSING, GUARD = "#b0b8c0", "#c0392b", "#e8a33d"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the pictures are written.")
    return parser.parse_args()


def one_gap(pipe: aidd.AIDDPipeline, seed: int = 0) -> Figure:
    """A gap of the example: what is left, which token is drawn at which call, the splice's weights, and the result."""
    audio = aidd.audio_io.read_audio(RECORDING)
    rate, num_samples = audio.sampling_rate, audio.samples.shape[-1]
    mask = mask_from_seconds(*GAP, num_samples=num_samples, sampling_rate=rate)
    still_missing = []

    def record(pipeline, step, timestep, tensors):
        still_missing.append(tensors["missing"][0].numpy().copy())
        return {}

    restored = pipe(
        audio.samples,
        mask,
        sampling_rate=rate,
        generator=torch.Generator().manual_seed(seed),
        callback_on_step_end=record,
        callback_on_step_end_tensor_inputs=("missing",),
    ).audios
    at_model_rate = resample_mask(mask, from_rate=rate, to_rate=pipe.sampling_rate)
    touched = tokens_touched(at_model_rate, pipe.hop_length)
    missing = tokens_touched(at_model_rate, pipe.hop_length, pipe.config.guard_tokens)
    (window,) = plan_windows(missing, pipe.transformer.config.max_position_embeddings, missing.sum())
    calls = np.sum(still_missing, axis=0)
    tokens = np.flatnonzero(missing[window.start : window.end])

    figure, axes = plt.subplots(4, 1, figsize=(8, 7.5), sharex=True, layout="constrained")
    time = np.arange(num_samples) / rate
    token_time = (window.start + tokens + 0.5) * pipe.hop_length / pipe.sampling_rate
    axes[0].plot(time, np.where(mask, np.nan, audio.samples.mean(0)), color="black", lw=0.4)
    axes[0].set_title("audio, mean of the channels; the gap is missing", fontsize="medium")
    guards = ~touched[window.start + tokens]
    axes[1].scatter(token_time[~guards], calls[tokens][~guards], s=14, color=MISSING, label="missing token")
    axes[1].scatter(token_time[guards], calls[tokens][guards], s=14, color=GUARD, label="guard token")
    axes[1].set_title("at which call of the network a token is drawn", fontsize="medium")
    axes[1].legend(loc="upper left", fontsize="small")
    start, end = np.flatnonzero(mask)[[0, -1]] + (0, 1)
    _, weight = continuation(
        surroundings_of(audio.samples.mean(0), mask, (start, end)),
        sampling_rate=rate,
        reach_seconds=pipe.config.reach_seconds,
    )
    axes[2].plot(time[mask], weight, color="black", label="w, continuation")
    axes[2].plot(time[mask], np.sqrt(1 - weight**2), color=MISSING, label="sqrt(1 - w²), generated")
    axes[2].set_title("amplitudes in the splice", fontsize="medium")
    axes[2].legend(loc="center left", fontsize="small")
    axes[3].plot(time, restored.mean(0), color="black", lw=0.4)
    axes[3].set_title("restored", fontsize="medium")
    axes[3].set_xlabel("seconds")
    for axis in axes:
        axis.axvspan(*GAP, color=KNOWN, alpha=0.3, lw=0, zorder=0)
    axes[3].set_xlim(GAP[0] - MARGIN, GAP[1] + MARGIN)
    loudest = 1.1 * np.abs(restored.mean(0)[(time > GAP[0] - MARGIN) & (time < GAP[1] + MARGIN)]).max()
    for axis in axes[[0, 3]]:
        axis.set_ylim(-loudest, loudest)
    return figure


def forward_process(num_tokens: int = 225, rows: int = 40, seed: int = 0) -> Figure:
    """What is masked at which time: each token on its own, and in spans, as AIDD is trained."""
    times = torch.linspace(0.02, 0.98, rows, dtype=torch.float64)
    masked_fraction = LogLinearSchedule().masked_fraction(times)
    generator = torch.Generator().manual_seed(seed)
    masks = {
        "independent_mask": independent_mask(masked_fraction, num_tokens, generator),
        "span_mask, p0 = 0.8, alpha = 0.5": span_mask(masked_fraction, num_tokens, 0.8, 0.5, generator=generator),
    }
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
    colours = mpl.colors.ListedColormap(["white", MISSING])
    for axis, (title, mask) in zip(axes, masks.items(), strict=True):
        axis.imshow(
            mask.numpy(),
            aspect="auto",
            interpolation="nearest",
            origin="lower",
            extent=(0, num_tokens, 0, 1),
            cmap=colours,
        )
        axis.set_title(title, fontsize="medium")
        axis.set_xlabel("token")
    axes[0].set_ylabel("t")
    return figure


def cqtdiff_losses() -> Figure:
    """Losses of the trainings of CQT-Diff+ by the windows that they have seen."""
    figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
    for (folder, (label, num_windows)), colour in zip(CQTDIFF_RUNS.items(), (MISSING, GUARD), strict=True):
        path = Path(__file__).parents[1] / folder / "metrics.jsonl"
        rows = [row for row in map(json.loads, path.read_text().splitlines()) if "train/loss" in row]
        axis.plot(
            [row["step"] * num_windows for row in rows],
            [row["train/loss"] for row in rows],
            "o-",
            color=colour,
            label=label,
            markersize=3,
        )
    axis.set(xscale="log", xlabel="windows", ylabel="loss, of all noise levels", ylim=(0, None))
    axis.legend(frameon=False)
    return figure


def main() -> None:
    args = parse_args()
    args.output_dir.mkdir(parents=True, exist_ok=True)
    pipe = aidd.AIDDPipeline.from_pretrained(aidd.DEFAULT_MODEL)
    pipe.set_progress_bar_config(disable=True)
    # The figure shows one draw.
    pipe.register_to_config(num_candidates=1)
    figures = {"one_gap": one_gap(pipe), "forward_process": forward_process(), "cqtdiff_losses": cqtdiff_losses()}
    for name, figure in figures.items():
        figure.savefig(args.output_dir / f"{name}.png", dpi=120)
        plt.close(figure)


if __name__ == "__main__":
    main()
