"""
Study of clicks from end to end: found and filled as `aidd inpaint --detect clicks --method ...` does, and by ffmpeg's
filter `adeclick`, where ffmpeg is installed.

    python examples/studies/study_clicks.py --data_dir recordings --output_file outputs/clicks_study.md

Clicks, three a second on average, are added to segments of 4.17 s, one kind at a time, as in `study_detection.py`, and
written to files of 16 bits. Every program reads such a file and writes another. SNR is measured over the damaged
samples and over the whole file, ODG by PEAQ (basic version). "Changed outside" is the share of samples outside the
damage that come back changed. Seconds are those of a file, with the start of the program for ffmpeg, and without
it for `aidd`, which runs in this process.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf
from clicks import CLICKS, rounded, with_clicks
from segments import read_segments, recordings_in
from tables import head_of, mean_and_interval, write_page

from aidd import METHODS, RepairRequest, repair_file
from aidd.evaluation.metrics import objective_difference_grade, snr_in_gap
from aidd.repair.recipe import NothingToRepairError


# By default the filter adds overlapping frames up, which changes all samples; with `save` it replaces clicks alone.
FFMPEG_FILTERS = ("adeclick", "adeclick=method=save")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings, averaged to mono."
    )
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--click", nargs="+", default=list(CLICKS), choices=CLICKS, help="Kinds of clicks.")
    parser.add_argument(
        "--method", nargs="+", default=["janssen", "u_phain", "auto"], choices=METHODS, help="What fills the clicks."
    )
    parser.add_argument("--every", type=int, default=1, help="Which part of the recordings is used: one in so many.")
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def repair(source: Path, output: Path, request: RepairRequest) -> None:
    try:
        repair_file(source, output, request)
    except NothingToRepairError:
        shutil.copyfile(source, output)


def filter_by_ffmpeg(source: Path, output: Path, audio_filter: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", source, "-af", audio_filter, output]
    subprocess.run(command, check=True)


def programs(args: argparse.Namespace) -> dict[str, Callable[[Path, Path], object]]:
    """From a program's name in the table to what reads a file and writes another."""
    ours = {
        f"aidd, {method}": partial(repair, request=RepairRequest(detect=["clicks"], method=method, seed=args.seed))
        for method in args.method
    }
    installed = FFMPEG_FILTERS if shutil.which("ffmpeg") else ()
    others = {f"ffmpeg, {name}": partial(filter_by_ffmpeg, audio_filter=name) for name in installed}
    return {"as damaged": shutil.copyfile, **ours, **others}


def main() -> None:
    args = parse_args()
    compared = programs(args)
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {
        (kind, name): [] for kind in args.click for name in compared
    }
    recordings: dict[str, list[str]] = {kind: [] for kind in args.click}
    num_clicks = dict.fromkeys(args.click, 0)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "damaged.wav"), Path(folder, "restored.wav")
        for index, path in enumerate(recordings_in(args.data_dir, (0, args.every))):
            for start, audio, rate in read_segments(path, args.segments_per_recording):
                intact = rounded(audio)
                for kind in args.click:
                    draw = np.random.default_rng([args.seed, list(CLICKS).index(kind), index, start])
                    damaged, places = with_clicks(intact, rate, kind, draw)
                    if not places:
                        continue
                    mask = np.zeros(len(intact), bool)
                    for first, end in places:
                        mask[first:end] = True
                    sf.write(source, damaged, rate, subtype="PCM_16")
                    recordings[kind].append(str(path))
                    num_clicks[kind] += len(places)
                    for name, program in compared.items():
                        begin = time.perf_counter()
                        program(source, output)
                        seconds = time.perf_counter() - begin
                        restored, _ = sf.read(output)
                        rows[kind, name].append(
                            (
                                snr_in_gap(intact, restored, mask),
                                snr_in_gap(intact, restored, np.ones(len(intact), bool)),
                                objective_difference_grade(intact, restored, sampling_rate=rate),
                                100 * np.mean(restored[~mask] != damaged[~mask]),
                                seconds,
                            )
                        )
    lines = [
        *head_of(args),
        "| click | program | n | SNR in clicks (dB) | SNR (dB) | ODG | changed outside (%) | seconds a file |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (kind, name), values in rows.items():
        *columns, seconds = zip(*values, strict=True)
        cells = [mean_and_interval(column, recordings[kind]) for column in columns]
        lines.append(f"| {kind} | {name} | {len(values)} | {' | '.join(cells)} | {np.median(seconds):.2f} |")
    lines += ["", f"Clicks: {', '.join(f'{number} ({kind})' for kind, number in num_clicks.items())}."]
    if not any(name.startswith("ffmpeg") for name in compared):
        lines += ["", "ffmpeg is not installed here, so its filter is not in the table."]
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
