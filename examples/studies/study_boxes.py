"""
Study what boxes of frequency and time do about a cough, a telephone and a hum: each is made and added to an intact
recording, boxes are drawn around it, and every method fills them.

    python examples/studies/study_boxes.py --output_dir docs/boxes_study

Tables compare the cells of the boxes with those of the intact recording, before and after, and say what changes at
other frequencies and other times. A picture of each shows it before and after.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt
from tables import head_of, write_page

import aidd
from aidd.evaluation.metrics import metrics_in_cells
from aidd.evaluation.reports.plots import new_figure, save_figure
from aidd.masks.cells import boxes as box_mask
from aidd.repair.boxes import Box, own_grid
from aidd.signals.files import read_audio, write_audio
from aidd.signals.stft import stft


RECORDING = Path(__file__).parents[1] / "audio" / "prelude_bwv848.flac"
METHODS = ("log_magnitude", "fading", "zeroing", "spectrogram_repaint")
# Where each disturbance begins and ends, in shares of the recording.
COUGH, TELEPHONE = (0.4, 0.428), (0.55, 0.7)
HUM_HERTZ, HUM_PARTIALS = 50.0, (1, 2, 3, 4)
RING_HERTZ, RING_BURSTS = (1_600.0, 2_000.0), 12.0
# Seconds of a box above which the model is left out: it fills 0.7 s in some twenty seconds or more.
LONGEST_FOR_MODEL = 2.0
# Range of a picture's levels, seconds and Hz around its boxes, and how many seconds it shows at most.
RANGE_DB, AROUND_SECONDS, AROUND_HERTZ, LONGEST_SHOWN = 80.0, 0.4, 600.0, 2.0


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, help="An intact recording; one of the package's by default.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder of the tables and pictures.")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument(
        "--model", help="Folder or Hub id of the model of spectrogram_repaint; the package's by default."
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def cough(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> tuple[np.ndarray, list[Box]]:
    """A burst of noise from 300 to 1500 Hz, which rises in 10 ms and decays: `(samples,)`, and its box."""
    start, end = (share * num_samples / sampling_rate for share in COUGH)
    time = np.arange(num_samples) / sampling_rate - start
    envelope = np.where((time > 0) & (time < end - start), np.minimum(time / 0.01, np.exp(-time / 0.08)), 0.0)
    band = butter(6, (350.0, 1_400.0), "bandpass", fs=sampling_rate, output="sos")
    return sosfilt(band, generator.standard_normal(num_samples)) * envelope, [(250.0, 1_550.0, start, end + 0.02)]


def telephone(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> tuple[np.ndarray, list[Box]]:
    """Two tones in turn, twelve times a second, faded in and out: `(samples,)`, and a box around each tone."""
    start, end = (share * num_samples / sampling_rate for share in TELEPHONE)
    time = np.arange(num_samples) / sampling_rate - start
    inside = np.clip(np.minimum(time, end - start - time) / 0.01, 0.0, 1.0)
    turns = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * RING_BURSTS * time))
    low, high = (np.sin(2 * np.pi * hertz * time) for hertz in RING_HERTZ)
    boxes = [(hertz - 130.0, hertz + 130.0, start, end) for hertz in RING_HERTZ]
    return inside * (turns * low + (1 - turns) * high), boxes


def hum(num_samples: int, sampling_rate: int, generator: np.random.Generator) -> tuple[np.ndarray, list[Box]]:
    """50 Hz and three harmonics, which fall by 1 / k, for all the time: `(samples,)`, and a box around each."""
    time, end = np.arange(num_samples) / sampling_rate, num_samples / sampling_rate
    partials = [np.sin(2 * np.pi * k * HUM_HERTZ * time + generator.uniform(0, 2 * np.pi)) / k for k in HUM_PARTIALS]
    return sum(partials), [(k * HUM_HERTZ - 20.0, k * HUM_HERTZ + 20.0, 0.0, end) for k in HUM_PARTIALS]


# Level of each over the music in its boxes, in dB.
DISTURBANCES: dict[str, tuple[Callable, float]] = {
    "cough": (cough, 10.0),
    "telephone": (telephone, 15.0),
    "hum": (hum, 20.0),
}


def disturbed(intact: np.ndarray, name: str, sampling_rate: int, seed: int) -> tuple[np.ndarray, list[Box]]:
    """A recording with a disturbance in all channels, at its level over the music in its boxes, and these."""
    make, level = DISTURBANCES[name]
    signal, boxes = make(intact.shape[-1], sampling_rate, np.random.default_rng(seed))
    grid = own_grid(sampling_rate)
    cells = box_mask(boxes, intact.shape[-1], grid)
    music, noise = (np.sum(np.abs(stft(one, grid)[..., cells]) ** 2) for one in (intact.mean(0), signal))
    return intact + signal * np.sqrt(10 ** (level / 10) * music / noise), boxes


def row(
    name: str, intact: np.ndarray, audio: np.ndarray, cells: np.ndarray, sampling_rate: int, told: Sequence[str]
) -> str:
    """A line of the table: how near the boxes' cells are to those of the intact recording, in the first channel."""
    grid = own_grid(sampling_rate)
    found = metrics_in_cells(intact[0], audio[0], cells, sampling_rate=sampling_rate, grid=grid)
    numbers = (f"{found['snr_cells']:.1f}", f"{found['level_error_cells']:+.1f}", f"{found['lsd_cells']:.2f}")
    return f"| {' | '.join([name, *numbers, *told])} |"


def draw(panels: dict[str, np.ndarray], boxes: Sequence[Box], sampling_rate: int, path: Path) -> None:
    """Spectrograms of the first channel around the boxes, side by side in one scale, with the boxes in them."""
    grid = own_grid(sampling_rate)
    lows, highs, starts, stops = zip(*boxes, strict=True)
    lowest, highest, start, end = min(lows), max(highs), min(starts), max(stops)
    seconds = next(iter(panels.values())).shape[-1] / sampling_rate
    first_second = max(start - AROUND_SECONDS, 0.0)
    ends = (first_second, min(end + AROUND_SECONDS, seconds, first_second + LONGEST_SHOWN))
    hertz = (max(lowest - AROUND_HERTZ, 0.0), min(highest + AROUND_HERTZ, sampling_rate / 2))
    levels = {name: 20 * np.log10(np.abs(stft(audio[0], grid)) + 1e-9) for name, audio in panels.items()}
    top = max(float(one.max()) for one in levels.values())
    figure = new_figure(2.8 * len(panels), 3.2)
    for number, (axes, (name, one)) in enumerate(
        zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], levels.items(), strict=True)
    ):
        hop = grid.hop_length / sampling_rate
        first = (0.5 - grid.overlap / 2) * hop
        half_bin = sampling_rate / grid.n_fft / 2
        extent = (first, first + one.shape[1] * hop, -half_bin, sampling_rate / 2 + half_bin)
        axes.imshow(one, origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top, extent=extent)
        for low, high, begin, stop in boxes:
            outline = ([begin, stop, stop, begin, begin], [low, low, high, high, low])
            axes.plot(*outline, color="white", lw=0.8, linestyle=(0, (3, 2)))
        axes.set_xlim(*ends)
        axes.set_ylim(*hertz)
        axes.set_title(name, loc="left", fontsize=9, parse_math=False)
        axes.set_xlabel("seconds", fontsize=8)
        axes.tick_params(labelsize=7)
        if number == 0:
            axes.set_ylabel("Hz", fontsize=8)
    save_figure(figure, path)


def main() -> None:
    args = parse_args()
    audio = read_audio(args.recording or RECORDING)
    intact, rate = audio.samples, audio.sampling_rate
    args.output_dir.mkdir(parents=True, exist_ok=True)
    grid = own_grid(rate)
    lines = head_of(args)
    for name in DISTURBANCES:
        damaged, boxes = disturbed(intact, name, rate, args.seed)
        cells = box_mask(boxes, intact.shape[-1], grid)
        source, output = args.output_dir / f"{name}.wav", args.output_dir / f"{name}-filled.wav"
        write_audio(source, damaged, sampling_rate=rate, subtype="FLOAT")
        damaged = read_audio(source).samples
        lines += [
            f"## {name}",
            "",
            "| | SNR in boxes (dB) | level error (dB) | LSD | change elsewhere (dB) | samples that stay | seconds |",
            "| --- " * 7 + "|",
            row("before", intact, damaged, cells, rate, ["", "", ""]),
        ]
        panels = {"intact": intact, f"with a {name}": damaged}
        for method in args.method:
            longest = max(end - start for *_, start, end in boxes)
            if method == "spectrogram_repaint" and longest > LONGEST_FOR_MODEL:
                lines.append(f"| {method} | {' | '.join(['not tried'] * 6)} |")
                continue
            model = args.model if method == "spectrogram_repaint" else None
            request = aidd.RepairRequest(boxes=boxes, method=method, model=model, seed=args.seed)
            report = aidd.repair_file(source, output, request)
            filled = read_audio(output).samples
            stay = float((filled == damaged).all(0).mean())
            told = [f"{report.other_frequencies_db:.1f}", f"{stay:.1%}", f"{report.seconds:.1f}"]
            lines.append(row(method, intact, filled, cells, rate, told))
            panels[f"filled by {method}"] = filled
        lines.append("")
        # Silence needs no picture.
        panels.pop("filled by zeroing", None)
        draw(panels, boxes, rate, args.output_dir / f"{name}.png")
        for path in (source, output):
            path.unlink()
    write_page(args.output_dir / "results.md", lines[:-1])


if __name__ == "__main__":
    main()
