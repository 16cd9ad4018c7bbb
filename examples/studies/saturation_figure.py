"""A picture of what a converter that overflows does, and of what undoes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from aidd.evaluation.reports.plots import RANGE_DB, SMALL, new_figure


if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Length of the close view of waveforms, around the loudest sample.
CLOSE_SECONDS = 0.02


def saturation_figure(
    signals: Mapping[str, np.ndarray],
    snr: Mapping[str, float],
    spectrogram: np.ndarray,
    *,
    sampling_rate: int,
) -> Figure:
    """
    Waveforms above each other, whole and from near, and a spectrogram with missing columns.

    Args:
        signals: by name, float `(samples,)`; the first is the intact one.
        snr: of some of them, in dB, written beside their names.
        spectrogram: magnitudes `(bins, frames)` up to half the sampling rate, NaN where they are missing.
        sampling_rate: Hz.

    Raises:
        ImportError: no matplotlib.
    """
    intact = next(iter(signals.values()))
    figure = new_figure(9.0, 1.2 * (len(signals) + 1.6))
    panels = figure.subplots(
        len(signals) + 1, 2, width_ratios=[3, 1], height_ratios=[*[1] * len(signals), 1.6], squeeze=False
    )
    time = np.arange(len(intact)) / sampling_rate
    middle = time[np.abs(intact).argmax()]
    close = np.abs(time - middle) < CLOSE_SECONDS / 2
    top = 1.1 * np.abs(intact).max()
    for (whole, near), (name, signal) in zip(panels[:-1], signals.items(), strict=True):
        title = f"{name}: {snr[name]:.1f} dB SNR" if name in snr else name
        whole.set_title(title, loc="left", fontsize=SMALL, parse_math=False)
        whole.plot(time, signal, lw=0.5, color="#0072b2")
        near.plot(1000 * time[close], intact[close], lw=0.8, color="#bbbbbb")
        near.plot(1000 * time[close], signal[close], lw=1.0, color="#0072b2")
        whole.set_xlim(0, len(intact) / sampling_rate)
        for axes in (whole, near):
            axes.set_ylim(-top, top)
            axes.tick_params(labelsize=7)
            axes.spines[["top", "right"]].set_visible(False)
    levels = 20 * np.log10(spectrogram + 1e-9)
    axes, unused = panels[-1]
    axes.set_facecolor("#cccccc")
    axes.imshow(
        np.ma.masked_invalid(levels),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=np.nanmax(levels) - RANGE_DB,
        vmax=np.nanmax(levels),
        extent=(0, len(intact) / sampling_rate, 0, sampling_rate / 2000),
    )
    axes.set_title("columns that hold a clipped sample are missing", loc="left", fontsize=SMALL)
    axes.set_xlabel("seconds", fontsize=SMALL)
    axes.set_ylabel("kHz", fontsize=SMALL)
    axes.tick_params(labelsize=7)
    unused.set_visible(False)
    panels[-2, 1].set_xlabel("ms", fontsize=SMALL)
    return figure
