"""A picture of what fills the band above the codec's: its spectrum, and its level in the course of gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aidd.evaluation.reports.plots import SMALL, new_figure


if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#777777", "#d55e00", "#0072b2")


def full_band_figure(rows: Sequence[Mapping], ways: Sequence[str]) -> Figure:
    """
    Mean spectra in gaps, a panel for each kind of recording, and below them median levels in the course of gaps, a
    panel for each of three lengths at most.

    Args:
        rows: of the study, with `kind`, `gap_ms`, `way`, `spectrum` in dB of a power density, in equal bands from 10
            to 20 kHz, and `course`, levels in dB in equal parts from half a gap before it to half a gap after it.
        ways: those to draw, as far as there are rows of them.

    Raises:
        ImportError: no matplotlib.
    """
    kinds, lengths = (list(dict.fromkeys(row[name] for row in rows)) for name in ("kind", "gap_ms"))
    lengths = sorted({lengths[0], lengths[len(lengths) // 2], lengths[-1]})
    figure = new_figure(10.0, 5.6)
    panels = figure.subplots(2, max(len(kinds), len(lengths)), squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    drawn = [(axes, "kind", kind, "spectrum") for axes, kind in zip(panels[0], kinds, strict=False)]
    drawn += [(axes, "gap_ms", length, "course") for axes, length in zip(panels[1], lengths, strict=False)]
    for axes, group, value, curve in drawn:
        axes.set_visible(True)
        for way, color in zip(ways, COLORS, strict=True):
            chosen = np.array([row[curve] for row in rows if row[group] == value and row["way"] == way])
            if not len(chosen):
                continue
            places = (np.arange(chosen.shape[1]) + 0.5) / chosen.shape[1]
            if curve == "spectrum":
                axes.plot(10 + 10 * places, chosen.mean(0), label=way, color=color, lw=1.3)
            else:
                # Filtering reaches around the ends of what is measured. What lies before and after a gap is the same
                # for all.
                places, chosen = places[1:-1], chosen[:, 1:-1]
                outside = np.abs(places - 0.5) > 0.25
                levels = chosen - chosen[:, outside].mean(1, keepdims=True)
                axes.plot(2 * places - 0.5, np.median(levels, axis=0), label=way, color=color, lw=1.3)
        if curve == "spectrum":
            axes.axvline(12, color="#bbbbbb", lw=0.8)
            axes.set_title(f"{value}: mean spectrum in gaps", loc="left", fontsize=SMALL)
            axes.set_xlabel("kHz", fontsize=SMALL)
            axes.set_ylabel("dB", fontsize=SMALL)
        else:
            axes.axvspan(0, 1, color="#eeeeee", zorder=0)
            axes.set_title(f"{value:g} ms: level from 12 to 20 kHz", loc="left", fontsize=SMALL)
            axes.set_xlabel("place in the gap", fontsize=SMALL)
            axes.set_ylabel("dB, median", fontsize=SMALL)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0, 0].legend(fontsize=SMALL, frameon=False)
    return figure
