"""A picture of a repair: waveform and spectrogram before and after, and each gap on its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.reports.plots import SMALL, draw_mel_spectrogram, mel_spectrogram, new_figure, save_figure
from ..signals.blocks import AudioReader


if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Seconds that are shown before the first gap and after the last, and in all at most.
AROUND_SECONDS, LONGEST_SECONDS = 1.0, 60.0
BEFORE_COLOUR, AFTER_COLOUR, GAP_COLOUR = "#999999", "#0072b2", "#d55e00"
# Gaps that are drawn on their own, at most, how many in a row, and what is shown of a gap's surroundings on each side:
# as much as half of its length, and these seconds at least.
MOST_ZOOMS, ZOOMS_IN_A_ROW, ZOOM_SIDE, LEAST_SIDE_SECONDS = 12, 3, 0.5, 0.003


def write_picture(path: Path, before: Path, after: Path, gaps: np.ndarray) -> None:
    """
    Draws a recording before and after its repair.

    Args:
        path: PNG or SVG to write.
        before, after: audio files of one length and rate. Samples that are not finite are drawn as zeros.
        gaps: int64 `(gaps, 2)`, in order, at least one: starts and exclusive ends in samples.

    Raises:
        ImportError: no matplotlib.
        ValueError: another suffix.
    """
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"{path}: expected a picture's name, *.png or *.svg")
    with AudioReader(before) as reader:
        rate, around = reader.sampling_rate, round(AROUND_SECONDS * reader.sampling_rate)
        start = max(int(gaps[0, 0]) - around, 0)
        stop = min(int(gaps[-1, 1]) + around, start + round(LONGEST_SECONDS * rate), reader.num_samples)
        audios = {f"before: {before.name}": reader.read(start, stop)}
    with AudioReader(after) as reader:
        audios[f"after: {after.name}"] = reader.read(start, stop)
    shown = gaps[(gaps[:, 0] < stop)]
    zooms = min(len(shown), MOST_ZOOMS)
    drawn = f"; {zooms} of {len(gaps)} gaps" if zooms < len(gaps) else ""
    draw_repair(audios, shown / rate, first_second=start / rate, sampling_rate=rate, path=path, drawn=drawn)


def draw_repair(
    audios: dict[str, np.ndarray],
    gaps: np.ndarray,
    *,
    first_second: float,
    sampling_rate: int,
    path: Path,
    drawn: str = "",
) -> None:
    """
    Draws parts of recordings below one another, in one scale, and below them each gap on its own, all parts in one.

    Args:
        audios: parts of one length, float `(channels, samples)`, by the names that stand above them.
        gaps: starts and ends of gaps in seconds of the recording, `(gaps, 2)`.
        first_second: where the parts start in the recording.
        sampling_rate: Hz.
        path: PNG or SVG to write.
        drawn: what is said of gaps that are not drawn on their own.
    """
    finite = {name: np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0) for name, audio in audios.items()}
    rows = -(-min(len(gaps), MOST_ZOOMS) // ZOOMS_IN_A_ROW)
    figure = new_figure(9.0, 3.0 * len(audios) + 1.6 * rows)
    heights = [3.0 * len(audios), max(1.6 * rows, 0.01)]
    (whole,), (part,) = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    panels = whole.subplots(2 * len(audios), 1, height_ratios=[1, 2] * len(audios), sharex=True)
    num_samples = next(iter(finite.values())).shape[-1]
    seconds = first_second + np.arange(num_samples) / sampling_rate
    ends = (first_second, first_second + num_samples / sampling_rate)
    peak = max(np.abs(audio).max() for audio in finite.values()) or 1.0
    spectra = {name: mel_spectrogram(audio, sampling_rate=sampling_rate) for name, audio in finite.items()}
    top = max(levels.max() for levels, _ in spectra.values())
    for number, (name, audio) in enumerate(finite.items()):
        wave, spectrum = panels[2 * number], panels[2 * number + 1]
        wave.plot(seconds, audio.T, lw=0.4, color="#0072b2", alpha=0.8)
        wave.set_ylim(-peak, peak)
        wave.set_title(name, loc="left", fontsize=10, parse_math=False)
        draw_mel_spectrogram(spectrum, *spectra[name], top=top, seconds=ends)
        for axes in (wave, spectrum):
            axes.tick_params(labelsize=SMALL)
            for gap in gaps:
                axes.axvspan(*gap, facecolor="none", edgecolor=GAP_COLOUR, lw=1.0)
    panels[-1].set_xlim(*ends)
    panels[-1].set_xlabel("seconds", fontsize=SMALL)
    title = f"each gap in milliseconds, before in grey and after in blue{drawn}"
    part.suptitle(title, x=0.01, ha="left", fontsize=10)
    for axes, gap in zip(part.subplots(rows, ZOOMS_IN_A_ROW, squeeze=False).flat, gaps[:MOST_ZOOMS], strict=False):
        _zoom(axes, list(finite.values()), gap, first_second=first_second, sampling_rate=sampling_rate)
    for axes in part.axes[min(len(gaps), MOST_ZOOMS) :]:
        axes.set_axis_off()
    save_figure(figure, path)


def _zoom(axes: Axes, audios: list[np.ndarray], gap: np.ndarray, *, first_second: float, sampling_rate: int) -> None:
    """A gap and its surroundings: the first channel that differs most there, in milliseconds from the gap's start."""
    side = max(ZOOM_SIDE * (gap[1] - gap[0]), LEAST_SIDE_SECONDS)
    first, last = ((second - first_second) * sampling_rate for second in (gap[0] - side, gap[1] + side))
    shown = slice(max(round(first), 0), round(last) + 1)
    parts = [audio[:, shown] for audio in audios]
    channel = int(np.abs(parts[0] - parts[-1]).max(axis=-1).argmax())
    milliseconds = 1000 * (
        first_second + np.arange(shown.start, shown.start + parts[0].shape[-1]) / sampling_rate - gap[0]
    )
    for audio, colour in zip(parts, (BEFORE_COLOUR, AFTER_COLOUR), strict=False):
        axes.plot(milliseconds, audio[channel], lw=0.8, color=colour)
    axes.axvspan(0, 1000 * (gap[1] - gap[0]), facecolor="none", edgecolor=GAP_COLOUR, lw=1.0)
    axes.set_xlim(milliseconds[0], milliseconds[-1])
    axes.set_title(f"{gap[0]:.4f} s, {1000 * (gap[1] - gap[0]):.4g} ms", loc="left", fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)


def printable(name: str) -> str:
    """A file's name with a sign in place of each byte that is no text."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
