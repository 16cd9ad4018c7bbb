"""A picture of a repair: waveform and spectrogram of the part with the gaps, before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..evaluation.reports.plots import SMALL, draw_mel_spectrogram, mel_spectrogram, new_figure, save_figure
from ..signals.blocks import AudioReader


# Seconds that are shown before the first gap and after the last, and in all at most.
AROUND_SECONDS, LONGEST_SECONDS = 1.0, 60.0
GAP_COLOUR = "#d55e00"


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
        audios = {f"before: {printable(before.name)}": reader.read(start, stop)}
    with AudioReader(after) as reader:
        audios[f"after: {printable(after.name)}"] = reader.read(start, stop)
    shown = gaps[(gaps[:, 0] < stop)]
    draw_repair(audios, shown / rate, first_second=start / rate, sampling_rate=rate, path=path)


def draw_repair(
    audios: dict[str, np.ndarray],
    gaps: np.ndarray,
    *,
    first_second: float,
    sampling_rate: int,
    path: Path,
) -> None:
    """
    Draws parts of recordings below one another, in one scale.

    Args:
        audios: parts of one length, float `(channels, samples)`, by the names that stand above them.
        gaps: starts and ends of gaps in seconds of the recording, `(gaps, 2)`.
        first_second: where the parts start in the recording.
        sampling_rate: Hz.
        path: PNG or SVG to write.
    """
    finite = {name: np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0) for name, audio in audios.items()}
    figure = new_figure(9.0, 3.0 * len(audios))
    panels = figure.subplots(2 * len(audios), 1, height_ratios=[1, 2] * len(audios), sharex=True)
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
    save_figure(figure, path)


def printable(name: str) -> str:
    """A file's name with a sign in place of each byte that is no text."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
