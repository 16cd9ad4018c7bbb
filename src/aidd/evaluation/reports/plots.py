"""Pictures of an evaluation: curves, heat maps, spectrograms. They need matplotlib (extra `report`)."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...signals.measures.spectrograms import magnitude_spectrogram, mel_filterbank
from ...signals.replacing import replacing


if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Dark colours of Okabe and Ito and of Tol, which the colour-blind distinguish. Dashes and markers differ besides.
COLOURS = (
    "#000000",
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#332288",
    "#b8860b",
    "#56b4e9",
    "#882255",
    "#777777",
)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
SMALL = 8.5
# Letters in a line above spectrograms.
TITLE_WIDTH = 85
WINDOW_SECONDS = 0.04
NUM_BANDS = 96
# Range of spectrograms, below the loudest band of the original.
RANGE_DB = 80.0


def check_matplotlib() -> None:
    """Raises `ImportError`, saying what to install, where there is no matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError('pictures need matplotlib: pip install "aidd[report]"')


def metric_curves(
    summary: pd.DataFrame,
    methods: Sequence[str],
    *,
    x: str,
    x_labels: Mapping[Any, str],
    x_title: str,
    title: str,
    logarithmic: bool = False,
) -> Figure:
    """
    Means of a metric with their intervals, a line for each method, named at its right end.

    Args:
        summary: a row for each method and value of `x`, with the columns `method`, `x`, `mean`, `low` and `high`. What
            is not finite is not drawn, and methods all of whose means are not are named below.
        methods: whose places in this list give them their colours, with or without rows here.
        x: name of a column of numbers.
        x_labels: how its values are written.
        x_title, title: of the axis and the figure.
        logarithmic: whether the metric's axis is, provided that every end of an interval is above 0.

    Raises:
        ImportError: no matplotlib.
    """
    figure = new_figure(8.0, 4.6)
    axes = figure.add_subplot()
    values = sorted(x_labels)
    positions = np.log(values) if values[0] > 0 and values[-1] > 4 * values[0] else np.array(values, float)
    place = dict(zip(values, positions, strict=True))
    # Bars of one x stand next to each other.
    step = 0.0015 * (positions[-1] - positions[0])
    ends = {}
    for number, method in enumerate(methods):
        line = summary[(summary["method"] == method) & np.isfinite(summary["mean"])].sort_values(x)
        if line.empty:
            continue
        across = np.array([place[value] for value in line[x]]) + step * (2 * number - len(methods) + 1)
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
        axes.plot(across, line["mean"], linestyle=DASHES[number % len(DASHES)], lw=1.4, ms=4.5, **style)
        axes.vlines(across, line["low"], line["high"], color=style["color"], lw=1.0, alpha=0.7)
        ends[method] = (across[-1], line["mean"].iloc[-1], style)
    drawn = summary[["mean", "low", "high"]].to_numpy()
    if logarithmic and drawn[np.isfinite(drawn)].min(initial=np.inf) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xticks(positions, [x_labels[value] for value in values], fontsize=SMALL, rotation=45, parse_math=False)
    axes.set_xlabel(x_title, parse_math=False)
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    _name_lines(axes, ends)
    if missing := [name for name in methods if name in set(summary["method"]) - ends.keys()]:
        note = f"not drawn, as nowhere finite: {', '.join(missing)}"
        figure.supxlabel(note, x=0.01, ha="left", fontsize=SMALL, color="#555555", parse_math=False)
    return figure


def heat_maps(
    summary: pd.DataFrame, *, x: str, y: str, labels: Mapping[str, Mapping[Any, str]], titles: Mapping[str, str]
) -> Figure:
    """
    Means of a metric over two parameters, a panel for each method, all in one scale of colours.

    Args:
        summary: a row for each method and pair of values, with the columns `method`, `x`, `y` and `mean`. Pairs that
            are not there, or whose mean is not finite, are hatched.
        x, y: names of columns of numbers.
        labels: for `x` and `y`, how their values are written.
        titles: of the axes, by `x` and `y`, and of the colours, by `mean`.

    Raises:
        ImportError: no matplotlib.
    """
    methods = list(dict.fromkeys(summary["method"]))
    across, up = sorted(labels[x]), sorted(labels[y])
    columns = min(3, len(methods))
    rows = -(-len(methods) // columns)
    figure = new_figure(1.2 + columns * (0.9 + 0.42 * len(across)), 0.7 + rows * (0.7 + 0.36 * len(up)))
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    finite = summary["mean"][np.isfinite(summary["mean"])]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    for axes, method in zip(panels.flat, methods, strict=False):
        means = summary[summary["method"] == method].pivot(index=y, columns=x, values="mean")
        means = means.reindex(index=up, columns=across).to_numpy(float)
        axes.set_facecolor("#eeeeee")
        axes.patch.set(hatch="///", edgecolor="#bbbbbb")
        image = axes.imshow(
            np.ma.masked_invalid(means), origin="lower", aspect="auto", cmap="viridis", vmin=low, vmax=high
        )
        for (row, column), value in np.ndenumerate(means):
            if np.isfinite(value):
                # Viridis is dark in its lower half.
                colour = "white" if value < (low + high) / 2 else "black"
                axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=7, color=colour)
        axes.set_title(method, loc="left", fontsize=9.5, parse_math=False)
        style = {"fontsize": SMALL, "parse_math": False}
        axes.set_xticks(range(len(across)), [labels[x][value] for value in across], rotation=45, **style)
        axes.set_yticks(range(len(up)), [labels[y][value] for value in up], **style)
    for axes in panels.flat[len(methods) :]:
        axes.set_visible(False)
    figure.supxlabel(titles[x], fontsize=10, parse_math=False)
    figure.supylabel(titles[y], fontsize=10, parse_math=False)
    figure.suptitle(titles["mean"], x=0.01, ha="left", fontsize=11, parse_math=False)
    figure.colorbar(image, ax=panels, shrink=0.9)
    return figure


def spectrogram_figure(
    audios: Mapping[str, np.ndarray], gaps: Sequence[tuple[float, float]], *, sampling_rate: int, title: str
) -> Figure:
    """
    Spectrograms above each other, all in one scale of which the first sets the top, with the gaps marked.

    Args:
        audios: by name, float `(samples,)` or `(channels, samples)`.
        gaps: start and stop of each, in seconds.
        sampling_rate: Hz.
        title: of the figure.

    Raises:
        ImportError: no matplotlib.
    """
    figure = new_figure(8.0, 0.8 + 1.05 * len(audios))
    panels = figure.subplots(len(audios), 1, squeeze=False, sharex=True)[:, 0]
    spectra = {name: mel_spectrogram(audio, sampling_rate=sampling_rate) for name, audio in audios.items()}
    top = next(iter(spectra.values()))[0].max()
    seconds = next(iter(audios.values())).shape[-1] / sampling_rate
    for axes, (name, (levels, centres)) in zip(panels, spectra.items(), strict=True):
        draw_mel_spectrogram(axes, levels, centres, top=top, seconds=(0, seconds))
        for gap in gaps:
            axes.vlines(gap, 0, NUM_BANDS, color="white", lw=0.8, linestyle=(0, (3, 2)))
            # Above the panel, so that nothing of it is covered.
            bar = {"color": "#d55e00", "lw": 3, "solid_capstyle": "butt", "clip_on": False}
            axes.plot(gap, [NUM_BANDS * 1.03] * 2, **bar)
        axes.tick_params(axis="y", labelsize=7)
        axes.tick_params(axis="x", bottom=axes is panels[-1], labelsize=SMALL)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=SMALL, parse_math=False)
    panels[-1].set_xlabel("seconds", fontsize=SMALL)
    panels[0].set_title(textwrap.fill(title, TITLE_WIDTH), loc="left", fontsize=10, pad=8, parse_math=False)
    return figure


def mel_spectrogram(audio: np.ndarray, *, sampling_rate: int, num_frames: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """
    Levels in mel bands for pictures: the first column begins with the audio and the last one ends with it.

    Args:
        audio: float `(samples,)` or `(channels, samples)`, whose power is averaged.
        sampling_rate: Hz.
        num_frames: at most so many columns.

    Returns:
        dB `(bands, frames)`, and the centre of each band in Hz, `(bands,)`.
    """
    window = round(WINDOW_SECONDS * sampling_rate)
    hop = -(-audio.shape[-1] // num_frames)
    num_fft = 4 * window
    # Column t stands for samples t hop, ..., (t + 1) hop, and its window is centred on them.
    before = max(0, (window - hop) // 2)
    frames = -(-audio.shape[-1] // hop)
    after = max(0, (frames - 1) * hop + window - before - audio.shape[-1])
    padded = np.pad(np.atleast_2d(audio), ((0, 0), (before, after)), mode="reflect")
    power = (magnitude_spectrogram(padded, window_length=window, hop_length=hop, n_fft=num_fft) ** 2).mean(0)[:frames]
    limits = {"f_min": 40.0, "f_max": min(16_000.0, sampling_rate / 2)}
    weights = mel_filterbank(power.shape[-1], NUM_BANDS, sampling_rate=sampling_rate, **limits)
    centres = np.fft.rfftfreq(num_fft, 1 / sampling_rate) @ weights / weights.sum(0)
    return 10 * np.log10(power @ weights + 1e-12).T, centres


def draw_mel_spectrogram(
    axes: Axes, levels: np.ndarray, centres: np.ndarray, *, top: float, seconds: tuple[float, float]
) -> None:
    """
    Draws what [`mel_spectrogram`] gives.

    Args:
        axes: to draw in; a band is 1 high.
        levels, centres: dB `(bands, frames)`, and Hz `(bands,)`.
        top: level of the brightest colour; 80 dB below it is black.
        seconds: where the first column begins and the last one ends.
    """
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=top - RANGE_DB,
        vmax=top,
        extent=(*seconds, 0, NUM_BANDS),
    )
    ticks = [frequency for frequency in (200, 1000, 5000) if frequency < centres[-1]]
    positions = np.interp(ticks, centres, np.arange(NUM_BANDS) + 0.5)
    axes.set_yticks(positions, [f"{tick / 1000:g} kHz" for tick in ticks])
    axes.set_ylim(0, NUM_BANDS)


def strip_image(levels: np.ndarray, top: float) -> np.ndarray:
    """
    A spectrogram as nothing but a picture, for a page: uint8 `(bands, frames, 4)`, low frequencies at the bottom.

    Args:
        levels: dB `(bands, frames)`.
        top: level of the brightest colour; 80 dB below it is black.

    Raises:
        ImportError: no matplotlib.
    """
    check_matplotlib()
    from matplotlib import colormaps

    return colormaps["magma"](np.clip((levels[::-1] - top) / RANGE_DB + 1, 0, 1), bytes=True)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure, SVG or PNG by its suffix, to a temporary file that is then renamed. Same figure, same bytes."""
    from matplotlib import rc_context

    metadata = {".svg": {"Date": None}, ".png": {"Software": None}}[path.suffix]
    # Names within SVG files are drawn at random otherwise.
    with replacing(path) as temporary, rc_context({"svg.hashsalt": path.name}):
        figure.savefig(temporary, format=path.suffix[1:], dpi=160, metadata=metadata)


def save_image(image: np.ndarray, path: Path) -> None:
    """Writes a uint8 `(rows, columns, 4)` picture as PNG, to a temporary file that is then renamed."""
    from matplotlib.image import imsave

    with replacing(path) as temporary:
        metadata: dict[str, Any] = {"Software": None}
        imsave(temporary, image, format="png", metadata=metadata)


def spread(heights: np.ndarray, distance: float) -> np.ndarray:
    """
    Moves heights apart until neighbours are `distance` apart or more, in the order they have; those that are, stay.

    Without the distances, the heights in their order have to rise: each is the mean of the
    highest before it and the lowest after it.
    """
    order = np.argsort(heights, kind="stable")
    shift = distance * np.arange(len(heights))
    rising = heights[order] - shift
    rising = (np.maximum.accumulate(rising) + np.minimum.accumulate(rising[::-1])[::-1]) / 2
    moved = np.empty(len(heights))
    moved[order] = rising + shift
    return moved


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches. Raises `ImportError` where there is no matplotlib."""
    check_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _name_lines(axes: Axes, ends: Mapping[str, tuple[float, float, dict]]) -> None:
    """Names right of the axes, each with the marker of its line and a thread to the line's end."""
    to_fraction = axes.transScale + axes.transLimits
    heights = np.array([to_fraction.transform((x, y))[1] for x, y, _ in ends.values()])
    for (name, (x, y, style)), height in zip(ends.items(), spread(heights, 0.055), strict=True):
        axes.plot(1.055, height, ms=5, transform=axes.transAxes, clip_on=False, **style)
        axes.annotate(
            name,
            xy=(x, y),
            xytext=(1.075, height),
            textcoords="axes fraction",
            va="center",
            fontsize=SMALL,
            parse_math=False,
        )
        thread = {"arrowstyle": "-", "color": style["color"], "lw": 0.6, "alpha": 0.6, "shrinkA": 0, "shrinkB": 3}
        axes.annotate("", xy=(x, y), xytext=(1.05, height), textcoords="axes fraction", arrowprops=thread)
