"""
Study what RePaint's schedule, steps and window cost and achieve in gaps of music. Behind the default of
`SpectrogramRePaintPipeline`.

    python examples/studies/study_repaint.py --data_dir recordings --output_file outputs/repaint_study.md

One centred gap in segments of 4.17 s, evenly spread over each recording, filled with every setting from the same seed.
Beside each figure's mean stand the differences from the first setting in the same gaps. Choose on recordings that the
model was trained on, or on others, but never on those that results are reported on. What was filled is kept beside the
table, in a file of rows, and a study that was stopped goes on from there.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from kept_rows import kept_rows
from measures import METRICS, measure
from segments import segments_in
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.evaluation.protocols.geometry import centred_gap
from aidd.schedulers.repaint import PRESETS, RePaintPreset, num_network_calls


class Setting(NamedTuple):
    """
    Args:
        scheduler: class of the scheduler, made of the model's own one.
        steps: what RePaint does.
        num_frames: of a window. Half of them may be missing.
    """

    scheduler: type
    steps: RePaintPreset
    num_frames: int = 64


SETTINGS = {
    "DDPM, resampled": Setting(DDPMScheduler, PRESETS["fast"]),
    "DDPM, fewer steps resampled": Setting(DDPMScheduler, RePaintPreset(10, 2, 3)),
    "DDPM": Setting(DDPMScheduler, PRESETS["plain"]),
    "DDIM": Setting(DDIMScheduler, RePaintPreset(20, 1, 1)),
    "DDIM, resampled": Setting(DDIMScheduler, RePaintPreset(10, 2, 3)),
    "DDPM, 48 frames": Setting(DDPMScheduler, PRESETS["plain"], num_frames=48),
}
SHOWN = ("log_mel", "lsd_gap", "level", "snr", "chroma")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings.")
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown tables to write.")
    parser.add_argument("--model", default=aidd.DEFAULT_SPECTROGRAM_MODEL, help="Folder or Hub id of the model.")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS), metavar="SETTING")
    parser.add_argument("--gap_ms", type=float, nargs="+", default=[100.0, 375.0])
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def rows_of(args: argparse.Namespace, done: set[tuple]) -> Iterator[dict]:
    """A row for each gap and setting that is not done yet."""
    pipe = aidd.SpectrogramRePaintPipeline.from_pretrained(args.model, dtype=getattr(torch, args.dtype))
    pipe.set_progress_bar_config(disable=True)
    config = pipe.scheduler.config
    for path, start, segment, rate in segments_in(args.data_dir, args.segments_per_recording):
        for gap_ms in args.gap_ms:
            mask = centred_gap(len(segment), rate, gap_seconds=gap_ms / 1000)
            for name in args.settings:
                if (path.name, start, gap_ms, name) in done:
                    continue
                setting = SETTINGS[name]
                pipe.scheduler = setting.scheduler.from_config(config)
                pipe.unet.register_to_config(sample_size=(pipe.front_end.grid.num_bins, setting.num_frames))
                started = time.process_time()
                restored = pipe(
                    np.where(mask, 0, segment),
                    mask,
                    sampling_rate=rate,
                    generator=torch.Generator().manual_seed(args.seed),
                    **setting.steps._asdict(),
                ).audios
                seconds = time.process_time() - started
                place = {"recording": path.name, "start": start, "gap_ms": gap_ms, "setting": name}
                yield place | {"seconds": seconds} | measure(segment, restored, mask, rate, notes=False)


def tables(rows: list[dict], args: argparse.Namespace) -> list[str]:
    """Means and differences from the first setting, each with its interval by recording: a table for each gap."""
    lines = []
    for gap_ms in args.gap_ms:
        here = [row for row in rows if row["gap_ms"] == gap_ms]
        found = {
            name: {(row["recording"], row["start"]): row for row in here if row["setting"] == name}
            for name in args.settings
        }
        lines += [
            f"| gap of {gap_ms:g} ms | calls | CPU seconds | n | {' | '.join(METRICS[name] for name in SHOWN)} |",
            "| --- " * (4 + len(SHOWN)) + "|",
        ]
        first = found[args.settings[0]]
        for name, filled in found.items():
            recordings = [recording for recording, _ in filled]
            calls = num_network_calls(*SETTINGS[name].steps)
            seconds = np.mean([row["seconds"] for row in filled.values()])
            head = f"| {calls} | {seconds:.1f} | {len(filled)} |"
            means = [mean_and_interval([row[one] for row in filled.values()], recordings) for one in SHOWN]
            lines.append(f"| {name} {head} {' | '.join(means)} |")
            if filled is not first:
                pairs = [(row, first[place]) for place, row in filled.items()]
                changes = [mean_and_interval([a[one] - b[one] for a, b in pairs], recordings) for one in SHOWN]
                lines.append(f"| minus {args.settings[0]} |  |  |  | {' | '.join(changes)} |")
        lines.append("")
    return lines


def main() -> None:
    args = parse_args()
    key = ("recording", "start", "gap_ms", "setting")
    rows = kept_rows(args.output_file, key, lambda done: rows_of(args, done))
    write_page(args.output_file, [*head_of(args), *tables(rows, args)])


if __name__ == "__main__":
    main()
