import numpy as np
import pandas as pd
import pytest

from aidd.evaluation.metrics import paired_kernel_audio_distance
from aidd.evaluation.reports.aggregate import paired_differences, set_distances, summarise
from aidd.evaluation.reports.bootstrap import bootstrap_interval


def frame() -> pd.DataFrame:
    rows = []
    for recording in "abc":
        for item in range(4):
            for method, shift in {"one": 0.0, "two": 0.25}.items():
                lsd = ord(recording) + item + shift
                row = {"item": f"{recording}{item}", "recording": recording, "method": method, "gap": 1 + item % 2}
                rows.append({**row, "lsd": lsd, "level_error": -lsd if item < 2 else lsd})
    return pd.DataFrame(rows)


def test_means_and_intervals_are_those_of_the_rows_of_a_group():
    rows = frame()
    summary = summarise(rows, "lsd", ["method", "gap"]).set_index(["method", "gap"])
    assert len(summary) == 4
    here = rows[(rows["method"] == "two") & (rows["gap"] == 2)]
    line = summary.loc["two", 2]
    assert line["mean"] == pytest.approx(here["lsd"].mean())
    assert (line["low"], line["high"]) == pytest.approx(bootstrap_interval(here["lsd"], list(here["recording"])))
    assert (line["n"], line["num_recordings"], line["num_infinite"]) == (6, 3, 0)


def test_infinite_values_are_counted_and_missing_ones_left_out():
    rows = frame()
    one = rows["method"] == "one"
    rows.loc[rows.index[one][:2], "lsd"] = np.inf
    rows.loc[rows.index[one][2], "lsd"] = np.nan
    line = summarise(rows, "lsd", ["method"]).set_index("method").loc["one"]
    assert (line["n"], line["num_infinite"]) == (11, 2)
    assert line["mean"] == pytest.approx(rows["lsd"][one].to_numpy()[3:].mean())
    rows["lsd"] = -np.inf
    line = summarise(rows, "lsd", ["method"]).iloc[0]
    assert line["mean"] == -np.inf and np.isnan(line["low"]) and line["num_infinite"] == line["n"]


def test_level_errors_count_without_their_sign():
    assert (summarise(frame(), "level_error", ["item"])["mean"] > 0).all()


def test_differences_are_of_the_same_items():
    rows = frame()
    # Another order, and an item that one of the two has no value of.
    rows = rows[~((rows["item"] == "a0") & (rows["method"] == "one"))].sample(frac=1, random_state=0)
    (line,) = paired_differences(rows, "lsd", "two", "one", ["gap"]).query("gap == 1").to_dict("records")
    assert line["n"] == 5
    assert (line["mean"], line["low"], line["high"]) == pytest.approx((0.25, 0.25, 0.25))
    assert paired_differences(rows, "level_error", "two", "one", ["gap"])["mean"].to_numpy() == pytest.approx(0.25)
    with pytest.raises(ValueError, match=r"\['one', 'two'\], got three"):
        paired_differences(rows, "lsd", "three", "one", ["gap"])


def embeddings(shift: float) -> pd.DataFrame:
    """Windows of 3 recordings, 20 each: the reference, another draw of its law, and one that lies off it."""
    draw = np.random.default_rng(0)
    rows = []
    for recording in "abc":
        for item in range(20):
            key = {"item": f"{recording}{item}", "window": 0, "recording": recording, "gap": 1}
            for method, offset in {"reference": 0.0, "same": 0.0, "off": shift}.items():
                rows.append({**key, "method": method, "embedding": list(draw.normal(size=4) + offset)})
    return pd.DataFrame(rows)


def test_distances_of_sets_are_those_of_the_windows_in_whatever_order():
    table = embeddings(1.0)
    distances = set_distances(table.sample(frac=1, random_state=0), ["gap"]).set_index("method")
    assert set(distances.index) == {"same", "off"} and (distances["n"] == 60).all()
    sets = {name: np.stack(list(of["embedding"])) for name, of in table.groupby("method")}
    assert distances.loc["off", "kad"] == pytest.approx(paired_kernel_audio_distance(sets["reference"], sets["off"]))
    assert distances.loc["same", "kad_low"] < 0 < distances.loc["same", "kad_high"]
    assert distances.loc["off", "kad_low"] > 0 and distances.loc["off", "fad_low"] > 0


def test_windows_that_a_method_refused_are_left_out_of_its_distance_only():
    table = embeddings(1.0)
    refused = (table["method"] == "off") & table["item"].isin(["a0", "b3"])
    distances = set_distances(table[~refused], ["gap"]).set_index("method")
    assert dict(distances["n"]) == {"same": 60, "off": 58}
    assert distances.loc["same", "kad"] == set_distances(table, ["gap"]).set_index("method").loc["same", "kad"]


def test_distances_against_a_method_are_differences():
    table = embeddings(1.0)
    absolute = set_distances(table, ["gap"]).set_index("method")
    (line,) = set_distances(table, ["gap"], against="same").to_dict("records")
    assert line["method"] == "off"
    for name in ("kad", "fad"):
        assert line[name] == pytest.approx(absolute.loc["off", name] - absolute.loc["same", name])
        assert line[f"{name}_low"] < line[name] < line[f"{name}_high"]


def test_methods_without_windows_of_three_recordings_have_no_distance():
    table = embeddings(1.0)
    few = table[(table["method"] != "off") | table["recording"].isin(["a", "b"])]
    assert list(set_distances(few, ["gap"])["method"]) == ["same"]
    nothing = set_distances(table[table["method"] == "reference"], ["gap"])
    assert nothing.empty and {"method", "gap", "kad", "fad_low", "n"} <= set(nothing)


def test_of_one_recording_there_is_no_interval_and_of_no_row_no_line():
    rows = frame()
    alone = summarise(rows[rows["recording"] == rows["recording"].iloc[0]], "lsd", ["method"])
    assert np.isfinite(alone["mean"]).all() and alone[["low", "high"]].isna().all(axis=None)
    assert list(summarise(rows[:0], "lsd", ["method"])) == list(alone)
