"""Pictures of recordings: one to mark gaps on, one to compare repairs, and what the latter sound like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gaps import gaps_of_lines, parse_boxes, parse_gaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from repair import Recording, read

from aidd.evaluation.reports.plots import draw_mel_spectrogram, mel_spectrogram, spectrogram_figure
from aidd.masks.cells import boxes as box_mask
from aidd.masks.gaps import mask_of, unite
from aidd.repair.boxes import own_grid, shifted
from aidd.repair.report import RepairReport
from aidd.signals.files import write_audio
from aidd.signals.stft import istft, stft


# Size and margins of the picture that gaps are marked on, in inches.
HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 3.6, 0.55, 0.1, 0.4, 0.1
# Pixels of an inch, on the page and in pictures: many screens have several pixels for each of the page's.
PAGE_DPI, DPI = 100, 200
# Seconds that are played before the first gap and after the last, and in all at most.
AROUND_SECONDS, LONGEST_SECONDS = 2.0, 60.0
# Seconds before and behind a gap that a loop plays, and loops at most.
LOOP_SECONDS, MAX_LOOPS = 0.7, 200
MIN_WIDTH, MAX_WIDTH = 200, 2000
MARKED, FOUND = "#ff8c2e", "#3ba7e8"


@dataclass(frozen=True)
class View:
    """
    The part of a recording that a picture shows.

    Args:
        start, seconds: start and length of the part, in seconds.
        width: width of the picture, in pixels of the page.
    """

    start: float
    seconds: float
    width: float

    def at(self, pixel: float) -> float:
        """Seconds, to the millisecond, at a column of the picture; at its margins, those of the part's ends."""
        inches = self.width / PAGE_DPI - LEFT - RIGHT
        share = min(max((pixel / DPI - LEFT) / inches, 0.0), 1.0)
        # An end is rounded inwards, as nothing lies after the recording's own.
        return int(1000 * (self.start + share * self.seconds) + 1e-6) / 1000

    def frequency_at(self, pixel: float, sampling_rate: int) -> float | None:
        """Hz at a row of the picture's spectrogram; None above it, on the waveform."""
        height = (HEIGHT - BOTTOM - TOP) / 2
        share = (HEIGHT - BOTTOM - pixel / DPI) / height
        if share > 1:
            return None
        _, centres = mel_spectrogram(np.zeros(sampling_rate // 10), sampling_rate=sampling_rate)
        bands = np.arange(len(centres) + 1)
        return round(
            float(
                np.interp(
                    share * len(centres), [0, *(bands[1:] - 0.5), len(centres)], [0, *centres, sampling_rate / 2]
                )
            )
        )


def view_of(recording: Recording, start: float, seconds: float, width: float) -> View:
    """What can be shown of what is asked for: no more than there is."""
    seconds = min(seconds, recording.seconds)
    # Whatever a page says of itself.
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    return View(min(max(start, 0.0), recording.seconds - seconds), seconds, width)


def draw(recording: Recording, marked: str, boxes: str, begun: float | None, view: View) -> np.ndarray:
    """
    Draws waveform and spectrogram of a part with its gaps: those marked in orange, those found in blue, and boxes.

    Args:
        recording: the recording.
        marked, boxes: lines, see [`~gaps.parse_gaps`] and [`~gaps.parse_boxes`].
        begun: start of a gap whose end is still to be marked, in seconds.
        view: the part that is shown.

    Returns:
        uint8 `(rows, columns, 3)`.
    """
    scan = recording.scan
    rate = scan.sampling_rate
    samples = read(scan.path, round(view.start * rate), round((view.start + view.seconds) * rate))
    width = view.width / PAGE_DPI
    figure = Figure(figsize=(width, HEIGHT))
    inner, half = (width - LEFT - RIGHT) / width, (HEIGHT - BOTTOM - TOP) / HEIGHT / 2
    spectrogram = figure.add_axes((LEFT / width, BOTTOM / HEIGHT, inner, half))
    waveform = figure.add_axes((LEFT / width, BOTTOM / HEIGHT + half, inner, half), sharex=spectrogram)

    columns = np.unique(np.linspace(0, samples.shape[-1], 1200, endpoint=False).astype(int))
    low = np.minimum.reduceat(samples, columns, axis=-1).min(0)
    high = np.maximum.reduceat(samples, columns, axis=-1).max(0)
    waveform.fill_between(view.start + columns / rate, low, high, color="#555555", lw=0.5, step="post")
    peak = max(high.max(), -low.min(), 1e-3)
    waveform.set_ylim(-1.05 * peak, 1.05 * peak)
    levels, centres = mel_spectrogram(samples, sampling_rate=rate)
    end = view.start + samples.shape[-1] / rate
    draw_mel_spectrogram(spectrogram, levels, centres, top=levels.max(), seconds=(view.start, end))
    spectrogram.set_xlim(view.start, view.start + view.seconds)
    spectrogram.set_xlabel("seconds", fontsize=8, labelpad=1)
    waveform.set_yticks([0.0], ["0"])
    lines = parse_gaps(marked)
    own, found = ([line for line in lines if (line.kind is None) is is_own] for is_own in (True, False))
    coloured = [(unite(gaps_of_lines(some, scan)), colour) for some, colour in ((own, MARKED), (found, FOUND))]
    for low, high, begin, stop in parse_boxes(boxes):
        rows = np.interp((low, high), [0, *centres, rate / 2], [0, *(np.arange(len(centres)) + 0.5), len(centres)])
        spectrogram.add_patch(
            Rectangle((begin, rows[0]), stop - begin, np.ptp(rows), fill=False, color=MARKED, lw=1.5)
        )
    for axes in (waveform, spectrogram):
        axes.tick_params(labelsize=8, bottom=axes is spectrogram, labelbottom=axes is spectrogram)
        for gaps, colour in coloured:
            spans = [(start / rate, (stop - start) / rate) for start, stop in gaps.tolist()]
            axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), color=colour, alpha=0.55, lw=1)
        if begun is not None:
            axes.axvline(begun, color=MARKED, lw=2, linestyle="--")
    return pixels_of(figure)


def pixels_of(figure: Figure) -> np.ndarray:
    """A matplotlib figure as uint8 `(rows, columns, 3)`."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@dataclass(frozen=True)
class Comparison:
    """
    What lies around what was repaired, to be heard and seen.

    Args:
        files: WAV files by the names of their players.
        picture: spectrograms of the recording and its repairs, uint8 `(rows, columns, 3)`.
        stretch: first and last second of the recording that are played.
        loops: starts and ends of the places that were repaired, in seconds of the files.
    """

    files: dict[str, Path]
    picture: np.ndarray
    stretch: tuple[float, float]
    loops: list[tuple[float, float]]


def compare_gaps(recording: Recording, report: RepairReport, folder: Path, width: float) -> Comparison:
    """
    Compares a recording with fillings of its gaps. Where something sounds in the gaps, it can be heard without, too.

    Args:
        recording: the recording before the repair.
        report: of the repair.
        folder: where to write.
        width: width of the picture, in pixels of the page.
    """
    scan = recording.scan
    rate, missing = scan.sampling_rate, unite(report.gaps)
    start = max(missing[0, 0] - round(AROUND_SECONDS * rate), 0)
    stop = min(missing[-1, 1] + round(AROUND_SECONDS * rate), start + round(LONGEST_SECONDS * rate))
    stop = min(stop, scan.num_samples)
    before = read(scan.path, start, stop)
    silenced = np.where(np.stack([mask_of(channel_gaps, start, stop) for channel_gaps in report.gaps]), 0.0, before)
    audios = {"Recording": before}
    if (silenced != before).any():
        audios["Gaps silenced"] = silenced
    audios |= {
        f"Variation {number}": read(Path(output), start, stop) for number, output in enumerate(report.outputs, 1)
    }
    places = [(max(a - start, 0) / rate, (min(b, stop) - start) / rate) for a, b in missing.tolist() if a < stop]
    # Gaps that are one in the picture are drawn as one: there may be thousands.
    margins = np.array([-1, 1]) * ((stop - start) // 400)
    drawn = unite([missing + margins]) - margins
    in_seconds = [(max(a - start, 0) / rate, (min(b, stop) - start) / rate) for a, b in drawn.tolist() if a < stop]
    return _compared(audios, {}, rate, start / rate, in_seconds, places, folder, width)


def compare_boxes(recording: Recording, report: RepairReport, folder: Path, width: float) -> Comparison:
    """Compares a recording with one whose boxes were filled; arguments as of [`compare_gaps`]."""
    scan, rate = recording.scan, recording.scan.sampling_rate
    start = max(round((min(box[2] for box in report.boxes) - AROUND_SECONDS) * rate), 0)
    stop = round((max(box[3] for box in report.boxes) + AROUND_SECONDS) * rate)
    stop = min(stop, start + round(LONGEST_SECONDS * rate), scan.num_samples)
    before, after = (read(path, start, stop) for path in (scan.path, Path(report.outputs[0])))
    here = shifted(report.boxes, -start / rate, before.shape[-1] / rate)
    here = [box for box in here if box[2] < box[3]]
    grid = own_grid(rate)
    mask = box_mask(here, before.shape[-1], grid)
    alone = istft(np.where(mask, stft(before, grid), 0), grid, before.shape[-1])
    places = sorted(box[2:] for box in here)
    audios = {"Recording": before, "Variation 1": after}
    return _compared(audios, {"Box alone": alone}, rate, start / rate, places, places, folder, width)


def _compared(
    audios: dict[str, np.ndarray],
    others: dict[str, np.ndarray],
    rate: int,
    start: float,
    drawn: list[tuple[float, float]],
    places: list[tuple[float, float]],
    folder: Path,
    width: float,
) -> Comparison:
    others = {"Difference": audios["Variation 1"] - audios["Recording"], **others}
    files = {name: folder / f"{name.lower().replace(' ', '_')}.wav" for name in (*audios, *others)}
    for name, audio in (audios | others).items():
        write_audio(files[name], np.clip(audio, -1, 1 - 2**-15), sampling_rate=rate, subtype="PCM_16")
    seconds = audios["Recording"].shape[-1] / rate
    figure = spectrogram_figure(audios, drawn, sampling_rate=rate, title="")
    figure.set_size_inches(width / PAGE_DPI, figure.get_figheight())
    ticks = MaxNLocator(max(width // 100, 2)).tick_values(start, start + seconds)
    ticks = ticks[(ticks >= start) & (ticks <= start + seconds)]
    figure.axes[-1].set_xticks(ticks - start, [f"{tick:g}" for tick in ticks])
    loops = [(max(a - LOOP_SECONDS, 0.0), min(b + LOOP_SECONDS, seconds)) for a, b in places[:MAX_LOOPS]]
    return Comparison(files, pixels_of(figure), (start, start + seconds), loops)
