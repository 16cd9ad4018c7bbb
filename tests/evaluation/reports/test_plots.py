import sys

import numpy as np
import pandas as pd
import pytest


pytest.importorskip("matplotlib")

from aidd.evaluation.reports.plots import (
    NUM_BANDS,
    heat_maps,
    mel_spectrogram,
    metric_curves,
    save_figure,
    save_image,
    spectrogram_figure,
    spread,
    strip_image,
)


LABELS = {0.02: "20 ms", 0.2: "200 ms", 0.75: "750 ms"}
TITLES = {"x_title": "gap length", "title": "LSD"}


def summary_of(methods, values=tuple(LABELS)):
    rows = [
        {
            "method": method,
            "x": value,
            "mean": 1 + number + value,
            "low": 0.5 + number + value,
            "high": 2 + number + value,
        }
        for number, method in enumerate(methods)
        for value in values
    ]
    return pd.DataFrame(rows)


def drawn(figure):
    """Heights of every line that runs through all values, by its colour."""
    (axes,) = figure.axes
    return {line.get_color(): list(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == len(LABELS)}


@pytest.mark.parametrize("heights", [[], [0.3], [0.5, 0.5, 0.5], [0.9, 0.0, 0.91, 0.1, 0.12, 0.9]])
def test_spread_keeps_the_order_and_the_distance_and_what_is_far_apart(heights):
    heights = np.array(heights)
    moved = spread(heights, 0.1)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(moved[order]) >= 0.1 - 1e-12).all()
    np.testing.assert_allclose(spread(moved, 0.1), moved)
    np.testing.assert_allclose(spread(heights, 0.0), heights)


def test_spread_puts_equal_heights_close_about_their_place():
    np.testing.assert_allclose(spread(np.array([0.5, 0.5, 0.5]), 0.1), [0.4, 0.5, 0.6])


def test_curves_are_the_means_and_a_method_keeps_its_colour():
    methods = ["masked", "linear", "aidd"]
    summary = summary_of(methods)
    curves = drawn(metric_curves(summary, methods, x="x", x_labels=LABELS, **TITLES))
    assert list(curves.values()) == [list(summary["mean"][summary["method"] == method]) for method in methods]
    fewer = summary[summary["method"] != "linear"]
    kept = drawn(metric_curves(fewer, methods, x="x", x_labels=LABELS, **TITLES))
    assert kept == {colour: line for number, (colour, line) in enumerate(curves.items()) if number != 1}


def test_curves_name_every_method_once_and_those_that_are_nowhere_finite():
    methods = ["masked", "a $\\frac", "aidd"]
    summary = summary_of(methods)
    summary.loc[summary["method"] == "masked", ["mean", "low", "high"]] = [np.inf, np.nan, np.nan]
    figure = metric_curves(summary, methods, x="x", x_labels=LABELS, logarithmic=True, **TITLES)
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text()] == methods[1:]
    assert figure.get_supxlabel() == "not drawn, as nowhere finite: masked"
    assert figure.axes[0].get_yscale() == "log"


def test_an_axis_is_not_logarithmic_where_an_interval_reaches_zero():
    summary = summary_of(["aidd"])
    summary.loc[0, "low"] = 0.0
    figure = metric_curves(summary, ["aidd"], x="x", x_labels=LABELS, logarithmic=True, **TITLES)
    assert figure.axes[0].get_yscale() == "linear"


def test_heat_maps_hold_the_means_in_one_scale():
    rows = [
        {"method": method, "x": x, "y": y, "mean": 10 * number + 5 * x + y}
        for number, method in enumerate(("linear", "aidd", "$x", "codec"))
        for x in (1.0, 2.0, 3.0)
        for y in (0.1, 0.2)
        if (x, y) != (3.0, 0.1)
    ]
    labels = {"x": {1.0: "1", 2.0: "2", 3.0: "3"}, "y": {0.1: "10 %", 0.2: "20 %"}}
    figure = heat_maps(pd.DataFrame(rows), x="x", y="y", labels=labels, titles={"x": "", "y": "", "mean": ""})
    figure.draw_without_rendering()
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 4 and {image.get_clim() for image in images} == {(5.1, 45.2)}
    for number, image in enumerate(images):
        values = image.get_array()
        np.testing.assert_allclose(values.compressed(), 10 * number + np.array([5.1, 10.1, 5.2, 10.2, 15.2]))
        assert values.mask[0, 2] and values.mask.sum() == 1


@pytest.mark.parametrize("rate", [8000, 24_000, 48_000])
def test_a_spectrogram_has_a_sound_at_its_time_and_pitch(rate):
    time = np.arange(2 * rate) / rate
    audio = np.where((time >= 0.5) & (time < 0.9), np.sin(2 * np.pi * 1000 * time), 0)
    levels, centres = mel_spectrogram(np.stack([audio, 0 * audio]), sampling_rate=rate, num_frames=500)
    assert levels.shape == (NUM_BANDS, 500) and (np.diff(centres) > 0).all()
    loudest = np.flatnonzero(levels.max(0) > levels.max() - 6)
    # Frames of 4 ms.
    np.testing.assert_allclose([loudest[0], loudest[-1] + 1], [125, 225], atol=1)
    assert abs(centres[levels[:, 175].argmax()] - 1000) < 40
    np.testing.assert_allclose(
        mel_spectrogram(0.1 * audio, sampling_rate=rate)[0].max() + 20, levels.max() + 3, atol=0.2
    )


def test_a_strip_has_low_frequencies_at_the_bottom_and_brightness_by_level():
    levels = np.array([[0.0, -40.0], [-80.0, -200.0]])
    image = strip_image(levels, 0.0)
    light = image[..., :3].sum(-1)
    assert image.shape == (2, 2, 4) and image.dtype == np.uint8
    assert light[1, 0] > light[1, 1] > light[0, 0] == light[0, 1]


def test_files_of_the_same_picture_are_the_same(tmp_path):
    audios = {"original": np.random.default_rng(0).normal(size=4000), "a $ b": np.ones(4000)}
    figures = [
        (lambda: spectrogram_figure(audios, [(0.1, 0.2)], sampling_rate=8000, title="$x"), "a.png"),
        (lambda: metric_curves(summary_of(["aidd"]), ["aidd"], x="x", x_labels=LABELS, **TITLES), "a.svg"),
    ]
    for make, name in figures:
        contents = []
        for _ in range(2):
            save_figure(make(), tmp_path / name)
            contents.append((tmp_path / name).read_bytes())
        assert contents[0] == contents[1]
    save_image(np.zeros((2, 3, 4), np.uint8), tmp_path / "b.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg", "b.png"]


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "aidd\[report\]"'):
        metric_curves(summary_of(["aidd"]), ["aidd"], x="x", x_labels=LABELS, **TITLES)
    with pytest.raises(ImportError, match=r'pip install "aidd\[report\]"'):
        strip_image(np.zeros((2, 2)), 0.0)
