"""
Study of what people use against what this package has: the same damaged files through ffmpeg's filter `adeclick`, the
algorithm of Audacity's Repair, and methods of `aidd.METHODS`.

    python examples/studies/study_against_tools.py --data_dir recordings --output_file outputs/tools_study.md

A segment of 4.17 s of each recording, averaged to mono, is damaged in one way at a time and written in 16 bits: clicks
of 1.8 ms, three a second on average, as in `study_clicks.py`, or three runs of zeros of one length. Methods of the
package and Audacity's are told where the damage is; ffmpeg finds it by itself, in the file. SNR is measured over the
damaged samples, ODG by PEAQ (basic version) on the whole segment. Seconds are those of a processor, for a minute of
audio with so much damage; the program's start counts for ffmpeg, and loading a model for none.

Audacity's Repair is least-squares autoregression (Godsill, Rayner & Cappé 1998), with an order of three times the
damaged samples, 50 at most, on twice their number on each side, 128 at least. It takes up to 128 damaged samples, and
stands in the table for damage of no more. ffmpeg has a row where it is installed. SoX has no effect that repairs. PEAQ
can grade silence above a filling, so grades of what was left silent are not to be compared with others.
"""

import argparse
import resource
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from clicks import rounded, with_clicks
from numpy.lib.stride_tricks import sliding_window_view
from segments import segments_in
from study_clicks import FFMPEG_FILTERS, filter_by_ffmpeg
from tables import head_of, mean_and_interval, write_page

import aidd
from aidd.evaluation.metrics import objective_difference_grade, snr_in_gap
from aidd.masks.gaps import find_gaps
from aidd.repair.methods import ROWS, default_pipeline


CLICK = "flat, 1.8 ms"
NUM_DROPOUTS = 3
DEFAULT_METHODS = ("linear", "janssen", "lines", "u_phain", "auto", "aidd")
AUDACITY, MOST_SAMPLES, MOST_COEFFICIENTS = "Audacity's algorithm", 128, 50


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data_dir", type=Path, nargs="+", required=True, help="Folders of intact recordings, averaged to mono."
    )
    parser.add_argument("--output_file", type=Path, required=True, help="Markdown table to write.")
    parser.add_argument("--dropout_ms", type=float, nargs="+", default=[1.0, 5.0, 20.0, 100.0])
    parser.add_argument("--method", nargs="+", choices=aidd.METHODS, default=list(DEFAULT_METHODS))
    parser.add_argument("--segments_per_recording", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the clicks, and of the methods that draw.")
    return parser.parse_args()


def least_squares_autoregression(segment: np.ndarray, first: int, number: int, order: int) -> np.ndarray:
    """
    Missing samples by an autoregressive model of the others: its coefficients in the least squares, from all runs of
    intact samples, then the samples for which its prediction error is least.

    Args:
        segment: float64 `(samples,)`; what stands at missing samples is not used.
        first, number: first missing sample, and how many there are.
        order: of the model.

    Returns:
        float64 `(number,)`.
    """
    runs = sliding_window_view(segment, order + 1)
    starts = np.arange(len(runs))
    intact = runs[(starts + order < first) | (starts >= first + number)]
    coefficients = np.linalg.lstsq(intact[:, :-1], intact[:, -1])[0]
    errors = np.zeros((len(runs), len(segment)))
    errors[starts[:, None], starts[:, None] + np.arange(order + 1)] = np.append(-coefficients, 1.0)
    missing = slice(first, first + number)
    known = segment.copy()
    known[missing] = 0.0
    return np.linalg.lstsq(errors[:, missing], -errors @ known)[0]


def repair_as_audacity(damaged: np.ndarray, mask: np.ndarray) -> np.ndarray:
    restored = damaged.copy()
    for start, end in find_gaps(mask).tolist():
        side = max(2 * (end - start), MOST_SAMPLES)
        here = slice(max(start - side, 0), end + side)
        order = min(3 * (end - start), MOST_COEFFICIENTS)
        restored[start:end] = least_squares_autoregression(restored[here], start - here.start, end - start, order)
    return restored


def by_method(name: str, seed: int) -> Callable[[np.ndarray, np.ndarray, int], np.ndarray]:
    if ROWS[name].has_model:
        default_pipeline(name).set_progress_bar_config(disable=True)

    def fill(damaged: np.ndarray, mask: np.ndarray, rate: int) -> np.ndarray:
        return aidd.METHODS[name](damaged, mask, sampling_rate=rate, generator=torch.Generator().manual_seed(seed))

    return fill


def by_ffmpeg(audio_filter: str) -> Callable[[np.ndarray, np.ndarray, int], np.ndarray]:
    def fill(damaged: np.ndarray, mask: np.ndarray, rate: int) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            source, output = Path(folder, "damaged.wav"), Path(folder, "restored.wav")
            sf.write(source, damaged, rate, subtype="PCM_16")
            filter_by_ffmpeg(source, output, audio_filter)
            return sf.read(output)[0]

    return fill


def with_dropouts(audio: np.ndarray, rate: int, milliseconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The audio with runs of zeros, evenly spread, and the mask of them."""
    mask = np.zeros(len(audio), bool)
    for number in range(1, NUM_DROPOUTS + 1):
        first = round(number * len(audio) / (NUM_DROPOUTS + 1))
        mask[first : first + max(round(milliseconds / 1000 * rate), 1)] = True
    return np.where(mask, 0.0, audio), mask


def damage(args: argparse.Namespace, audio: np.ndarray, rate: int, place: list[int]) -> dict[str, tuple]:
    """Damaged audio and the mask of the damage, by kinds of damage."""
    clicked, places = with_clicks(audio, rate, CLICK, np.random.default_rng([args.seed, *place]))
    mask = np.zeros(len(audio), bool)
    for first, end in places:
        mask[first:end] = True
    made = {"clicks of 1.8 ms": (clicked, mask)} if places else {}
    return made | {f"zeros of {length:g} ms": with_dropouts(audio, rate, length) for length in args.dropout_ms}


def grade(intact: np.ndarray, restored: np.ndarray, rate: int) -> float:
    with warnings.catch_warnings():
        # Said once, by the page: programs that find no damage leave it silent.
        warnings.filterwarnings("ignore", message="the estimate is digital silence")
        return objective_difference_grade(intact, restored, sampling_rate=rate)


def processor_seconds() -> float:
    """Processor time of this process and those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    args = parse_args()
    programs = {"as damaged": lambda damaged, mask, rate: damaged}
    programs |= {f"ffmpeg, {name}": by_ffmpeg(name) for name in FFMPEG_FILTERS if shutil.which("ffmpeg")}
    programs[AUDACITY] = lambda damaged, mask, rate: repair_as_audacity(damaged, mask)
    programs |= {f"aidd, {name}": by_method(name, args.seed) for name in args.method}
    rows: dict[tuple[str, str], list[tuple]] = {}
    begun = time.perf_counter()
    for index, (path, start, audio, rate) in enumerate(segments_in(args.data_dir, args.segments_per_recording)):
        intact, minutes = rounded(audio), len(audio) / rate / 60
        for kind, (damaged, mask) in damage(args, intact, rate, [index, start]).items():
            longest = np.diff(find_gaps(mask)).max()
            for name, program in programs.items():
                if name == AUDACITY and longest > MOST_SAMPLES:
                    continue
                before = processor_seconds()
                restored = program(damaged, mask, rate)
                seconds = processor_seconds() - before
                row = (
                    snr_in_gap(intact, restored, mask),
                    grade(intact, restored, rate),
                    seconds / minutes,
                    len(find_gaps(mask)) / minutes,
                    str(path),
                )
                rows.setdefault((kind, name), []).append(row)
    lines = [
        *head_of(args),
        "| damage | a minute | program | n | SNR (dB) | ODG | processor seconds a minute |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    # In the order of the kinds, some of which a recording too quiet for clicks does not have.
    kinds = list(dict.fromkeys(kind for kind, _ in rows))
    for (kind, name), values in sorted(rows.items(), key=lambda item: kinds.index(item[0][0])):
        snr, grades, seconds, number, recordings = zip(*values, strict=True)
        cells = [mean_and_interval(column, recordings) for column in (snr, grades)]
        cost = "" if name == "as damaged" else f"{np.mean(seconds):.3g}"
        lines.append(f"| {kind} | {np.mean(number):.0f} | {name} | {len(values)} | {' | '.join(cells)} | {cost} |")
    if not any(name.startswith("ffmpeg") for name in programs):
        lines += ["", "ffmpeg is not installed here, so its filter is not in the table."]
    lines += ["", f"Measured in {(time.perf_counter() - begun) / 60:.0f} minutes."]
    write_page(args.output_file, lines)


if __name__ == "__main__":
    main()
